//! The file of a recording: bounded, and renamed when it is full.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::options::{RecordError, RecordOptions};
use crate::reader::FIRST_BYTES;

/// The size of the write buffer, in bytes.
const BUFFER: usize = 65_536;

/// The maximum size of a last line, in bytes. Every file reserves room for it.
pub(crate) const END_LINE_BYTES: usize = 512;

/// A recording's file, pipe or device.
#[derive(Debug)]
pub(crate) struct RecordFile {
    path: PathBuf,
    /// `None` until a pipe or a device is opened: that may block forever, and so is done by the thread that writes.
    file: Option<File>,
    /// The maximum size of a regular file, in bytes.
    limit: Option<u64>,
    /// The bytes in the file. After an error they may end inside a line.
    written: u64,
    buffer: Vec<u8>,
    /// Where lines end: the first line, the newest ones in the file, and those in the buffer.
    line_ends: VecDeque<u64>,
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
            line_ends: VecDeque::new(),
        })
    }

    /// Returns whether this many more bytes fit.
    pub(crate) fn fits(&self, bytes: usize) -> bool {
        let after = self.written + (self.buffer.len() + bytes) as u64;
        self.limit.is_none_or(|limit| after <= limit)
    }

    /// Adds a whole line to the buffer.
    pub(crate) fn push(&mut self, line: &[u8]) -> io::Result<()> {
        if self.buffer.len() + line.len() > BUFFER {
            self.flush()?;
        }
        self.buffer.extend_from_slice(line);
        let end = self.written + self.buffer.len() as u64;
        self.line_ends.push_back(end);
        while self.line_ends.len() > 2 && self.line_ends[2] + (END_LINE_BYTES as u64) < self.written
        {
            self.line_ends.remove(1);
        }
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
        let mut rest = &*self.buffer;
        while !rest.is_empty() {
            match file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    self.written += written as u64;
                    rest = &rest[written..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
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
        self.line_ends.clear();
        self.file = Some(create_locked(&self.path)?);
        Ok(())
    }

    /// Ends the file with this line, after a write has failed. On a full disk, it takes the place of the newest lines.
    ///
    /// Without room for it the file keeps its whole lines, and only those. A pipe or a device gets nothing more.
    pub(crate) fn end_after_failure(&mut self, last: &[u8]) -> io::Result<()> {
        self.buffer.clear();
        let (Some(file), Some(_)) = (&mut self.file, self.limit) else {
            return Ok(());
        };
        let whole = |end: &&u64| **end <= self.written;
        let Some(newest) = self.line_ends.iter().rev().find(whole).copied() else {
            // The first line is cut.
            return file.set_len(0);
        };
        let appended = write_last(file, newest, last);
        if appended.is_ok() {
            return Ok(());
        }
        // What is overwritten has its place on the disk.
        let room = self.written.saturating_sub(last.len() as u64);
        let in_place = self.line_ends.iter().rev().find(|end| **end <= room);
        match in_place {
            Some(end) => write_last(file, *end, last),
            None => file.set_len(newest).and(appended),
        }
    }
}

/// Writes the last line at this offset, and removes everything after it.
fn write_last(file: &mut File, at: u64, last: &[u8]) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.write_all(last)?;
    file.set_len(at + last.len() as u64)
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
    is_locked(file.try_lock())
}

fn is_locked(outcome: Result<(), TryLockError>) -> io::Result<bool> {
    match outcome {
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
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

    use super::*;

    fn opened() -> (RecordFile, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let options = RecordOptions::new(folder.path().join("bus"));
        (RecordFile::open(&options).expect("it can be made"), folder)
    }

    /// A file on a disk that is full as soon as the file has this text, and the text.
    fn on_a_full_disk(lines: &[&str], cut: &str) -> (RecordFile, File) {
        let (mut file, _folder) = opened();
        let disk = memfd_create("disk", MemfdFlags::ALLOW_SEALING).expect("Linux has it");
        let disk = File::from(disk);
        file.file = Some(disk.try_clone().expect("there are descriptors"));
        for line in lines {
            file.push(line.as_bytes()).expect("it can be written");
            file.flush().expect("it can be written");
        }
        let end = file.written + cut.len() as u64;
        disk.set_len(end).expect("it can grow");
        fcntl_add_seals(&disk, SealFlags::GROW).expect("it allows that");
        if !cut.is_empty() {
            let longer = format!("{cut} and more\n");
            file.push(longer.as_bytes()).expect("it fits the buffer");
            file.flush().expect_err("the disk is full");
        }
        (file, disk)
    }

    fn text(mut disk: &File) -> String {
        let mut text = String::new();
        disk.seek(SeekFrom::Start(0)).expect("a file");
        disk.read_to_string(&mut text).expect("text");
        text
    }

    fn size(options: &RecordOptions) -> u64 {
        fs::metadata(&options.path).expect("a file").len()
    }

    #[test]
    fn lines_are_written_together_once_the_buffer_is_full() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = RecordOptions::new(folder.path().join("bus"));
        let mut file = RecordFile::open(&options).expect("it can be made");
        for _ in 0..2 {
            file.push(&vec![b'a'; 32_768]).expect("it can be kept");
        }
        assert_eq!(size(&options), 0, "it fits");
        file.push(b"\n").expect("it can be written");
        assert_eq!(size(&options), 65_536);
        file.flush().expect("it can be written");
        assert_eq!(size(&options), 65_537);
    }

    #[test]
    fn bytes_fit_up_to_half_of_the_maximum_size() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = RecordOptions {
            max_bytes: 2_000,
            ..RecordOptions::new(folder.path().join("bus"))
        };
        let mut file = RecordFile::open(&options).expect("it can be made");
        file.push(&[b'a'; 100]).expect("it can be kept");
        file.flush().expect("it can be written");
        file.push(&[b'a'; 50]).expect("it can be kept");
        assert!(file.fits(850) && !file.fits(851));
        file.flush().expect("it can be written");
        assert!(file.fits(850) && !file.fits(851));
    }

    #[test]
    fn a_file_system_without_locks_counts_as_locked_and_no_other_error_does() {
        let failed = |kind: io::ErrorKind| is_locked(Err(TryLockError::Error(kind.into())));
        assert!(is_locked(Ok(())).expect("it is locked"));
        assert!(!is_locked(Err(TryLockError::WouldBlock)).expect("another has it"));
        assert!(failed(io::ErrorKind::Unsupported).expect("there are no locks"));
        let error = failed(io::ErrorKind::PermissionDenied).expect_err("it failed");
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn a_partly_written_line_is_removed_before_the_last_line() {
        let (mut file, folder) = opened();
        file.push(b"whole\n").expect("it can be written");
        file.flush().expect("it can be written");
        let half = b"half of a longer line";
        let written = file.file.as_mut().expect("open").write_all(half);
        written.expect("it can be written");
        file.written += half.len() as u64;
        file.push(b"never\n").expect("it can be written");
        file.end_after_failure(b"last\n")
            .expect("it can be written");
        let text = fs::read_to_string(folder.path().join("bus")).expect("text");
        assert_eq!(text, "whole\nlast\n");
    }

    #[test]
    fn on_a_full_disk_the_last_line_replaces_as_many_lines_as_it_needs() {
        for (lines, cut, expected) in [
            (
                &["header\n", "first\n", "second\n"][..],
                "",
                "header\nfirst\nlast\n",
            ),
            (
                &["header\n", "first\n", "second\n"],
                "third",
                "header\nfirst\nsecond\nlast\n",
            ),
            (&["header\n", "1\n", "2\n"], "", "header\n1\n2\n"),
            (&["header\n", "1\n", "2\n", "3\n"], "", "header\nlast\n"),
        ] {
            let (mut file, disk) = on_a_full_disk(lines, cut);
            // Without room for a last line that is an error.
            let ended = file.end_after_failure(b"last\n");
            assert_eq!(text(&disk), expected);
            assert_eq!(ended.is_ok(), expected.ends_with("last\n"));
        }
    }

    #[test]
    fn a_first_line_that_was_cut_leaves_an_empty_file() {
        let (mut file, disk) = on_a_full_disk(&[], "head");
        file.end_after_failure(b"last\n").expect("it can shrink");
        assert_eq!(text(&disk), "");
    }

    #[test]
    fn the_ends_of_lines_that_are_kept_are_few() {
        let (mut file, _folder) = opened();
        for _ in 0..20_000 {
            file.push(b"0123456789\n").expect("it can be written");
            file.flush().expect("it can be written");
        }
        assert_eq!(file.line_ends.front(), Some(&11));
        let count = file.line_ends.len() as u64;
        assert!((END_LINE_BYTES as u64 / 11..60).contains(&count), "{count}");
    }
}
