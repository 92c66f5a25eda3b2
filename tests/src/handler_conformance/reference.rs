//! The reference driver: gives the script to the core without a loop, and returns what a recording has of it, step by step.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use livebus_core::dispatch::{
    Action, CommitId, Config, DeadLetterId, Dispatcher, Event, Generation, PartitionId, Record,
    RunEnd, RunId,
};
use livebus_recording::Epoch;
use livebus_recording::dispatch::{Content, Line, OwnedEvent, PartitionName};
use livebus_runner::handlers::{Numbered, PartitionNumbers, fingerprint};
use livebus_runner::{DispatchEntry, DispatchObserver, Entry, ObservedDispatcher};

use super::script::{AT_ONCE, Step, TOPIC, settings};

/// The lines of a recording, as text. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines(pub(super) Arc<Mutex<Vec<String>>>);

/// Writes the lines of a recording into memory.
pub(super) struct MemoryRecorder {
    pub(super) lines: Lines,
    pub(super) epoch: Epoch,
    pub(super) name: Option<PartitionName>,
}

impl DispatchObserver for MemoryRecorder {
    fn name(&mut self, partition: PartitionId, topic: &str, number: i32) {
        let topic = topic.to_owned();
        self.name = Some(PartitionName {
            partition,
            topic,
            number,
        });
    }

    fn observe(&mut self, at: Instant, entry: DispatchEntry<'_>) {
        let entry = match entry {
            Entry::Event(event) => Entry::Event(OwnedEvent::new(event, self.name.take())),
            Entry::Timeout => Entry::Timeout,
            Entry::Action(action) => Entry::Action(action.clone()),
        };
        let line = Line {
            at,
            content: Content::Entry(entry),
        };
        let mut text = Vec::new();
        line.encode(self.epoch, &mut text)
            .expect("a line can be written");
        let text = String::from_utf8(text).expect("JSON is text");
        let mut lines = self.lines.0.lock().expect("no thread panics");
        lines.push(text);
    }
}

struct Reference {
    dispatcher: ObservedDispatcher,
    now: Instant,
    numbers: PartitionNumbers,
    assigned: HashMap<i32, Numbered>,
    /// Whether the function waits with a record, for the records of each partition.
    records: HashMap<(u32, i64), bool>,
    fetched: HashMap<u32, Vec<i64>>,
    /// The record with which the function of a run waits.
    waiting: HashMap<(i32, i64), RunId>,
    commits: VecDeque<(CommitId, Vec<PartitionId>)>,
    letters: VecDeque<DeadLetterId>,
    /// What the function or the supervisor sends next.
    follow_ups: VecDeque<Event<'static>>,
    is_stopping: bool,
}

/// Drives the core through a script. Returns the lines that each step leads to.
///
/// # Errors
///
/// A step that is impossible, or leads to two messages at once, which a loop may receive in any order.
///
/// # Panics
///
/// Never: no thread panics with a lock.
pub fn drive(script: &[Step]) -> Result<Vec<Vec<String>>, String> {
    let began = Instant::now();
    let lines = Lines::default();
    let recorder = MemoryRecorder {
        lines: lines.clone(),
        epoch: Epoch::new(began),
        name: None,
    };
    let config = Config::new(settings()).map_err(|error| error.to_string())?;
    let dispatcher = Dispatcher::new(config, began);
    let mut reference = Reference {
        dispatcher: ObservedDispatcher::new(dispatcher, began, vec![Box::new(recorder)]),
        now: began,
        numbers: PartitionNumbers::default(),
        assigned: HashMap::new(),
        records: HashMap::new(),
        fetched: HashMap::new(),
        waiting: HashMap::new(),
        commits: VecDeque::new(),
        letters: VecDeque::new(),
        follow_ups: VecDeque::new(),
        is_stopping: false,
    };
    let mut steps = Vec::new();
    for step in script {
        reference
            .step(step)
            .map_err(|error| format!("{step:?}: {error}"))?;
        steps.push(std::mem::take(
            &mut *lines.0.lock().expect("no thread panics"),
        ));
    }
    Ok(steps)
}

impl Reference {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            // A liveness message succeeds at the start, and with all handlers the service is Running.
            Step::Start | Step::Join => self.give(Event::BusUsable(true)),
            Step::Assign(number, start) => {
                let assigned = self.numbers.assign(TOPIC, *number);
                let (partition, generation) = (assigned.partition, assigned.generation);
                self.assigned.insert(*number, assigned);
                self.fetched.insert(partition.0, Vec::new());
                self.dispatcher.name(partition, TOPIC, *number);
                self.give(Event::Assigned {
                    partition,
                    generation,
                    start: *start,
                    done: &[],
                });
            }
            Step::Fetch(number, offsets) => self.fetch(*number, offsets)?,
            Step::End(number, offset, result) => {
                let run = self.waiting.remove(&(*number, *offset));
                let run = run.ok_or("no function waits with this record")?;
                let end = match result {
                    Ok(()) => RunEnd::Done,
                    Err(class) => RunEnd::Failed {
                        done: 0,
                        class: *class,
                    },
                };
                self.give(Event::RunEnded { run, end });
            }
            Step::AnswerCommit => {
                let commit = self.commits.pop_front();
                let (id, acknowledged) = commit.ok_or("no commit is in flight")?;
                let acknowledged = &*acknowledged;
                self.give(Event::CommitAnswered { id, acknowledged });
            }
            Step::AnswerDeadLetter => {
                let id = self.letters.pop_front().ok_or("no dead letter is")?;
                self.give(Event::DeadLetterAnswered { id, result: Ok(()) });
            }
            Step::Revoke(number) => {
                let (partition, generation) = self.of(*number)?;
                self.give(Event::Revoked {
                    partition,
                    generation,
                });
            }
            Step::Lose(number) => {
                let (partition, generation) = self.of(*number)?;
                self.give(Event::Lost {
                    partition,
                    generation,
                });
            }
            Step::Remove(number, from, to) => {
                let (partition, generation) = self.of(*number)?;
                self.give(Event::Removed {
                    partition,
                    generation,
                    from: *from,
                    to: *to,
                });
            }
            Step::Advance(time) => {
                self.now += *time;
                self.dispatcher.handle_timeout(self.now);
                self.follow();
            }
            Step::Shutdown => {
                self.is_stopping = true;
                self.give(Event::Shutdown);
            }
        }
        while let Some(event) = self.follow_ups.pop_front() {
            if !self.follow_ups.is_empty() {
                return Err("it leads to two messages at once".to_owned());
            }
            self.give(event);
        }
        Ok(())
    }

    fn of(&self, number: i32) -> Result<(PartitionId, Generation), String> {
        let assigned = self.assigned.get(&number).ok_or("it was never assigned")?;
        Ok((assigned.partition, assigned.generation))
    }

    fn fetch(&mut self, number: i32, offsets: &[(i64, bool)]) -> Result<(), String> {
        let (partition, generation) = self.of(number)?;
        let records: Vec<_> = offsets
            .iter()
            .map(|&(offset, waits)| {
                self.records.insert((partition.0, offset), waits);
                Record {
                    offset,
                    key: None,
                    bytes: bytes(waits),
                    fingerprint: fingerprint(Some(offset)),
                }
            })
            .collect();
        let fetched = self.fetched.entry(partition.0).or_default();
        fetched.extend(records.iter().map(|record| record.offset));
        self.give(Event::Fetched {
            partition,
            generation,
            records: &records,
        });
        Ok(())
    }

    fn give(&mut self, event: Event<'_>) {
        self.dispatcher.handle_event(self.now, event);
        self.dispatcher.handle_timeout(self.now);
        self.follow();
    }

    fn follow(&mut self) {
        while let Some(action) = self.dispatcher.poll_action() {
            match action {
                Action::Run(run) => {
                    let number = self.number_of(run.partition.0);
                    let all = self.fetched.get(&run.partition.0);
                    let all = all.map_or(&[][..], Vec::as_slice);
                    let first = all.partition_point(|&offset| offset < run.offset);
                    let records = all.iter().skip(first).take(run.records as usize);
                    let waits = |offset: &&i64| self.records[&(run.partition.0, **offset)];
                    let done = records.clone().take_while(|it| !waits(it)).count();
                    let waiting = records.clone().nth(done).copied();
                    let event = match waiting {
                        None => Some(Event::RunEnded {
                            run: run.id,
                            end: RunEnd::Done,
                        }),
                        Some(_) if run.records == 1 => None,
                        Some(_) => Some(Event::Pending {
                            run: run.id,
                            done: u32::try_from(done).unwrap_or(u32::MAX),
                        }),
                    };
                    self.follow_ups.extend(event);
                    if let Some(offset) = waiting {
                        self.waiting.insert((number, offset), run.id);
                    }
                }
                Action::Cancel { run } => {
                    self.waiting.retain(|_, waiting| *waiting != run);
                    let end = RunEnd::Cancelled { done: 0 };
                    self.follow_ups.push_back(Event::RunEnded { run, end });
                }
                Action::Commit { id, positions, .. } => {
                    let partitions = positions.iter().map(|it| it.partition);
                    self.commits.push_back((id, partitions.collect()));
                }
                Action::WriteDeadLetter { id, .. } => self.letters.push_back(id),
                // The supervisor changes the status, which says that the bus can be used.
                Action::SetHealth(_) if !self.is_stopping => {
                    self.follow_ups.push_back(Event::BusUsable(true));
                }
                Action::Forget { .. }
                | Action::SetPace(_)
                | Action::SetHealth(_)
                | Action::Seek { .. }
                | Action::Release { .. }
                | Action::Stopped { .. } => {}
            }
        }
    }

    fn number_of(&self, partition: u32) -> i32 {
        let mut all = self.assigned.iter();
        let found = all.find(|(_, assigned)| assigned.partition.0 == partition);
        found.map_or(-1, |(number, _)| *number)
    }
}

/// The size of a record of the script.
fn bytes(waits: bool) -> u32 {
    let mut batch = livebus_runner::handlers::Batch::new(Arc::from(TOPIC), 0);
    let payload = if waits { "" } else { AT_ONCE };
    batch.push(0, None, None, Some(payload.as_bytes()), [].into_iter());
    u32::try_from(batch.bytes_held()).unwrap_or(u32::MAX)
}

/// How long the whole script takes by its clock.
pub(super) fn length(script: &[Step]) -> Duration {
    let times = script.iter().map(|step| match step {
        Step::Advance(time) => *time,
        Step::Start
        | Step::Join
        | Step::Assign(..)
        | Step::Fetch(..)
        | Step::End(..)
        | Step::AnswerCommit
        | Step::AnswerDeadLetter
        | Step::Revoke(_)
        | Step::Lose(_)
        | Step::Remove(..)
        | Step::Shutdown => Duration::ZERO,
    });
    times.sum()
}
