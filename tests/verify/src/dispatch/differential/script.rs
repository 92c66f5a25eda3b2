//! Random inputs of a dispatcher. The environment keeps no promise: answers are late, repeated or to nothing, generations are wrong, records
//! come in any pace, topics are created again, time jumps.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use livebus_core::dispatch::{
    Action, CommitId, DeadLetterId, DoneRecord, Event, Generation, PartitionId, Record,
    RecordFailure, RunEnd, RunId, Start,
};
use livebus_core::{Failure, FailureClass};

use crate::rng::Rng;

/// What the script knows, so that most of its events mean something.
#[derive(Debug, Clone)]
pub struct Script {
    rng: Rng,
    now: Instant,
    runs: BTreeSet<(u64, u32)>,
    letters: BTreeSet<u64>,
    commits: BTreeSet<u64>,
    generations: [u64; PARTITIONS],
    offsets: [i64; PARTITIONS],
}

const PARTITIONS: usize = 3;

/// Operations from this number on are of no script. A lower number may be that of an operation that begins with the very event, and nobody
/// answers an action before it is polled.
const NEVER_GIVEN: u64 = 1_000_000;

/// One input, which can be given again.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its instant.
    pub at: Instant,
    kind: Option<Event<'static>>,
    records: Vec<Record>,
    done: Vec<DoneRecord>,
    acknowledged: Vec<PartitionId>,
}

impl Input {
    /// Returns the event; `None` when only time passes.
    #[must_use]
    pub fn event(&self) -> Option<Event<'_>> {
        Some(match self.kind? {
            Event::Fetched {
                partition,
                generation,
                records: _,
            } => Event::Fetched {
                partition,
                generation,
                records: &self.records,
            },
            Event::Assigned {
                partition,
                generation,
                start,
                done: _,
            } => Event::Assigned {
                partition,
                generation,
                start,
                done: &self.done,
            },
            Event::CommitAnswered {
                id,
                acknowledged: _,
            } => Event::CommitAnswered {
                id,
                acknowledged: &self.acknowledged,
            },
            other @ (Event::Pending { .. }
            | Event::RunEnded { .. }
            | Event::DeadLetterAnswered { .. }
            | Event::Revoked { .. }
            | Event::Lost { .. }
            | Event::Removed { .. }
            | Event::ClientLost
            | Event::BusUsable(_)
            | Event::Shutdown) => other,
        })
    }
}

impl Script {
    /// Returns a script that begins at an instant.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            rng: Rng::new(0),
            now,
            runs: BTreeSet::new(),
            letters: BTreeSet::new(),
            commits: BTreeSet::new(),
            generations: [0; PARTITIONS],
            offsets: [0; PARTITIONS],
        }
    }

    /// Draws the next input, for a dispatcher with this timeout. All choices follow from the number, so that a step that is left out does
    /// not change those after it.
    pub fn draw(&mut self, number: u64, timeout: Option<Instant>) -> Input {
        self.rng = Rng::new(number);
        self.now = self.next_instant(timeout);
        let index = self.partition();
        let (records, done) = (self.records(index), self.done(index));
        let acknowledged = self.acknowledged();
        let end = records.last().map_or(0, |record| record.offset + 1);
        let kind = self.event(index, end);
        Input {
            at: self.now,
            kind,
            records,
            done,
            acknowledged,
        }
    }

    fn next_instant(&mut self, timeout: Option<Instant>) -> Instant {
        let now = self.now;
        match self.rng.below(8) {
            0..=2 => timeout.unwrap_or(now).max(now),
            3 => now + Duration::from_millis(self.rng.magnitude(1, 10_000)),
            4 => {
                let back = Duration::from_millis(self.rng.below(3));
                now.checked_sub(back).unwrap_or(now)
            }
            _ => now,
        }
    }

    fn partition(&mut self) -> usize {
        usize::try_from(self.rng.below(PARTITIONS as u64)).unwrap_or(0)
    }

    /// Draws records that continue what was fetched last, or repeat some of it.
    fn records(&mut self, index: usize) -> Vec<Record> {
        let count = self.rng.between(0, 6);
        let again = if self.rng.percent(10) { 4 } else { 1 };
        let mut offset = (self.offsets[index] - again).max(-1);
        (0..count)
            .map(|_| {
                offset += i64::try_from(self.rng.between(1, 2)).unwrap_or(1);
                Record {
                    offset,
                    key: Some(self.rng.below(3)).filter(|_| self.rng.percent(90)),
                    bytes: u32::try_from(self.rng.below(20)).unwrap_or(0),
                    fingerprint: u32::try_from(self.rng.below(2)).unwrap_or(0),
                }
            })
            .collect()
    }

    fn done(&mut self, index: usize) -> Vec<DoneRecord> {
        let records = self.records(index).into_iter();
        let done = records.map(|record| DoneRecord {
            offset: record.offset,
            fingerprint: record.fingerprint,
        });
        done.collect()
    }

    /// Draws partitions whose positions are acknowledged: often all, and one that is in no commit.
    fn acknowledged(&mut self) -> Vec<PartitionId> {
        let percent = self.rng.pick(&[0, 50, 100, 100]);
        let all = (0..=PARTITIONS).map(|index| PartitionId(u32::try_from(index).unwrap_or(0)));
        all.filter(|_| self.rng.percent(percent)).collect()
    }

    fn result(&mut self) -> Result<(), Failure> {
        if self.rng.percent(75) {
            Ok(())
        } else {
            Err(FailureClass::Timeout.into())
        }
    }

    /// Draws an event, for this partition if it is about one. Its records end below `end`, and are not filled in.
    fn event(&mut self, index: usize, end: i64) -> Option<Event<'static>> {
        let partition = PartitionId(u32::try_from(index).unwrap_or(0));
        let stale = u64::from(self.rng.percent(5));
        let generation = Generation(self.generations[index].saturating_sub(stale));
        Some(match self.rng.below(40) {
            0..=3 => {
                if stale == 0 {
                    self.generations[index] += 1;
                }
                let back = i64::try_from(self.rng.below(8)).unwrap_or(0);
                let position = (self.offsets[index] - back).max(0);
                self.offsets[index] = position;
                let start = if self.rng.percent(60) {
                    Start::Committed(position)
                } else {
                    Start::Resolved(position)
                };
                Event::Assigned {
                    partition,
                    generation: Generation(self.generations[index]),
                    start,
                    done: &[],
                }
            }
            4..=9 => {
                self.offsets[index] = self.offsets[index].max(end);
                Event::Fetched {
                    partition,
                    generation,
                    records: &[],
                }
            }
            10..=11 => {
                let (run, records) = self.run();
                let done = u32::try_from(self.rng.below(u64::from(records) + 1)).unwrap_or(0);
                Event::Pending { run, done }
            }
            12..=22 => {
                let (run, records) = self.run();
                let done = u32::try_from(self.rng.below(u64::from(records) + 1)).unwrap_or(0);
                let class = self.rng.pick(&[
                    RecordFailure::Transient,
                    RecordFailure::Permanent,
                    RecordFailure::TimedOut,
                    RecordFailure::Panicked,
                ]);
                let end = match self.rng.below(10) {
                    0..=4 => RunEnd::Done,
                    5..=7 => RunEnd::Failed { done, class },
                    8 => RunEnd::Cancelled { done },
                    _ => RunEnd::Returned { done },
                };
                Event::RunEnded { run, end }
            }
            23..=25 => {
                let letters: Vec<u64> = self.letters.iter().copied().collect();
                let id = self.some_of(&letters);
                Event::DeadLetterAnswered {
                    id: DeadLetterId::from_number(id),
                    result: self.result(),
                }
            }
            26..=30 => {
                let commits: Vec<u64> = self.commits.iter().copied().collect();
                let id = self.some_of(&commits);
                Event::CommitAnswered {
                    id: CommitId::from_number(id),
                    acknowledged: &[],
                }
            }
            31 => Event::Revoked {
                partition,
                generation,
            },
            32 if self.rng.percent(50) => Event::Lost {
                partition,
                generation,
            },
            33 => {
                let from = self.offsets[index];
                let ahead = i64::try_from(self.rng.below(10)).unwrap_or(0);
                let to = (from + ahead - 6).max(0);
                self.offsets[index] = to;
                Event::Removed {
                    partition,
                    generation,
                    from,
                    to,
                }
            }
            34 if self.rng.percent(20) => Event::ClientLost,
            35 => Event::BusUsable(false),
            36..=37 => Event::BusUsable(true),
            38 if self.rng.percent(10) => Event::Shutdown,
            _ => return None,
        })
    }

    fn run(&mut self) -> (RunId, u32) {
        let runs: Vec<(u64, u32)> = self.runs.iter().copied().collect();
        if runs.is_empty() || self.rng.percent(3) {
            return (RunId::from_number(NEVER_GIVEN + self.rng.below(20)), 1);
        }
        let (id, records) = self.rng.pick(&runs);
        if self.rng.percent(80) {
            self.runs.remove(&(id, records));
        }
        (RunId::from_number(id), records)
    }

    fn some_of(&mut self, ids: &[u64]) -> u64 {
        if ids.is_empty() || self.rng.percent(5) {
            NEVER_GIVEN + self.rng.below(20)
        } else {
            self.rng.pick(ids)
        }
    }

    /// Notes what an action begins. Returns its kind.
    pub fn follow(&mut self, action: &Action) -> &'static str {
        match action {
            Action::Run(run) => {
                self.runs.insert((run.id.number(), run.records));
                "Run"
            }
            Action::Cancel { .. } => "Cancel",
            Action::Commit { id, .. } => {
                self.commits.insert(id.number());
                "Commit"
            }
            Action::WriteDeadLetter { id, .. } => {
                self.letters.insert(id.number());
                "WriteDeadLetter"
            }
            Action::Forget { .. } => "Forget",
            Action::SetPace(_) => "SetPace",
            Action::Seek { .. } => "Seek",
            Action::Release { .. } => "Release",
            Action::SetHealth(_) => "SetHealth",
            Action::Stopped { .. } => "Stopped",
        }
    }
}
