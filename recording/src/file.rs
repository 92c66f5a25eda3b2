//! The file of a recording: bounded, and renamed when it is full.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::options::{RecordError, RecordOptions};
use crate::reader::FIRST_BYTES;

/// The size of the write buffer, in bytes.
const BUFFER: usize = 64 << 10;

/// A recording's file, pipe or device.
#[derive(Debug)]
pub(crate) struct RecordFile {
    path: PathBuf,
    /// `None` until a pipe or a device is opened: that may block forever, and so is done by the thread that writes.
    file: Option<File>,
    /// The maximum size of a regular file, in bytes.
    limit: Option<u64>,
    /// The bytes of whole lines in the file.
    written: u64,
    buffer: Vec<u8>,
}

impl RecordFile {
    /// Creates the file. Renames an earlier recording of that name; never overwrites anything else.
    pub(crate) fn open(options: &RecordOptions) -> Result<Self, RecordError> {
        let path = &options.path;
        let failed = |source| RecordError::Io {
            path: path.clone(),
            source,
        };
        let found = metadata(path).map_err(failed)?;
        let (file, limit) = match &found {
            Some(found) if found.is_dir() => {
                return Err(RecordError::Folder { path: path.clone() });
            }
            Some(found) if !found.is_file() => (None, None),
            Some(_) | None => {
                only_recordings(path)?;
                only_recordings(&rotated(path))?;
                let mut file = create(path).map_err(failed)?;
                if !locked(&file).map_err(failed)? {
                    return Err(RecordError::InUse { path: path.clone() });
                }
                if found.is_some_and(|found| found.len() > 0) {
                    fs::rename(path, rotated(path)).map_err(failed)?;
                    file = create_locked(path).map_err(failed)?;
                }
                (Some(file), Some(options.max_bytes / 2))
            }
        };
        Ok(Self {
            path: path.clone(),
            file,
            limit,
            written: 0,
            buffer: Vec::with_capacity(BUFFER),
        })
    }

    /// Returns whether this many more bytes fit.
    pub(crate) fn fits(&self, bytes: usize) -> bool {
        let after = self.written + (self.buffer.len() + bytes) as u64;
        self.limit.is_none_or(|limit| after <= limit)
    }

    /// Adds whole lines to the buffer.
    pub(crate) fn push(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.buffer.len() + lines.len() > BUFFER {
            self.flush()?;
        }
        self.buffer.extend_from_slice(lines);
        Ok(())
    }

    /// Writes the buffer.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none @ None => none.insert(OpenOptions::new().write(true).open(&self.path)?),
        };
        file.write_all(&self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Renames the file, ends it with this line, and begins another.
    ///
    /// In this order, so that after any failure there is a file to which another last line can be written, or none.
    pub(crate) fn rotate(&mut self, last: &[u8]) -> io::Result<()> {
        fs::rename(&self.path, rotated(&self.path))?;
        self.push(last)?;
        self.flush()?;
        self.file = None;
        self.written = 0;
        self.file = Some(create_locked(&self.path)?);
        Ok(())
    }

    /// Discards what could not be written. Returns whether a last line may follow: the file has whole lines, and only those.
    pub(crate) fn discard_unwritten(&mut self) -> io::Result<bool> {
        self.buffer.clear();
        match (&mut self.file, self.limit) {
            (Some(file), Some(_)) if self.written > 0 => {
                file.set_len(self.written)?;
                file.seek(SeekFrom::Start(self.written))?;
                Ok(true)
            }
            (Some(_) | None, _) => Ok(false),
        }
    }
}

/// Returns the new path of a full file.
fn rotated(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".1");
    name.into()
}

/// Opens the file for writing, and creates it if there is none; keeps its content.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// Creates the file that replaces one that was renamed.
fn create_locked(path: &Path) -> io::Result<File> {
    let file = create(path)?;
    if locked(&file)? {
        file.set_len(0)?;
        Ok(file)
    } else {
        Err(io::Error::other(
            "another recording writes to this file now",
        ))
    }
}

/// Locks the file for as long as it is open. Returns false if another recording has the lock; true where the file system has no
/// locks.
fn locked(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn metadata(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Checks that a file at `path` may be renamed or overwritten: it must be a recording, empty, or missing.
fn only_recordings(path: &Path) -> Result<(), RecordError> {
    let failed = |source| RecordError::Io {
        path: path.to_owned(),
        source,
    };
    let mut first = Vec::new();
    match metadata(path).map_err(failed)? {
        None => return Ok(()),
        Some(found) if !found.is_file() => {}
        Some(found) if found.len() == 0 => return Ok(()),
        Some(_) => {
            File::open(path)
                .and_then(|file| file.take(FIRST_BYTES.len() as u64).read_to_end(&mut first))
                .map_err(failed)?;
        }
    }
    if first == FIRST_BYTES {
        Ok(())
    } else {
        Err(RecordError::Foreign {
            path: path.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partly_written_line_is_removed_before_the_last_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = RecordOptions::new(folder.path().join("bus"));
        let mut file = RecordFile::open(&options).expect("it can be made");
        assert!(!file.discard_unwritten().expect("nothing was written"));
        file.push(b"whole\n").expect("it can be written");
        file.flush().expect("it can be written");
        let half = file
            .file
            .as_mut()
            .expect("open")
            .write_all(b"half of a longer line");
        half.expect("it can be written");
        file.push(b"never\n").expect("it can be written");
        assert!(file.discard_unwritten().expect("it can be truncated"));
        file.push(b"last\n").expect("it can be written");
        file.flush().expect("it can be written");
        let text = fs::read_to_string(&options.path).expect("text");
        assert_eq!(text, "whole\nlast\n");
    }
}
