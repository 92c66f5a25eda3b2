//! The options of a recording: its file, and its maximum size.

use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// The file of a recording, and its maximum size. A field may be added in a minor version: take the other fields from
/// [`new`](Self::new).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordOptions {
    /// The file. When it is full it is renamed to the same name with `.1` after it, and replaces the one renamed before.
    ///
    /// A pipe or a device is written to without a limit. In a process whose files have a maximum size (`ulimit -f`), SIGXFSZ ends
    /// the process at that size, unless it is handled or ignored; then the recording ends.
    pub path: PathBuf,
    /// The maximum size of the file and the renamed one together, in bytes. At least [`MIN_BYTES`](Self::MIN_BYTES). A larger
    /// file of an earlier run is renamed as it is, and is replaced by the next one.
    pub max_bytes: u64,
    /// The maximum number of entries that wait for the disk; with one more, the recording ends. Each takes some 200 bytes of
    /// memory, allocated at the beginning. Values above 1,048,576 count as 1,048,576.
    pub queue: NonZeroUsize,
}

impl RecordOptions {
    /// The minimum of `max_bytes`: 64 KiB.
    pub const MIN_BYTES: u64 = 65_536;

    /// Returns options for this file, with at most 64 MiB and a queue of 4,096 entries.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            max_bytes: 64 << 20,
            queue: NonZeroUsize::MIN.saturating_add(4_095),
        }
    }
}

/// The error when a recording cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The maximum size is too small.
    #[error("max_bytes = {value}: make it at least {min}")]
    TooSmall {
        /// The requested maximum.
        value: u64,
        /// The minimum for these settings.
        min: u64,
    },
    /// The settings do not fit into a line.
    #[error(
        "handlers: their names and states take {bytes} bytes, and a line has {max}: record with fewer of them"
    )]
    TooManyHandlers {
        /// The length of the first line.
        bytes: usize,
        /// The maximum length of a line.
        max: usize,
    },
    /// The file exists and is no recording.
    #[error(
        "{} exists and is not a livebus recording: name another file, or move this one away", path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Another recording writes to the file.
    #[error("another recording writes to {}: give each its own file", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The path is a folder.
    #[error("{} is a folder: name a file in it", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The file cannot be read, renamed or created.
    #[error(
        "{}: {source}: name a file in a folder that exists and that this program may write to", path.display()
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The thread cannot be started.
    #[error("the thread that writes the recording cannot be started: {0}")]
    Thread(io::Error),
}
