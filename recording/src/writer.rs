//! The writer: turns entries into the files of a recording.

use std::io;
use std::time::Instant;

use livebus_core::{Action, Status, Supervisor};

use crate::epoch::Epoch;
use crate::file::RecordFile;
use crate::header::{Header, StartState};
use crate::line::{Content, End, Line};
use crate::options::{RecordError, RecordOptions};
use crate::reader::MAX_LINE_BYTES;
use livebus_runner::Entry;

/// The bytes that every file reserves for its last line.
const END_LINE_BYTES: usize = 512;

/// The bytes that a handler in registration, and the action that requests it, take in a snapshot.
const MAX_HANDLER_STATE_BYTES: usize = 128;

/// Turns entries into lines, and lines into files, each of which can be replayed alone.
#[derive(Debug)]
pub(crate) struct Writer {
    file: RecordFile,
    header: Header,
    epoch: Epoch,
    /// Receives the same inputs as the supervisor that is recorded; its state is the start state of the next file.
    shadow: Supervisor,
    newest: Instant,
    status: Status,
    line: Vec<u8>,
}

impl Writer {
    /// Checks the options, then creates the file.
    pub(crate) fn open(
        options: &RecordOptions,
        header: Header,
        epoch: Epoch,
    ) -> Result<Self, RecordError> {
        let shadow = Supervisor::new(header.config.clone(), epoch.began());
        check_sizes(options, &header, &shadow, epoch)?;
        Ok(Self {
            file: RecordFile::open(options)?,
            header,
            epoch,
            shadow,
            newest: epoch.began(),
            status: Status::Unknown,
            line: Vec::new(),
        })
    }

    /// Writes the first line.
    pub(crate) fn begin(&mut self) -> io::Result<()> {
        self.line.clear();
        self.header.encode(&mut self.line)?;
        if self.line.len() > MAX_LINE_BYTES || !self.file.fits(self.line.len() + END_LINE_BYTES) {
            return Err(io::Error::other(
                "the state of the supervisor does not fit into a file: raise max_bytes",
            ));
        }
        self.file.push(&self.line)
    }

    /// Writes one entry, into the next file if this one is full.
    pub(crate) fn write(&mut self, at: Instant, entry: Entry) -> io::Result<()> {
        self.encode(at, Content::Entry(entry))?;
        if !self.file.fits(self.line.len() + END_LINE_BYTES) {
            self.rotate()?;
            self.encode(at, Content::Entry(entry))?;
        }
        self.file.push(&self.line)?;
        self.newest = self.newest.max(at);
        match entry {
            Entry::Event(event) => self.shadow.handle_event(at, event),
            Entry::Timeout => self.shadow.handle_timeout(at),
            Entry::Action(action) => {
                // If the shadow's action differs, a replay will show that.
                let _same = self.shadow.poll_action();
                if let Action::SetStatus(report) = action {
                    self.status = report.status;
                }
            }
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    /// Returns how the recording ends when there are no more entries.
    pub(crate) fn end_of_input(&self) -> End {
        if self.status == Status::Stopped {
            End::Stopped
        } else {
            End::ForcedStop
        }
    }

    /// Writes the last line.
    pub(crate) fn end(&mut self, end: End) -> io::Result<()> {
        self.encode(self.newest, Content::End(end))?;
        if self.file.fits(self.line.len()) {
            self.file.push(&self.line)?;
        }
        self.file.flush()
    }

    /// Writes the last line after a write has failed: after the lines that were written, if there are any.
    pub(crate) fn end_failed(&mut self, end: End) -> io::Result<()> {
        if self.file.discard_unwritten()? {
            self.end(end)?;
        }
        Ok(())
    }

    /// Ends this file and begins the next with the state of the supervisor.
    fn rotate(&mut self) -> io::Result<()> {
        let mut shadow = self.shadow.clone();
        let queued = std::iter::from_fn(|| shadow.poll_action()).count() as u64;
        self.encode(self.newest, Content::End(End::Continued { queued }))?;
        self.file.rotate(&self.line)?;
        self.header.start_state = Some(start_state(&self.shadow, self.newest, self.epoch));
        self.begin()
    }

    fn encode(&mut self, at: Instant, content: Content) -> io::Result<()> {
        self.line.clear();
        Line { at, content }.encode(self.epoch, &mut self.line)
    }
}

fn start_state(supervisor: &Supervisor, newest: Instant, epoch: Epoch) -> StartState {
    StartState {
        ns: epoch.nanos(newest),
        state: supervisor.snapshot(epoch.began()),
    }
}

/// Checks that the first line of every file takes at most half of it.
fn check_sizes(
    options: &RecordOptions,
    header: &Header,
    supervisor: &Supervisor,
    epoch: Epoch,
) -> Result<(), RecordError> {
    let handlers = header.config.handlers().len();
    let largest = Header {
        start_state: Some(start_state(supervisor, epoch.began(), epoch)),
        ..header.clone()
    };
    let mut line = Vec::new();
    largest
        .encode(&mut line)
        .map_err(|source| RecordError::Io {
            path: options.path.clone(),
            source,
        })?;
    let bytes = line.len() * 2 + handlers * MAX_HANDLER_STATE_BYTES;
    if bytes > MAX_LINE_BYTES {
        return Err(RecordError::TooManyHandlers { bytes });
    }
    let min = RecordOptions::MIN_BYTES.max((bytes + END_LINE_BYTES) as u64 * 2);
    if options.max_bytes < min {
        return Err(RecordError::TooSmall {
            value: options.max_bytes,
            min,
        });
    }
    Ok(())
}
