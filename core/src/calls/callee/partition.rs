//! The requests of one assignment.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use crate::calls::callee::{Arrival, CalleeSettings, Decision, RequestId};
use crate::calls::ids::Correlation;

/// The requests of one assignment: those that wait or run, and the replies of those that ran.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Partition {
    requests: BTreeMap<i64, Held>,
    /// The requests that wait or run, by what they carry: the newest attempt of each.
    by_correlation: BTreeMap<Correlation, i64>,
    /// The keys whose replies are kept, the oldest first, with the offsets of their requests.
    replies: VecDeque<(u64, i64)>,
    /// How many requests were fetched.
    fetched: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Held {
    arrival: Arrival,
    fetched_at: Instant,
    never_began: bool,
    step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    Waiting,
    Committing,
    Committed,
    Running,
    Cancelled,
}

/// What a cancel found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cancel {
    Waiting,
    Running(i64),
    Unknown,
}

impl Partition {
    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    pub(super) fn add(&mut self, now: Instant, offset: i64, arrival: Arrival, max_duplicates: u32) {
        let never_began = self.fetched >= u64::from(max_duplicates);
        self.fetched += 1;
        self.by_correlation.insert(arrival.correlation, offset);
        let held = Held {
            arrival,
            fetched_at: now,
            never_began,
            step: Step::Waiting,
        };
        self.requests.insert(offset, held);
    }

    pub(super) fn cancel(&mut self, cancels: Correlation) -> Cancel {
        let offset = self.by_correlation.get(&cancels);
        let held = offset.and_then(|offset| Some((*offset, self.requests.get_mut(offset)?)));
        let Some((offset, held)) = held else {
            return Cancel::Unknown;
        };
        match held.step {
            Step::Waiting | Step::Committing | Step::Committed => {
                held.step = Step::Cancelled;
                Cancel::Waiting
            }
            Step::Running => Cancel::Running(offset),
            Step::Cancelled => Cancel::Unknown,
        }
    }

    pub(super) fn begin(
        &mut self,
        now: Instant,
        id: RequestId,
        settings: &CalleeSettings,
    ) -> Decision {
        let Some(held) = self.requests.get(&id.offset).copied() else {
            return Decision::Stale;
        };
        let decision = self.decide(now, id, held, settings);
        let step = match decision {
            Decision::Run { .. } => Step::Running,
            Decision::CommitFirst => Step::Committing,
            Decision::TooLate { .. }
            | Decision::Cancelled
            | Decision::Running
            | Decision::Replay(_) => {
                self.forget(id.offset);
                return decision;
            }
            Decision::Stale => return decision,
        };
        if let Some(held) = self.requests.get_mut(&id.offset) {
            held.step = step;
        }
        decision
    }

    fn decide(
        &self,
        now: Instant,
        id: RequestId,
        held: Held,
        settings: &CalleeSettings,
    ) -> Decision {
        let never_began = held.never_began || settings.at_most_once;
        match held.step {
            Step::Cancelled => return Decision::Cancelled,
            Step::Running | Step::Committing => return Decision::Stale,
            Step::Waiting | Step::Committed => {}
        }
        let age = held.arrival.age + now.saturating_duration_since(held.fetched_at);
        let left = (held.arrival.time + settings.tolerance).checked_sub(age);
        let Some(left) = left.filter(|left| !left.is_zero()) else {
            return Decision::TooLate { age, never_began };
        };
        if let Some(key) = held.arrival.key {
            if let Some((_, offset)) = self.replies.iter().find(|(old, _)| *old == key) {
                return Decision::Replay(RequestId {
                    offset: *offset,
                    ..id
                });
            }
            let mut others = self.requests.values();
            let is_same = |other: &Held| {
                other.step == Step::Running
                    && other.arrival.key == Some(key)
                    && other.arrival.correlation == held.arrival.correlation
            };
            if others.any(is_same) {
                return Decision::Running;
            }
        }
        if settings.at_most_once && held.step == Step::Waiting {
            return Decision::CommitFirst;
        }
        let deadline = now + left;
        Decision::Run {
            deadline,
            never_began,
        }
    }

    pub(super) fn committed(&mut self, position: i64) {
        for (_, held) in self.requests.range_mut(..position) {
            held.step = match held.step {
                Step::Committing => Step::Committed,
                step @ (Step::Waiting | Step::Committed | Step::Running | Step::Cancelled) => step,
            };
        }
    }

    /// Ends a run. Returns the offset of the request whose reply is not kept, or not any more.
    pub(super) fn ran(&mut self, offset: i64, is_replied: bool, max: u32) -> Option<i64> {
        let held = self.forget(offset);
        let key = held.and_then(|held| held.arrival.key);
        let Some(key) = key.filter(|_| is_replied && max > 0) else {
            return Some(offset);
        };
        self.replies.push_back((key, offset));
        let is_full = u64::try_from(self.replies.len()).is_ok_and(|len| len > u64::from(max));
        let oldest = if is_full {
            self.replies.pop_front()
        } else {
            None
        };
        oldest.map(|(_, offset)| offset)
    }

    fn forget(&mut self, offset: i64) -> Option<Held> {
        let held = self.requests.remove(&offset)?;
        let correlation = held.arrival.correlation;
        if self.by_correlation.get(&correlation) == Some(&offset) {
            self.by_correlation.remove(&correlation);
        }
        Some(held)
    }
}
