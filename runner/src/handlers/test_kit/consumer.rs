//! The consumer of a member, and what it shares with the test.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use livebus_core::dispatch::{CommitId, DoneRecord, Generation, Pace, PartitionId, Position, Room};
use livebus_core::{Failure, FailureClass};

use crate::handlers::consumer::{Consumer, DeadLetter, Input, Polled};
use crate::handlers::numbers::Numbered;
use crate::lock::lock;

/// What a group has committed.
pub(super) type Positions = Arc<Mutex<BTreeMap<(String, i32), Committed>>>;

#[derive(Debug, Clone, Default)]
pub(super) struct Committed {
    pub(super) position: i64,
    pub(super) done: Vec<DoneRecord>,
}

/// What the member and its consumer share.
pub(super) struct Shared {
    pub(super) inputs: Vec<Input>,
    pub(super) names: HashMap<PartitionId, Numbered>,
    pub(super) dead_letters: Vec<(String, Vec<u8>)>,
    pub(super) fails_commits: bool,
    /// The partitions whose positions are not committed.
    pub(super) failing_positions: HashSet<(String, i32)>,
    pub(super) fails_dead_letters: bool,
    pub(super) pace: Pace,
    pub(super) released: Vec<PartitionId>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            inputs: Vec::new(),
            names: HashMap::new(),
            dead_letters: Vec::new(),
            fails_commits: false,
            failing_positions: HashSet::new(),
            fails_dead_letters: false,
            pace: Pace::Full,
            released: Vec::new(),
        }
    }
}

/// The consumer of a member: it answers at once.
pub(super) struct TestConsumer {
    pub(super) shared: Arc<Mutex<Shared>>,
    pub(super) positions: Positions,
}

impl Consumer for TestConsumer {
    fn poll(&mut self, _: Room, _: Instant, inputs: &mut Vec<Input>) -> Polled {
        inputs.append(&mut lock(&self.shared).inputs);
        Polled::Idle(None)
    }

    fn commit(&mut self, id: CommitId, positions: Vec<Position>, _: Instant) {
        let mut shared = lock(&self.shared);
        let mut results = Vec::new();
        for position in positions {
            let Some(of) = shared.names.get(&position.partition) else {
                continue;
            };
            let of = (of.topic.to_string(), of.number);
            let result = answer(shared.fails_commits || shared.failing_positions.contains(&of));
            if result.is_ok() {
                let committed = Committed {
                    position: position.offset,
                    done: position.done,
                };
                lock(&self.positions).insert(of, committed);
            }
            results.push((position.partition, result));
        }
        shared.inputs.push(Input::CommitAnswered { id, results });
    }

    fn write_dead_letter(&mut self, letter: DeadLetter) {
        let mut shared = lock(&self.shared);
        let (id, result) = (letter.id, answer(shared.fails_dead_letters));
        if result.is_ok() {
            let payload = letter.record.payload().unwrap_or_default().to_vec();
            shared
                .dead_letters
                .push((letter.topic.to_string(), payload));
        }
        shared.inputs.push(Input::DeadLetterAnswered { id, result });
    }

    fn set_pace(&mut self, pace: Pace) {
        lock(&self.shared).pace = pace;
    }

    fn seek(&mut self, _: PartitionId, _: Generation, _: i64) {}

    fn release(&mut self, partition: PartitionId, _: Generation) {
        lock(&self.shared).released.push(partition);
    }

    fn close(self: Box<Self>, _: Instant) {}
}

fn answer(fails: bool) -> Result<(), Failure> {
    if fails {
        Err(FailureClass::Unreachable.into())
    } else {
        Ok(())
    }
}
