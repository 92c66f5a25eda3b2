//! The runs in flight, of all partitions and generations.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::dispatch::ids::{Generation, PartitionId, RunId};
use crate::dispatch::window::Seq;

/// The runs in flight. A run stays until it has ended, also after its partition is gone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Runs {
    pub(super) in_flight: BTreeMap<RunId, InFlight>,
    /// How many there were.
    pub(super) count: u64,
}

/// A run in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct InFlight {
    pub(crate) partition: PartitionId,
    pub(crate) generation: Generation,
    pub(crate) first: Seq,
    pub(crate) records: u32,
    pub(crate) deadline: Option<Instant>,
    /// Why it was cancelled.
    pub(crate) cancelled: Option<Cancelled>,
}

/// Why a run was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Cancelled {
    /// Its deadline was over: it failed.
    TimedOut,
    /// Its assignment ended: that is no verdict.
    AssignmentEnded,
}

impl Runs {
    pub(crate) fn add(&mut self, run: InFlight) -> RunId {
        self.count += 1;
        let id = RunId::from_number(self.count);
        self.in_flight.insert(id, run);
        id
    }

    pub(crate) fn get_mut(&mut self, id: RunId) -> Option<&mut InFlight> {
        self.in_flight.get_mut(&id)
    }

    pub(crate) fn remove(&mut self, id: RunId) -> Option<InFlight> {
        self.in_flight.remove(&id)
    }

    pub(crate) fn len(&self) -> usize {
        self.in_flight.len()
    }

    /// Returns how many are of this partition, in whichever generation.
    pub(crate) fn of(&self, partition: PartitionId) -> usize {
        let runs = self.in_flight.values();
        runs.filter(|run| run.partition == partition).count()
    }

    /// Marks those of this assignment as cancelled that are not yet, and returns them. One whose deadline is over timed out, however late the
    /// runner woke up.
    pub(crate) fn cancel_all(
        &mut self,
        partition: PartitionId,
        generation: Generation,
        now: Instant,
    ) -> Vec<RunId> {
        let mut cancelled = Vec::new();
        for (&id, run) in &mut self.in_flight {
            if run.partition == partition && run.generation == generation && run.cancelled.is_none()
            {
                let is_late = run.deadline.is_some_and(|deadline| deadline <= now);
                run.cancelled = Some(if is_late {
                    Cancelled::TimedOut
                } else {
                    Cancelled::AssignmentEnded
                });
                cancelled.push(id);
            }
        }
        cancelled
    }

    /// Returns the next run whose deadline passes, with the deadline.
    pub(crate) fn next_deadline(&self) -> Option<(Instant, RunId)> {
        let open = self
            .in_flight
            .iter()
            .filter(|(_, run)| run.cancelled.is_none());
        open.filter_map(|(&id, run)| run.deadline.map(|deadline| (deadline, id)))
            .min()
    }
}
