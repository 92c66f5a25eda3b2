//! The replay: gives the inputs of a recording to a new state machine, and compares its actions.

use std::collections::VecDeque;
use std::fmt;
use std::io::BufRead;
use std::iter;
use std::time::{Duration, Instant};

use livebus_core::{Report, Supervisor};

use crate::epoch::Epoch;
use crate::format::Format;
use crate::header::Header;
use crate::line::{Content, Damage, End, Line};
use crate::reader::{ReadError, Reader};
use livebus_runner::Entry;

/// The maximum number of actions that wait for their lines: twice what one call can cause, so more than any loop leaves unpolled.
const MAX_PENDING: usize = 262_144;

/// Gives the inputs of a recording to a new state machine, and compares its actions with those of the recording.
#[derive(Debug)]
pub struct Replay<R, M: Format> {
    reader: Reader<R, M>,
    machine: M,
    /// Its actions that were not compared yet.
    pending: VecDeque<M::Action>,
    newest: Instant,
    summary: Summary,
}

/// The outcome of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// The state machine returned every action of the recording, in its order, and no other.
    Same(Summary),
    /// The first difference.
    Different(Difference),
}

/// The size of what was replayed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Lines that were read, the first one included.
    pub lines: u64,
    /// Events and timeouts among them.
    pub inputs: u64,
    /// Actions among them.
    pub actions: u64,
    /// The time from the instant at which the state machine was made to the newest instant of its inputs.
    pub elapsed: Duration,
    /// Why the recording ended; `None` when a crash ended it, or a disk that had no room for the end.
    pub end: Option<End>,
    /// Whether the last line is incomplete, as a crash leaves it; it was not replayed then.
    pub was_cut: bool,
}

/// The first difference between a recording and its replay.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The line of the recording, from 1.
    pub line: u64,
    /// The text of the line.
    pub recorded: String,
    /// The state machine's action, as a line; `None` if it returned none.
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

impl<R: BufRead, M: Format> Replay<R, M> {
    /// Reads the first line.
    ///
    /// # Errors
    ///
    /// Any [`ReadError`]: the source must be a recording of this version.
    pub fn new(source: R) -> Result<Self, ReadError> {
        let reader: Reader<R, M> = Reader::new(source)?;
        let (machine, newest) = reader
            .header()
            .machine(reader.epoch())
            .map_err(|damage| ReadError::Damaged { line: 1, damage })?;
        Ok(Self {
            reader,
            machine,
            pending: VecDeque::new(),
            newest,
            summary: Summary {
                lines: 1,
                ..Summary::default()
            },
        })
    }

    /// Replays to the end or to the first difference. Calls `on_line` with each line that was replayed, and its number.
    ///
    /// Actions that are missing at the end are a difference if the state machine stopped or another file continues, and not after a
    /// forced stop, or if a crash or the disk ended the recording.
    ///
    /// # Errors
    ///
    /// Any [`ReadError`], at the first line that cannot be read, or that leaves more actions to be polled than any loop does.
    pub fn run(self, mut on_line: impl FnMut(u64, &Line<M>)) -> Result<Outcome, ReadError> {
        self.run_with(|number, line, _| on_line(number, line))
    }

    /// As [`run`](Self::run). Calls `on_line` with the state machine as well, as it is after the line.
    ///
    /// # Errors
    ///
    /// As those of [`run`](Self::run).
    pub fn run_with(
        mut self,
        mut on_line: impl FnMut(u64, &Line<M>, &M),
    ) -> Result<Outcome, ReadError> {
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
            on_line(number, &line, &self.machine);
        }
        let elapsed = self.newest.duration_since(self.reader.epoch().began());
        Ok(Outcome::Same(Summary {
            elapsed,
            was_cut: self.reader.was_cut(),
            ..self.summary
        }))
    }

    /// Gives an input to the state machine, or compares an action. The error is the action that came instead.
    fn step(&mut self, line: &Line<M>) -> Result<(), Option<Line<M>>> {
        match &line.content {
            Content::Entry(Entry::Event(event)) => {
                self.count_input(line.at);
                self.machine.handle_event(line.at, M::event(event));
            }
            Content::Entry(Entry::Timeout) => {
                self.count_input(line.at);
                self.machine.handle_timeout(line.at);
            }
            Content::Entry(Entry::Action(recorded)) => {
                let replayed = self.pending.pop_front();
                if replayed.as_ref() != Some(recorded) || line.at != self.newest {
                    return Err(replayed.map(|action| self.now(action)));
                }
                self.summary.actions += 1;
            }
            Content::End(end) => {
                self.summary.end = Some(end.clone());
                let expected = match end {
                    End::Stopped => 0,
                    End::Continued { queued } => *queued,
                    // The loop may have ended before it had polled them all.
                    End::ForcedStop | End::TooSlow | End::Failed(_) => return Ok(()),
                };
                return self.compare_left(expected);
            }
        }
        Ok(())
    }

    fn count_input(&mut self, at: Instant) {
        self.newest = self.newest.max(at);
        self.summary.inputs += 1;
    }

    /// Collects the actions. Only a recording that no loop made lets them accumulate without a bound.
    fn collect(&mut self, line: u64) -> Result<(), ReadError> {
        self.pending
            .extend(iter::from_fn(|| self.machine.poll_action()));
        if self.pending.len() > MAX_PENDING {
            let damage = Damage::new("more actions are pending than any loop leaves unpolled");
            return Err(ReadError::Damaged { line, damage });
        }
        Ok(())
    }

    /// Compares the number of actions that were not polled with the expected one.
    fn compare_left(&mut self, expected: u64) -> Result<(), Option<Line<M>>> {
        for _ in 0..expected {
            self.pending.pop_front().ok_or(None)?;
        }
        match self.pending.pop_front() {
            Some(action) => Err(Some(self.now(action))),
            None => Ok(()),
        }
    }

    fn now(&self, action: M::Action) -> Line<M> {
        Line {
            at: self.newest,
            content: Content::Entry(Entry::Action(action)),
        }
    }

    fn text(&self, line: &Line<M>) -> String {
        let mut text = Vec::new();
        match line.encode(self.reader.epoch(), &mut text) {
            Ok(()) => String::from_utf8_lossy(text.trim_ascii_end()).into_owned(),
            Err(error) => error.to_string(),
        }
    }
}

impl<R, M: Format> Replay<R, M> {
    /// Returns the header.
    #[must_use]
    pub const fn header(&self) -> &Header<M> {
        self.reader.header()
    }

    /// Returns the epoch of the lines' instants.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.reader.epoch()
    }

    /// Returns the state machine before the first input; in a file that continues another, with its start state.
    #[must_use]
    pub const fn machine(&self) -> &M {
        &self.machine
    }
}

impl<R> Replay<R, Supervisor> {
    /// Returns the report of the supervisor before the first input; in a file that continues another, that of its start state.
    #[must_use]
    pub const fn report(&self) -> &Report {
        self.machine.report()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_its_line_and_both_texts() {
        let mut difference = Difference {
            line: 7,
            recorded: "recorded".to_owned(),
            replayed: Some("other".to_owned()),
        };
        let shown = "line 7\n  recorded: recorded\n  replayed: other";
        assert_eq!(difference.to_string(), shown);
        difference.replayed = None;
        assert!(difference.to_string().ends_with("replayed: nothing"));
    }
}
