//! The file of a recording: bounded, and moved aside when it is full.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::options::{RecordError, RecordOptions};
use crate::reader::FIRST_BYTES;

/// What waits to be written at once.
const BUFFER: usize = 64 << 10;

/// A recording's file, or what stands in its place.
#[derive(Debug)]
pub(crate) struct RecordFile {
    path: PathBuf,
    /// `None` until a pipe or a device is opened, which may take forever, and so is left to the thread that writes.
    file: Option<File>,
    /// The most bytes of a regular file.
    limit: Option<u64>,
    /// Bytes of whole lines that are in the file.
    written: u64,
    buffer: Vec<u8>,
}

impl RecordFile {
    /// Makes the file. An earlier recording of that name is moved aside; nothing else is ever overwritten.
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
                only_recordings(&moved(path))?;
                let mut file = create(path).map_err(failed)?;
                if !locked(&file).map_err(failed)? {
                    return Err(RecordError::InUse { path: path.clone() });
                }
                if found.is_some_and(|found| found.len() > 0) {
                    fs::rename(path, moved(path)).map_err(failed)?;
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

    /// Whether so many bytes more can be written.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        let after = self.written + (self.buffer.len() + bytes) as u64;
        self.limit.is_none_or(|limit| after <= limit)
    }

    /// Takes whole lines, to be written soon.
    pub(crate) fn push(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.buffer.len() + lines.len() > BUFFER {
            self.flush()?;
        }
        self.buffer.extend_from_slice(lines);
        Ok(())
    }

    /// Writes what was taken.
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

    /// Moves the file aside, ends it with this line, and begins another.
    ///
    /// In this order, so that whatever fails leaves a file to which another last line may be written, or none.
    pub(crate) fn rotate(&mut self, last: &[u8]) -> io::Result<()> {
        fs::rename(&self.path, moved(&self.path))?;
        self.push(last)?;
        self.flush()?;
        self.file = None;
        self.written = 0;
        self.file = Some(create_locked(&self.path)?);
        Ok(())
    }

    /// Forgets what could not be written. Whether a last line may follow: the file has whole lines, and only those.
    pub(crate) fn give_up_unwritten(&mut self) -> io::Result<bool> {
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

/// Where a full file goes.
fn moved(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".1");
    name.into()
}

/// Opens it, with what is in it.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
}

/// Makes the file that takes the place of one that was moved away.
fn create_locked(path: &Path) -> io::Result<File> {
    let file = create(path)?;
    if locked(&file)? {
        file.set_len(0)?;
        Ok(file)
    } else {
        Err(io::Error::other("another recording goes there by now"))
    }
}

/// Whether nobody else records into it, as long as it is held. Where the file system has no locks, nobody knows.
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

/// Makes sure that what is there, if anything is, may be moved or overwritten: a recording, or nothing.
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
    fn what_was_written_by_half_is_cut_off_before_the_last_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = RecordOptions::new(folder.path().join("bus"));
        let mut file = RecordFile::open(&options).expect("it can be made");
        assert!(!file.give_up_unwritten().expect("nothing was written"));
        file.push(b"whole\n").expect("there is room");
        file.flush().expect("there is room");
        let half = file
            .file
            .as_mut()
            .expect("open")
            .write_all(b"half of a longer line");
        half.expect("there is room");
        file.push(b"never\n").expect("there is room");
        assert!(file.give_up_unwritten().expect("it can be cut"));
        file.push(b"last\n").expect("there is room");
        file.flush().expect("there is room");
        let text = fs::read_to_string(&options.path).expect("text");
        assert_eq!(text, "whole\nlast\n");
    }
}
