//! Where a recording goes, and how large it may become.

use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::reader::LONGEST_LINE;

/// Where a recording goes, and how large it may become. A field may be added in a minor version: take the rest from
/// [`new`](Self::new).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordOptions {
    /// The file. When it is full it is moved to the same name with `.1` after it, in place of the one moved before.
    ///
    /// What is no regular file, a pipe or a device, is written to as it is, without end.
    pub path: PathBuf,
    /// The most bytes that the file and the moved one have together. At least [`LEAST_BYTES`](Self::LEAST_BYTES). A larger one
    /// that an earlier run left is moved as it is, and goes with the next move.
    pub max_bytes: u64,
    /// How many entries may wait for the disk, at some 200 bytes of memory each, which are taken at the beginning; with one more,
    /// recording ends. More than 1,048,576 count as that.
    pub queue: NonZeroUsize,
}

impl RecordOptions {
    /// The least that `max_bytes` can be: 64 KiB.
    pub const LEAST_BYTES: u64 = 64 << 10;

    /// To this file, with 64 MiB at most; 4,096 entries may wait.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            max_bytes: 64 << 20,
            queue: NonZeroUsize::MIN.saturating_add(4_095),
        }
    }
}

/// Why a recording cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// There would be no room for anything.
    #[error("max_bytes = {value}: make it at least {least}")]
    TooSmall {
        /// What was asked for.
        value: u64,
        /// What the settings of this supervisor need.
        least: u64,
    },
    /// The settings do not fit into a line.
    #[error(
        "handlers: their names and states take {bytes} bytes, and a line has {LONGEST_LINE}: record with fewer of them"
    )]
    TooManyHandlers {
        /// How long the first line would be.
        bytes: usize,
    },
    /// There is a file that somebody else may need.
    #[error(
        "{} is there already and is not a livebus recording: name another file, or move this one away", path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Another recording goes there.
    #[error("another recording goes to {}: give each its own file", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// There is a folder.
    #[error("{} is a folder: name a file in it", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The file cannot be looked at, moved or made.
    #[error(
        "{}: {source}: name a file in a folder that exists and that this program may write to", path.display()
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is no thread to write with.
    #[error("the thread that writes the recording cannot be started: {0}")]
    Thread(io::Error),
}
