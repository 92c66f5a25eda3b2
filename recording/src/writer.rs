//! What the thread does that writes a recording.

use std::io;
use std::time::Instant;

use livebus_core::{Action, Status, Supervisor};

use crate::epoch::Epoch;
use crate::file::RecordFile;
use crate::header::{Header, Standing};
use crate::line::{Content, End, Line};
use crate::options::{RecordError, RecordOptions};
use crate::reader::LONGEST_LINE;
use livebus_runner::Entry;

/// Kept free in every file for the line that ends it.
const ROOM_TO_END: usize = 512;

/// What a handler that is being registered, and the action that asks for it, take in a snapshot.
const ROOM_FOR_A_HANDLER: usize = 128;

/// Turns entries into lines, and lines into files each of which can be replayed alone.
#[derive(Debug)]
pub(crate) struct Writer {
    file: RecordFile,
    header: Header,
    epoch: Epoch,
    /// Told the same as the supervisor that is recorded: where that stands when a file begins.
    shadow: Supervisor,
    newest: Instant,
    status: Status,
    line: Vec<u8>,
}

impl Writer {
    /// Makes the file, when all that can be known to be wrong has been looked at.
    pub(crate) fn open(
        options: &RecordOptions,
        header: Header,
        epoch: Epoch,
    ) -> Result<Self, RecordError> {
        let shadow = Supervisor::new(header.config.clone(), epoch.began());
        fits(options, &header, &shadow, epoch)?;
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
        if self.line.len() > LONGEST_LINE || !self.file.has_room(self.line.len() + ROOM_TO_END) {
            return Err(io::Error::other(
                "where the supervisor stands does not fit into a file; raise max_bytes",
            ));
        }
        self.file.push(&self.line)
    }

    /// Writes one entry, into the next file if this one is full.
    pub(crate) fn write(&mut self, at: Instant, entry: Entry) -> io::Result<()> {
        self.encode(at, Content::Entry(entry))?;
        if !self.file.has_room(self.line.len() + ROOM_TO_END) {
            self.go_on_elsewhere()?;
            self.encode(at, Content::Entry(entry))?;
        }
        self.file.push(&self.line)?;
        self.newest = self.newest.max(at);
        match entry {
            Entry::Event(event) => self.shadow.handle_event(at, event),
            Entry::Timeout => self.shadow.handle_timeout(at),
            Entry::Action(action) => {
                // What the shadow does instead, if it is not the same, is what a replay will show.
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

    /// How it ends when there are no more entries.
    pub(crate) fn natural_end(&self) -> End {
        if self.status == Status::Stopped {
            End::Stopped
        } else {
            End::ForcedStop
        }
    }

    /// Writes the last line.
    pub(crate) fn end(&mut self, end: End) -> io::Result<()> {
        self.encode(self.newest, Content::End(end))?;
        if self.file.has_room(self.line.len()) {
            self.file.push(&self.line)?;
        }
        self.file.flush()
    }

    /// Writes the last line after something could not be written: after what was, if anything.
    pub(crate) fn end_failed(&mut self, end: End) -> io::Result<()> {
        if self.file.give_up_unwritten()? {
            self.end(end)?;
        }
        Ok(())
    }

    /// Ends this file and begins the next where the supervisor stands.
    fn go_on_elsewhere(&mut self) -> io::Result<()> {
        let mut left = self.shadow.clone();
        let queued = std::iter::from_fn(|| left.poll_action()).count() as u64;
        self.encode(self.newest, Content::End(End::Continued { queued }))?;
        self.file.rotate(&self.line)?;
        self.header.standing = Some(standing(&self.shadow, self.newest, self.epoch));
        self.begin()
    }

    fn encode(&mut self, at: Instant, content: Content) -> io::Result<()> {
        self.line.clear();
        Line { at, content }.encode(self.epoch, &mut self.line)
    }
}

fn standing(supervisor: &Supervisor, newest: Instant, epoch: Epoch) -> Standing {
    Standing {
        ns: epoch.nanos(newest),
        state: supervisor.snapshot(epoch.began()),
    }
}

/// Whether the first line of every file leaves as much room again for others.
fn fits(
    options: &RecordOptions,
    header: &Header,
    supervisor: &Supervisor,
    epoch: Epoch,
) -> Result<(), RecordError> {
    let handlers = header.config.settings().handlers.len();
    let later = Header {
        standing: Some(standing(supervisor, epoch.began(), epoch)),
        ..header.clone()
    };
    let mut line = Vec::new();
    later.encode(&mut line).map_err(|source| RecordError::Io {
        path: options.path.clone(),
        source,
    })?;
    let bytes = line.len() * 2 + handlers * ROOM_FOR_A_HANDLER;
    if bytes > LONGEST_LINE {
        return Err(RecordError::TooManyHandlers { bytes });
    }
    let least = RecordOptions::LEAST_BYTES.max((bytes + ROOM_TO_END) as u64 * 2);
    if options.max_bytes < least {
        return Err(RecordError::TooSmall {
            value: options.max_bytes,
            least,
        });
    }
    Ok(())
}
