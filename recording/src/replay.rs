//! A recording, told to a supervisor again: does it do the same?

use std::collections::VecDeque;
use std::fmt;
use std::io::BufRead;
use std::iter;
use std::time::{Duration, Instant};

use livebus_core::{Action, Report, Supervisor};

use crate::epoch::Epoch;
use crate::header::Header;
use crate::line::{Content, Damage, End, Line};
use crate::reader::{ReadError, Reader};
use livebus_runner::Entry;

/// The most actions that may wait to be polled: twice what one call can cause, so more than any loop leaves behind.
const MOST_WAITING: usize = 1 << 18;

/// A supervisor that is told what a recording says, and whose actions are compared with those of the recording.
#[derive(Debug)]
pub struct Replay<R> {
    reader: Reader<R>,
    supervisor: Supervisor,
    /// What it did and the recording has not told yet.
    waiting: VecDeque<Action>,
    newest: Instant,
    summary: Summary,
}

/// How a replay ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// Every action of the recording came, in its order, and no other.
    Same(Summary),
    /// The first action that did not.
    Different(Difference),
}

/// What was replayed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Lines that were read, the first one included.
    pub lines: u64,
    /// Events and timeouts among them.
    pub inputs: u64,
    /// Actions among them.
    pub actions: u64,
    /// From when the supervisor was made to the newest instant that it was told.
    pub elapsed: Duration,
    /// Why the recording ended; `None` when a crash ended it.
    pub end: Option<End>,
    /// Whether a crash cut the last line, which was not replayed then.
    pub was_cut: bool,
}

/// Where a recording and its replay part.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The line of the recording, from 1.
    pub line: u64,
    /// What it says.
    pub recorded: String,
    /// What the supervisor did now, as a line; `None` if it did nothing more.
    pub replayed: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let replayed = self.replayed.as_deref().unwrap_or("nothing");
        let Self { line, recorded, .. } = self;
        write!(
            f,
            "line {line}\n  recorded: {recorded}\n  replayed: {replayed}"
        )
    }
}

impl<R: BufRead> Replay<R> {
    /// Reads the first line.
    ///
    /// # Errors
    ///
    /// Any [`ReadError`]: what there is has to be a recording of this version.
    pub fn new(source: R) -> Result<Self, ReadError> {
        let reader = Reader::new(source)?;
        let (supervisor, newest) = reader
            .header()
            .supervisor(reader.epoch())
            .map_err(|damage| ReadError::Damaged { line: 1, damage })?;
        Ok(Self {
            reader,
            supervisor,
            waiting: VecDeque::new(),
            newest,
            summary: Summary {
                lines: 1,
                ..Summary::default()
            },
        })
    }

    /// Replays it to its end or to the first difference. `watch` is shown each line that was told or that came again, with
    /// its number.
    ///
    /// Actions that are missing at the end are a difference if the supervisor stopped or another file goes on, and not if the
    /// loop was cut off, or a crash or the disk ended the recording.
    ///
    /// # Errors
    ///
    /// Any [`ReadError`], at the first line that cannot be read, or that leaves more actions to be polled than any loop does.
    pub fn run(mut self, mut watch: impl FnMut(u64, &Line)) -> Result<Outcome, ReadError> {
        self.collect(1)?;
        while let Some(item) = self.reader.next() {
            let (number, line) = item?;
            self.summary.lines = number;
            if let Err(replayed) = self.step(&line) {
                return Ok(Outcome::Different(Difference {
                    line: number,
                    recorded: self.text(&line),
                    replayed: replayed.map(|line| self.text(&line)),
                }));
            }
            self.collect(number)?;
            watch(number, &line);
        }
        let elapsed = self.newest.duration_since(self.reader.epoch().began());
        Ok(Outcome::Same(Summary {
            elapsed,
            was_cut: self.reader.was_cut(),
            ..self.summary
        }))
    }

    /// Tells an input, or compares. The error is what came instead.
    fn step(&mut self, line: &Line) -> Result<(), Option<Line>> {
        match &line.content {
            Content::Entry(Entry::Event(event)) => {
                self.told(line.at);
                self.supervisor.handle_event(line.at, *event);
            }
            Content::Entry(Entry::Timeout) => {
                self.told(line.at);
                self.supervisor.handle_timeout(line.at);
            }
            Content::Entry(Entry::Action(recorded)) => {
                let replayed = self.waiting.pop_front();
                if replayed != Some(*recorded) || line.at != self.newest {
                    return Err(replayed.map(|action| self.now(action)));
                }
                self.summary.actions += 1;
            }
            Content::End(end) => {
                self.summary.end = Some(end.clone());
                let promised = match end {
                    End::Stopped => 0,
                    End::Continued { queued } => *queued,
                    // Whatever cut the loop off may have done so before it had polled them all.
                    End::ForcedStop | End::TooSlow | End::Failed(_) => return Ok(()),
                };
                return self.left(promised);
            }
        }
        Ok(())
    }

    fn told(&mut self, at: Instant) {
        self.newest = self.newest.max(at);
        self.summary.inputs += 1;
    }

    /// Takes over what the supervisor did. Only a recording that no loop made has it pile up, and could fill all memory.
    fn collect(&mut self, line: u64) -> Result<(), ReadError> {
        self.waiting
            .extend(iter::from_fn(|| self.supervisor.poll_action()));
        if self.waiting.len() > MOST_WAITING {
            let damage = Damage::new("more actions wait for their lines than any loop leaves");
            return Err(ReadError::Damaged { line, damage });
        }
        Ok(())
    }

    /// Compares the number of actions that were not polled.
    fn left(&mut self, promised: u64) -> Result<(), Option<Line>> {
        for _ in 0..promised {
            self.waiting.pop_front().ok_or(None)?;
        }
        match self.waiting.pop_front() {
            Some(action) => Err(Some(self.now(action))),
            None => Ok(()),
        }
    }

    fn now(&self, action: Action) -> Line {
        Line {
            at: self.newest,
            content: Content::Entry(Entry::Action(action)),
        }
    }

    fn text(&self, line: &Line) -> String {
        let mut text = Vec::new();
        match line.encode(self.reader.epoch(), &mut text) {
            Ok(()) => String::from_utf8_lossy(text.trim_ascii_end()).into_owned(),
            Err(error) => error.to_string(),
        }
    }
}

impl<R> Replay<R> {
    /// The first line.
    #[must_use]
    pub const fn header(&self) -> &Header {
        self.reader.header()
    }

    /// Where the supervisor stands before it is told anything: not at the beginning in a file that goes on where another
    /// ended.
    #[must_use]
    pub const fn report(&self) -> &Report {
        self.supervisor.report()
    }

    /// What the instants of the lines are counted from.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.reader.epoch()
    }
}
