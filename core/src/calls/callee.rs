//! The side that is called: which request runs, and which is dropped or answered from the window of old replies.
//!
//! The dispatcher of the handler says when a request may run; this part, at fetch and before the run, says whether it should. It has no
//! timer and waits for nothing, so each of its methods returns the decision at once.

mod partition;
mod request;
mod settings;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::calls::ids::Correlation;
use crate::dispatch::{Generation, PartitionId};
use partition::Partition;

pub use request::{Arrival, Decision, RequestId};
pub use settings::{CalleeConfig, CalleeSettings};

/// The memory of a callee.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Callee {
    config: CalleeConfig,
    partitions: BTreeMap<PartitionId, (Generation, Partition)>,
    pub(super) counters: CalleeCounters,
}

/// What a callee counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CalleeCounters {
    /// Requests that were run.
    pub runs: u64,
    /// Requests that were dropped because their deadline was over.
    pub too_late: u64,
    /// The age of the oldest of these.
    pub max_age: Duration,
    /// Requests that were dropped because they were cancelled.
    pub cancelled: u64,
    /// Cancels whose request had begun, or was not known.
    pub late_cancels: u64,
    /// Requests that were answered with an old reply, or dropped because an earlier attempt ran.
    pub repeated: u64,
    /// Calls that named a request that is not known, or an assignment that is over.
    pub stale: u64,
}

impl Callee {
    /// Returns a callee without partitions.
    #[must_use]
    pub const fn new(config: CalleeConfig) -> Self {
        Self {
            config,
            partitions: BTreeMap::new(),
            counters: CalleeCounters {
                runs: 0,
                too_late: 0,
                max_age: Duration::ZERO,
                cancelled: 0,
                late_cancels: 0,
                repeated: 0,
                stale: 0,
            },
        }
    }

    /// A partition was assigned. What was known of it is forgotten, the old replies included: another member may have had it.
    pub fn assigned(&mut self, partition: PartitionId, generation: Generation) {
        let current = self.partitions.get(&partition);
        if current.is_some_and(|(current, _)| *current >= generation) {
            self.counters.stale += 1;
            return;
        }
        let assigned = (generation, Partition::default());
        self.partitions.insert(partition, assigned);
    }

    /// An assignment ended. Requests of it that have not begun will not.
    pub fn ended(&mut self, partition: PartitionId, generation: Generation) {
        let current = self.partitions.get(&partition);
        if current.is_some_and(|(current, _)| *current == generation) {
            self.partitions.remove(&partition);
        } else {
            self.counters.stale += 1;
        }
    }

    /// A request was fetched. It waits until [`begin`](Self::begin). One that was fetched already, in this assignment, stays as it is.
    pub fn fetched(&mut self, now: Instant, id: RequestId, arrival: Arrival) {
        let max = self.config.settings().max_duplicates;
        let is_new = current(&mut self.partitions, id)
            .is_some_and(|partition| partition.add(now, id.offset, arrival, max));
        if !is_new {
            self.counters.stale += 1;
        }
    }

    /// A cancel record was fetched from a partition. Returns the request, if it runs: the runner may stop it.
    pub fn cancel_fetched(&mut self, id: RequestId, cancels: Correlation) -> Option<RequestId> {
        let found = current(&mut self.partitions, id).map(|it| it.cancel(cancels));
        match found {
            Some(partition::Cancel::Waiting) => None,
            Some(partition::Cancel::Running(offset)) => {
                self.counters.late_cancels += 1;
                Some(RequestId { offset, ..id })
            }
            Some(partition::Cancel::Unknown) => {
                self.counters.late_cancels += 1;
                None
            }
            None => {
                self.counters.stale += 1;
                None
            }
        }
    }

    /// A request may run, as the dispatcher has it. Decides whether it does.
    pub fn begin(&mut self, now: Instant, id: RequestId) -> Decision {
        let settings = self.config.settings();
        let partition = current(&mut self.partitions, id);
        let decision = partition.map_or(Decision::Stale, |it| it.begin(now, id, settings));
        let counters = &mut self.counters;
        match decision {
            Decision::Run { .. } => counters.runs += 1,
            Decision::CommitFirst => {}
            Decision::TooLate { age, .. } => {
                counters.too_late += 1;
                counters.max_age = counters.max_age.max(age);
            }
            Decision::Cancelled => counters.cancelled += 1,
            Decision::Running | Decision::Replay(_) => counters.repeated += 1,
            Decision::Stale => counters.stale += 1,
        }
        decision
    }

    /// The group has a position: the requests below it may run at most once from now on.
    pub fn committed(&mut self, partition: PartitionId, generation: Generation, position: i64) {
        let offset = position;
        let id = RequestId {
            partition,
            generation,
            offset,
        };
        match current(&mut self.partitions, id) {
            Some(partition) => partition.committed(position),
            None => self.counters.stale += 1,
        }
    }

    /// A request has run. If `is_replied`, its reply is kept for its idempotency key. Returns the request whose reply is not kept, or not
    /// any more.
    pub fn ran(&mut self, id: RequestId, is_replied: bool) -> Option<RequestId> {
        let max = self.config.settings().old_replies;
        let Some(partition) = current(&mut self.partitions, id) else {
            self.counters.stale += 1;
            return Some(id);
        };
        let dropped = partition.ran(id.offset, is_replied, max);
        let dropped = dropped.unwrap_or_else(|of_unknown| {
            self.counters.stale += 1;
            of_unknown
        });
        dropped.map(|offset| RequestId { offset, ..id })
    }

    /// Returns what was counted.
    #[must_use]
    pub const fn counters(&self) -> &CalleeCounters {
        &self.counters
    }

    /// Returns how many requests wait or run.
    #[must_use]
    pub fn requests_held(&self) -> usize {
        let all = self.partitions.values();
        all.map(|(_, partition)| partition.len()).sum()
    }
}

fn current(
    partitions: &mut BTreeMap<PartitionId, (Generation, Partition)>,
    id: RequestId,
) -> Option<&mut Partition> {
    let (generation, partition) = partitions.get_mut(&id.partition)?;
    (*generation == id.generation).then_some(partition)
}
