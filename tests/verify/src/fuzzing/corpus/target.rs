//! The fuzz targets, and the paths of their inputs.

use std::path::{Path, PathBuf};

use crate::fuzzing;

/// A fuzz target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Target {
    /// Settings, and events for a supervisor.
    Events,
    /// A snapshot, and events after it.
    Snapshot,
    /// A file that is read as a recording.
    Recording,
    /// Events, and changes to the lines of their recording.
    Lines,
    /// The headers of a request, a cancel record or a reply, with changes.
    Headers,
    /// A message of VOLTHA's wire.
    Voltha,
}

impl Target {
    /// Returns the name that cargo-fuzz knows the target by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Snapshot => "snapshot",
            Self::Recording => "recording",
            Self::Lines => "lines",
            Self::Headers => "headers",
            Self::Voltha => "voltha",
        }
    }

    /// Runs the target on one input.
    ///
    /// # Panics
    ///
    /// If the input shows that a claim is false.
    pub fn run(self, input: &[u8]) {
        match self {
            Self::Events => fuzzing::events(input),
            Self::Snapshot => fuzzing::snapshot(input),
            Self::Recording => fuzzing::recording(input),
            Self::Lines => fuzzing::lines(input),
            Self::Headers => fuzzing::headers(input),
            Self::Voltha => fuzzing::voltha(input),
        }
    }

    /// Returns the path of the pack.
    #[must_use]
    pub fn pack(self) -> PathBuf {
        self.folder().with_extension("pack")
    }

    /// Returns the folder where cargo-fuzz looks for the inputs, and writes new ones. Git ignores it.
    #[must_use]
    pub fn folder(self) -> PathBuf {
        fuzz().join("corpus").join(self.name())
    }

    /// Returns the folder with the inputs that once failed.
    #[must_use]
    pub fn regressions(self) -> PathBuf {
        fuzz().join("regressions").join(self.name())
    }
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("fuzz")
}
