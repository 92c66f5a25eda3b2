//! Commits: one at a time, and at most one in each interval.

use std::time::{Duration, Instant};

use crate::dispatch::ids::CommitId;
use crate::dispatch::partition::Covered;

/// The commit in flight, and when the next one may come.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Commits {
    pub(super) in_flight: Option<InFlight>,
    pub(super) next_at: Instant,
    /// How many there were.
    pub(super) count: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct InFlight {
    pub(super) id: CommitId,
    pub(super) covered: Vec<Covered>,
}

impl Commits {
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            in_flight: None,
            next_at: now,
            count: 0,
        }
    }

    pub(crate) fn begin(
        &mut self,
        covered: Vec<Covered>,
        now: Instant,
        interval: Duration,
    ) -> CommitId {
        self.count += 1;
        let id = CommitId::from_number(self.count);
        self.in_flight = Some(InFlight { id, covered });
        self.next_at = now + interval;
        id
    }

    /// Takes the answer to the commit in flight. Returns what it covers; `None` for another commit, which is stale.
    pub(crate) fn on_answer(&mut self, answered: CommitId) -> Option<Vec<Covered>> {
        let answered = self
            .in_flight
            .take_if(|in_flight| in_flight.id == answered)?;
        Some(answered.covered)
    }

    pub(crate) const fn is_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Returns when the next one may come; `None` while one is in flight.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        match self.in_flight {
            Some(_) => None,
            None => Some(self.next_at),
        }
    }
}
