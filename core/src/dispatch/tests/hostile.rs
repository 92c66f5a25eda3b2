//! Snapshots that somebody made up: refused, or a dispatcher that handles any event and stops.

use super::*;
use crate::dispatch::{DeadLetterId, Delivery, Limits, OnRemoved, RecordFailure};
use crate::failure::FailureClass;
use crate::inspect::words::checksum;

/// Numbers that look random: the same ones in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }

    fn class(&mut self) -> RecordFailure {
        match self.below(4) {
            0 => RecordFailure::Transient,
            1 => RecordFailure::Permanent,
            2 => RecordFailure::TimedOut,
            _ => RecordFailure::Panicked,
        }
    }
}

/// Gives random events, and answers what is asked for, sooner or later.
struct Driver {
    numbers: Numbers,
    now: Instant,
    generation: u64,
    next_offset: [i64; 2],
    runs: Vec<RunId>,
    letters: Vec<DeadLetterId>,
    commits: Vec<CommitId>,
}

impl Driver {
    fn new(seed: u64, now: Instant) -> Self {
        Self {
            numbers: Numbers(seed),
            now,
            generation: 0,
            next_offset: [0; 2],
            runs: Vec::new(),
            letters: Vec::new(),
            commits: Vec::new(),
        }
    }

    fn step(&mut self, dispatcher: &mut Dispatcher) {
        let partition = PartitionId(u32::from(self.numbers.below(2) == 1));
        let generation = Generation(self.generation.saturating_sub(self.numbers.below(2)));
        let now = self.now;
        match self.numbers.below(14) {
            0 => {
                self.generation += 1;
                let position = self.next_offset[partition.0 as usize];
                let start = if self.numbers.below(2) == 0 {
                    Start::Committed(position)
                } else {
                    Start::Resolved(position)
                };
                let done = DoneRecord {
                    offset: position + 2,
                    fingerprint: 7,
                };
                let event = Event::Assigned {
                    partition,
                    generation: Generation(self.generation),
                    start,
                    done: &[done],
                };
                dispatcher.handle_event(now, event);
            }
            1..4 => {
                let mut records = Vec::new();
                for _ in 0..self.numbers.below(5) {
                    let next = &mut self.next_offset[partition.0 as usize];
                    *next += 1 + i64::from(self.numbers.below(4) == 0);
                    let key = self.numbers.below(3);
                    records.push(Record {
                        offset: *next,
                        key: (key > 0).then_some(key),
                        bytes: 10,
                        fingerprint: 7,
                    });
                }
                let event = Event::Fetched {
                    partition,
                    generation: Generation(self.generation),
                    records: &records,
                };
                dispatcher.handle_event(now, event);
            }
            4..7 => self.end_run(dispatcher),
            7 => {
                if let Some(&run) = self.runs.first() {
                    let done = u32::from(self.numbers.below(2) == 1);
                    dispatcher.handle_event(now, Event::Pending { run, done });
                }
            }
            8 => {
                if let Some(id) = self.letters.pop() {
                    let failure = FailureClass::Timeout.into();
                    let result = if self.numbers.below(2) == 0 {
                        Ok(())
                    } else {
                        Err(failure)
                    };
                    dispatcher.handle_event(now, Event::DeadLetterAnswered { id, result });
                }
            }
            9 => {
                if let Some(id) = self.commits.pop() {
                    let all = [PartitionId(0), PartitionId(1)];
                    let acknowledged = &all[self.numbers.below(3).min(2) as usize..];
                    dispatcher.handle_event(now, Event::CommitAnswered { id, acknowledged });
                }
            }
            10 => {
                let event = match self.numbers.below(8) {
                    0 => Event::Revoked {
                        partition,
                        generation,
                    },
                    1 => Event::Lost {
                        partition,
                        generation,
                    },
                    2 => {
                        let from = self.next_offset[partition.0 as usize] + 1;
                        Event::Removed {
                            partition,
                            generation,
                            from,
                            to: from + 3,
                        }
                    }
                    3 => Event::BusUsable(false),
                    _ => Event::BusUsable(true),
                };
                dispatcher.handle_event(now, event);
            }
            _ => {
                self.now += SECOND / 2;
                dispatcher.handle_timeout(self.now);
            }
        }
        self.take_actions(dispatcher);
    }

    fn end_run(&mut self, dispatcher: &mut Dispatcher) {
        if self.runs.is_empty() {
            return;
        }
        let index = self.numbers.below(self.runs.len() as u64);
        let run = self.runs.swap_remove(usize::try_from(index).unwrap_or(0));
        let done = u32::from(self.numbers.below(3) == 0);
        let class = self.numbers.class();
        let end = match self.numbers.below(5) {
            0 => RunEnd::Returned { done },
            1 => RunEnd::Failed { done, class },
            2 => RunEnd::Cancelled { done },
            _ => RunEnd::Done,
        };
        dispatcher.handle_event(self.now, Event::RunEnded { run, end });
    }

    fn take_actions(&mut self, dispatcher: &mut Dispatcher) {
        while let Some(action) = dispatcher.poll_action() {
            match action {
                Action::Run(run) => self.runs.push(run.id),
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

    /// Shuts it down, and lets time alone end it.
    fn shut_down(&mut self, dispatcher: &mut Dispatcher) {
        dispatcher.handle_event(self.now, Event::Shutdown);
        self.take_actions(dispatcher);
        // A forged one may have received an instant that is far away.
        for _ in 0..1_000 {
            let Some(due) = dispatcher.poll_timeout() else {
                break;
            };
            self.now = self.now.max(due);
            dispatcher.handle_timeout(due);
            self.take_actions(dispatcher);
        }
        assert!(dispatcher.is_stopped(), "{dispatcher:?}");
    }
}

fn config(numbers: &mut Numbers) -> Config {
    let order = match numbers.below(3) {
        0 => Order::Partition,
        1 => Order::Key,
        _ => Order::None,
    };
    let then = match numbers.below(3) {
        0 => Then::Stop,
        1 => Then::Skip,
        _ => Then::DeadLetter,
    };
    let retries = u32::from(numbers.below(2) == 0);
    let policy = FailurePolicy::new(retries, Backoff::fixed(SECOND), then);
    let settings = Settings {
        delivery: if numbers.below(4) == 0 {
            Delivery::Broadcast
        } else {
            Delivery::Group
        },
        record_timeout: (numbers.below(2) == 0).then_some(SECOND),
        on_removed: if numbers.below(2) == 0 {
            OnRemoved::Continue
        } else {
            OnRemoved::Stop
        },
        limits: Limits {
            runs: 3,
            run_records: 4,
            unacknowledged: 8,
            ..Limits::default()
        },
        transient: policy.clone(),
        permanent: policy.clone(),
        timed_out: policy,
        ..settings(order)
    };
    Config::new(settings).expect("the settings of a test are valid")
}

/// Changes some words, and their checksum with them.
fn forge(words: &mut Vec<u64>, numbers: &mut Numbers) {
    words.pop();
    for _ in 0..=numbers.below(3) {
        let index = usize::try_from(numbers.below(words.len() as u64)).unwrap_or(0);
        let small = numbers.below(6);
        match numbers.below(6) {
            0 => words[index] = small,
            1 => words[index] = [u64::MAX, 1 << 62, 1 << 63, u32::MAX.into()][(small % 4) as usize],
            2 => words[index] = words[index].wrapping_add(1 + small),
            3 => words[index] = words[index].wrapping_sub(1 + small),
            4 => words.insert(index, small),
            _ => {
                if words.len() > 1 {
                    words.remove(index);
                }
            }
        }
    }
    words.push(checksum(words));
}

#[test]
fn every_state_is_restored_and_no_forged_one_panics() {
    #[expect(clippy::disallowed_methods, reason = "one instant to count from")]
    let epoch = Instant::now();
    let (mut accepted, mut refused) = (0, 0);
    for seed in 0..400 {
        let mut numbers = Numbers(seed);
        let config = config(&mut numbers);
        let mut driver = Driver::new(seed << 32, epoch);
        let mut dispatcher = Dispatcher::new(config.clone(), epoch);
        dispatcher.handle_event(epoch, Event::BusUsable(true));
        for _ in 0..60 {
            driver.step(&mut dispatcher);
            let mut words = dispatcher.snapshot(epoch);
            let restored = Dispatcher::restore(config.clone(), epoch, &words);
            assert_eq!(restored.as_ref(), Some(&dispatcher), "seed {seed}");
            forge(&mut words, &mut numbers);
            let Some(mut forged) = Dispatcher::restore(config.clone(), epoch, &words) else {
                refused += 1;
                continue;
            };
            accepted += 1;
            let mut driver = Driver {
                numbers: Numbers(numbers.below(u64::MAX)),
                runs: driver.runs.clone(),
                letters: driver.letters.clone(),
                commits: driver.commits.clone(),
                ..driver
            };
            while forged.poll_action().is_some() {}
            for _ in 0..40 {
                driver.step(&mut forged);
            }
            driver.shut_down(&mut forged);
        }
        driver.shut_down(&mut dispatcher);
    }
    assert!(accepted > 1_000 && refused > 1_000, "{accepted} {refused}");
}
