//! The writer: turns entries into the files of a recording.

use std::io;
use std::time::Instant;

use crate::epoch::Epoch;
use crate::file::{END_LINE_BYTES, RecordFile};
use crate::format::Format;
use crate::header::{Header, StartState};
use crate::line::{Content, End, Line};
use crate::machine::OwnedEntry;
use crate::options::{RecordError, RecordOptions};
use livebus_runner::Entry;

/// The maximum length of the reason in a last line, in characters.
const MAX_REASON: usize = 100;

/// Turns entries into lines, and lines into files, each of which can be replayed alone.
#[derive(Debug)]
pub(crate) struct Writer<M: Format> {
    file: RecordFile,
    header: Header<M>,
    epoch: Epoch,
    /// Receives the same inputs as the state machine that is recorded; its state is the start state of the next file.
    shadow: M,
    newest: Instant,
    has_stopped: bool,
    line: Vec<u8>,
}

impl<M: Format> Writer<M> {
    /// Checks the options, then creates the file.
    pub(crate) fn open(
        options: &RecordOptions,
        header: Header<M>,
        epoch: Epoch,
    ) -> Result<Self, RecordError> {
        let shadow = M::make(&header.config, epoch.began());
        check_sizes(options, &header, &shadow, epoch)?;
        Ok(Self {
            file: RecordFile::open(options)?,
            header,
            epoch,
            shadow,
            newest: epoch.began(),
            has_stopped: false,
            line: Vec::new(),
        })
    }

    /// Writes the first line.
    pub(crate) fn begin(&mut self) -> io::Result<()> {
        self.line.clear();
        self.header.encode(&mut self.line)?;
        if self.line.len() > M::MAX_LINE_BYTES || !self.fits() {
            return Err(io::Error::other(format!(
                "the state of the {} does not fit into a file: raise max_bytes",
                M::NAME
            )));
        }
        self.file.push(&self.line)
    }

    /// Writes one entry, into the next file if this one is full.
    pub(crate) fn write(&mut self, at: Instant, entry: OwnedEntry<M>) -> io::Result<()> {
        let line = Line {
            at,
            content: Content::Entry(entry),
        };
        self.encode(&line)?;
        if !self.fits() {
            self.rotate()?;
            self.encode(&line)?;
        }
        if self.line.len() > M::MAX_LINE_BYTES || !self.fits() {
            return Err(io::Error::other(
                "an entry does not fit into a file: raise max_bytes",
            ));
        }
        self.file.push(&self.line)?;
        self.newest = self.newest.max(at);
        match line.content {
            Content::Entry(Entry::Event(event)) => {
                self.shadow.handle_event(at, M::event(&event));
                M::remember(&mut self.header.config, &event);
            }
            Content::Entry(Entry::Timeout) => self.shadow.handle_timeout(at),
            Content::Entry(Entry::Action(action)) => {
                // If the shadow's action differs, a replay will show that.
                let _same = self.shadow.poll_action();
                self.has_stopped |= M::is_last(&action);
            }
            Content::End(_) => {}
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    /// Returns how the recording ends when there are no more entries.
    pub(crate) fn end_of_input(&self) -> End {
        if self.has_stopped {
            End::Stopped
        } else {
            End::ForcedStop
        }
    }

    /// Writes the last line.
    pub(crate) fn end(&mut self, end: End) -> io::Result<()> {
        self.encode_end(end)?;
        if self.file.fits(self.line.len()) {
            self.file.push(&self.line)?;
        }
        self.file.flush()
    }

    /// Writes the last line after a write has failed. See [`RecordFile::end_after_failure`].
    pub(crate) fn end_failed(&mut self, end: End) -> io::Result<()> {
        self.encode_end(bounded(end))?;
        self.file.end_after_failure(&self.line)
    }

    /// Returns whether the line fits into the file, and a last line after it.
    fn fits(&self) -> bool {
        self.file.fits(self.line.len() + END_LINE_BYTES)
    }

    /// Ends this file and begins the next with the state of the supervisor.
    fn rotate(&mut self) -> io::Result<()> {
        let mut shadow = self.shadow.clone();
        let queued = std::iter::from_fn(|| shadow.poll_action()).count() as u64;
        self.encode_end(End::Continued { queued })?;
        self.file.rotate(&self.line)?;
        self.header.start_state = Some(start_state(&self.shadow, self.newest, self.epoch));
        self.begin()
    }

    fn encode_end(&mut self, end: End) -> io::Result<()> {
        self.encode(&Line {
            at: self.newest,
            content: Content::End(end),
        })
    }

    fn encode(&mut self, line: &Line<M>) -> io::Result<()> {
        self.line.clear();
        line.encode(self.epoch, &mut self.line)
    }
}

/// Returns the end with a reason that fits into a last line, whatever its characters are.
fn bounded(end: End) -> End {
    match end {
        End::Failed(reason) => End::Failed(reason.chars().take(MAX_REASON).collect()),
        end @ (End::Stopped | End::ForcedStop | End::Continued { .. } | End::TooSlow) => end,
    }
}

fn start_state<M: Format>(machine: &M, newest: Instant, epoch: Epoch) -> StartState {
    StartState {
        ns: epoch.nanos(newest),
        state: machine.state(epoch.began()),
    }
}

/// Returns the minimum size of a file whose first line may have so many bytes.
fn min_file(first_line: usize) -> u64 {
    RecordOptions::MIN_BYTES.max((first_line + END_LINE_BYTES) as u64 * 2)
}

/// Checks that the first line of every file takes at most half of it.
fn check_sizes<M: Format>(
    options: &RecordOptions,
    header: &Header<M>,
    machine: &M,
    epoch: Epoch,
) -> Result<(), RecordError> {
    let largest = Header {
        start_state: Some(start_state(machine, epoch.began(), epoch)),
        ..header.clone()
    };
    let mut line = Vec::new();
    largest
        .encode(&mut line)
        .map_err(|source| RecordError::Io {
            path: options.path.clone(),
            source,
        })?;
    let bytes = M::max_first_line(line.len(), &header.config);
    if bytes > M::MAX_LINE_BYTES {
        let max = M::MAX_LINE_BYTES;
        return Err(RecordError::TooManyHandlers { bytes, max });
    }
    let min = min_file(bytes);
    if options.max_bytes < min {
        return Err(RecordError::TooSmall {
            value: options.max_bytes,
            min,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use livebus_core::{Config, Handler, Settings, Supervisor};

    use super::*;
    use crate::machine::Recorded;

    const MAX_LINE_BYTES: usize = <Supervisor as Recorded>::MAX_LINE_BYTES;

    /// Returns a writer whose first line has `length` bytes.
    fn writer(options: &RecordOptions, length: usize) -> Writer<Supervisor> {
        let config = Config::new(Settings::default()).expect("the defaults are valid");
        let mut header = Header {
            service: String::new(),
            began_unix_ms: 0,
            config,
            start_state: None,
        };
        let mut line = Vec::new();
        header.encode(&mut line).expect("it can be written");
        let epoch = Epoch::for_reading();
        let mut writer = Writer::open(options, header.clone(), epoch).expect("it can be made");
        header.service = "a".repeat(length - line.len());
        writer.header = header;
        writer
    }

    #[test]
    fn a_first_line_that_no_reader_accepts_is_not_written() {
        let device = RecordOptions::new("/dev/null");
        assert!(writer(&device, MAX_LINE_BYTES).begin().is_ok());
        let error = writer(&device, MAX_LINE_BYTES + 1).begin();
        let error = error.expect_err("it is too long").to_string();
        assert!(error.ends_with("raise max_bytes"), "{error}");
    }

    #[test]
    fn a_first_line_that_leaves_no_room_for_the_last_is_not_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = RecordOptions {
            max_bytes: RecordOptions::MIN_BYTES,
            ..RecordOptions::new(folder.path().join("bus"))
        };
        let room = 32_768 - END_LINE_BYTES;
        assert!(writer(&options, room).begin().is_ok());
        let error = writer(&options, room + 1).begin();
        let error = error.expect_err("it is too long").to_string();
        assert!(error.ends_with("raise max_bytes"), "{error}");
    }

    #[test]
    fn a_first_line_may_double_and_grow_with_each_handler() {
        let handlers = ["a", "b", "c"].map(|name| Handler {
            name: name.to_owned(),
            required: true,
        });
        let config = Config::new(Settings::default())
            .and_then(|config| config.with_handlers(handlers.to_vec()))
            .expect("it is valid");
        assert_eq!(Supervisor::max_first_line(100, &config), 584);
        assert_eq!(min_file(0), RecordOptions::MIN_BYTES);
        assert_eq!(min_file(40_000), 81_024);
    }

    #[test]
    fn the_size_of_a_first_line_includes_the_state_of_the_supervisor() {
        let header = |service: usize| Header {
            service: "a".repeat(service),
            began_unix_ms: 0,
            config: Config::new(Settings::default()).expect("the defaults are valid"),
            start_state: None,
        };
        let epoch = Epoch::for_reading();
        let options = RecordOptions {
            max_bytes: 0,
            ..RecordOptions::new("/dev/null")
        };
        let min = |header: &Header<Supervisor>| {
            let supervisor = Supervisor::new(header.config.clone(), epoch.began());
            match check_sizes(&options, header, &supervisor, epoch) {
                Err(RecordError::TooSmall { min, .. }) => Some(min),
                Err(RecordError::TooManyHandlers { .. }) => None,
                other => panic!("{other:?}"),
            }
        };
        let mut line = Vec::new();
        let long = header(100_000);
        long.encode(&mut line).expect("it can be written");
        let begun = min(&long).expect("it fits");
        assert!(begun > min_file(line.len() * 2));
        // A longer name makes the line longer by as much, and the file by four times as much.
        let room = (min_file(MAX_LINE_BYTES) - begun) / 4;
        let longest = 100_000 + usize::try_from(room).expect("it is small");
        assert_eq!(min(&header(longest)), Some(min_file(MAX_LINE_BYTES)));
        assert_eq!(min(&header(longest + 1)), None);
    }

    #[test]
    fn the_last_line_after_a_failed_write_says_why() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bus");
        let options = RecordOptions::new(&path);
        let mut writer = writer(&options, 32_768);
        writer.begin().expect("it can be written");
        writer.flush().expect("it can be written");
        let failed = End::Failed("full".repeat(1_000));
        writer.end_failed(failed).expect("it can be written");
        let text = std::fs::read_to_string(&path).expect("text");
        let last = text.lines().nth(1).expect("a last line");
        assert!(last.contains(&"full".repeat(MAX_REASON / 4)), "{last}");
        assert!(last.len() < END_LINE_BYTES);
    }
}
