//! Random runs of a dispatcher, from a seed, as its loop would drive it.

use std::time::{Duration, Instant};

use livebus_core::dispatch::{
    Action, CommitId, Config, DeadLetterId, Dispatcher, DoneRecord, Event, FailurePolicy,
    Generation, Limits, OnRemoved, Order, PartitionId, Record, RecordFailure, RunEnd, RunId,
    Settings, Start, Then,
};
use livebus_core::{Backoff, Failure, FailureClass};
use livebus_runner::{DispatchObserver, ObservedDispatcher};

use crate::random_run::Numbers;

/// Returns a configuration with random policies and short times.
pub(crate) fn config(seed: u64) -> Config {
    let mut numbers = Numbers::new(seed);
    let mut policy = || {
        let then = [Then::Stop, Then::Skip, Then::DeadLetter][numbers.below(3)];
        let backoff = Backoff {
            first: Duration::from_millis(10),
            max: Duration::from_millis(80),
            jitter_percent: 50,
        };
        FailurePolicy::new(
            u32::try_from(numbers.below(3)).expect("small"),
            backoff,
            then,
        )
    };
    let (transient, permanent, timed_out, panicked) = (policy(), policy(), policy(), policy());
    let settings = Settings {
        order: [Order::Partition, Order::Key, Order::None][numbers.below(3)],
        limits: Limits {
            runs: 4,
            run_records: 8,
            unacknowledged: 40,
            records: 60,
            ..Limits::default()
        },
        record_timeout: [None, Some(Duration::from_millis(90))][numbers.below(2)],
        stall_timeout: Duration::from_millis(300),
        commit_interval: Duration::from_millis(20),
        commit_timeout: Duration::from_millis(50),
        revocation_drain: Duration::from_millis(30),
        drain: Duration::from_millis(30),
        transient,
        permanent,
        timed_out,
        panicked,
        dead_letter_backoff: Backoff::fixed(Duration::from_millis(25)),
        on_removed: [OnRemoved::Stop, OnRemoved::Continue][numbers.below(2)],
        seed,
        ..Settings::default()
    };
    Config::new(settings).expect("valid by construction")
}

/// A dispatcher that is recorded, with what is in flight.
pub(crate) struct DispatchRun {
    pub(crate) dispatcher: ObservedDispatcher,
    numbers: Numbers,
    clock: Instant,
    runs: Vec<(RunId, u32)>,
    commits: Vec<CommitId>,
    letters: Vec<DeadLetterId>,
    generations: u64,
    assigned: [u64; 3],
    offsets: [i64; 3],
}

impl DispatchRun {
    pub(crate) fn new(seed: u64, began: Instant, observer: Box<dyn DispatchObserver>) -> Self {
        let dispatcher = Dispatcher::new(config(seed), began);
        let mut run = Self {
            dispatcher: ObservedDispatcher::new(dispatcher, began, vec![observer]),
            numbers: Numbers::new(!seed),
            clock: began,
            runs: Vec::new(),
            commits: Vec::new(),
            letters: Vec::new(),
            generations: 0,
            assigned: [0; 3],
            offsets: [0; 3],
        };
        run.dispatcher.handle_event(began, Event::BusUsable(true));
        run.drain();
        run
    }

    pub(crate) fn run(mut self, steps: usize) -> Self {
        for _ in 0..steps {
            self.step();
        }
        self.drain();
        self
    }

    /// Shuts the dispatcher down.
    pub(crate) fn stop(mut self) {
        self.dispatcher.handle_event(self.clock, Event::Shutdown);
        self.drain();
        while let Some(due) = self.dispatcher.poll_timeout() {
            self.dispatcher.handle_timeout(due);
            self.drain();
        }
        assert!(self.dispatcher.dispatcher().is_stopped());
    }

    /// One turn of a loop: some events, then the time, then, usually, the actions.
    pub(crate) fn step(&mut self) {
        let millis = u64::try_from(self.numbers.below(20)).expect("small");
        self.clock = match self.numbers.below(4) {
            0 => self.dispatcher.poll_timeout().unwrap_or(self.clock),
            1 => self.clock,
            _ => self.clock + Duration::from_millis(millis),
        }
        .max(self.clock);
        for _ in 0..self.numbers.below(3) {
            self.event();
        }
        self.dispatcher.handle_timeout(self.clock);
        if self.numbers.below(16) > 0 {
            self.drain();
        }
    }

    fn event(&mut self) {
        let index = self.numbers.below(3);
        let partition = PartitionId(u32::try_from(index).expect("small"));
        let generation = Generation(self.assigned[index]);
        match self.numbers.below(24) {
            _ if self.assigned[index] == 0 => self.assign(index),
            0 => self.assign(index),
            1 => self.give(Event::Revoked {
                partition,
                generation,
            }),
            2 => {
                self.assigned[index] = 0;
                self.give(Event::Lost {
                    partition,
                    generation,
                });
            }
            3 if self.numbers.below(4) == 0 => {
                let from = self.offsets[index];
                self.give(Event::Removed {
                    partition,
                    generation,
                    from,
                    to: from + 5,
                });
                self.offsets[index] += 5;
            }
            4 => {
                let usable = self.numbers.below(3) > 0;
                self.give(Event::BusUsable(usable));
            }
            5..=11 => self.fetch(index),
            12..=18 if !self.runs.is_empty() => self.end_run(),
            19..=21 if !self.commits.is_empty() => {
                let id = self.commits.remove(0);
                let all = [PartitionId(0), PartitionId(1), PartitionId(2)];
                let acknowledged = &all[self.numbers.below(4)..];
                self.give(Event::CommitAnswered { id, acknowledged });
            }
            _ if !self.letters.is_empty() => {
                let id = self.letters.remove(0);
                let result = self.result();
                self.give(Event::DeadLetterAnswered { id, result });
            }
            _ => self.give(Event::BusUsable(true)),
        }
    }

    fn give(&mut self, event: Event<'_>) {
        self.dispatcher.handle_event(self.clock, event);
    }

    fn assign(&mut self, index: usize) {
        self.generations += 1;
        self.assigned[index] = self.generations;
        let position = self.offsets[index];
        let number = i32::try_from(index).expect("small");
        let partition = PartitionId(number.unsigned_abs());
        self.dispatcher.name(partition, "orders", number);
        let start = [Start::Committed(position), Start::Resolved(position)][self.numbers.below(2)];
        self.give(Event::Assigned {
            partition,
            generation: Generation(self.generations),
            start,
            done: &[DoneRecord {
                offset: position + 2,
                fingerprint: 7,
            }],
        });
    }

    fn fetch(&mut self, index: usize) {
        let count = self.numbers.below(30);
        let mut records = Vec::new();
        for _ in 0..count {
            let gap = i64::from(self.numbers.below(9) == 0);
            self.offsets[index] += 1 + gap;
            records.push(Record {
                offset: self.offsets[index] - 1,
                key: [None, Some(1), Some(2)][self.numbers.below(3)],
                bytes: 100,
                fingerprint: 7,
            });
        }
        self.give(Event::Fetched {
            partition: PartitionId(u32::try_from(index).expect("small")),
            generation: Generation(self.assigned[index]),
            records: &records,
        });
    }

    fn end_run(&mut self) {
        let index = self.numbers.below(self.runs.len());
        let (run, records) = self.runs.swap_remove(index);
        let done = u32::try_from(self.numbers.below(records as usize)).expect("small");
        let class = [
            RecordFailure::Transient,
            RecordFailure::Permanent,
            RecordFailure::Panicked,
        ][self.numbers.below(3)];
        let end = match self.numbers.below(8) {
            0 => RunEnd::Failed { done, class },
            1 => RunEnd::Cancelled { done },
            2 => RunEnd::Returned { done },
            3 => {
                self.runs.push((run, 1));
                return self.give(Event::Pending { run, done });
            }
            _ => RunEnd::Done,
        };
        self.give(Event::RunEnded { run, end });
    }

    fn result(&mut self) -> Result<(), Failure> {
        if self.numbers.below(4) > 0 {
            Ok(())
        } else {
            Err(FailureClass::Timeout.into())
        }
    }

    fn drain(&mut self) {
        while let Some(action) = self.dispatcher.poll_action() {
            match action {
                Action::Run(run) => self.runs.push((run.id, run.records)),
                Action::Commit { id, .. } => self.commits.push(id),
                Action::WriteDeadLetter { id, .. } => self.letters.push(id),
                Action::Cancel { .. }
                | Action::Forget { .. }
                | Action::SetPace(_)
                | Action::Seek { .. }
                | Action::Release { .. }
                | Action::SetHealth(_)
                | Action::Stopped { .. } => {}
            }
        }
    }
}
