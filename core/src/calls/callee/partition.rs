//! The requests of one assignment.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use crate::calls::callee::request::{Arrival, Decision, RequestId};
use crate::calls::callee::settings::CalleeSettings;
use crate::calls::ids::Correlation;
use crate::config::Config;

/// The requests of one assignment: those that wait or run, and the replies of those that ran.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Partition {
    requests: BTreeMap<i64, Held>,
    /// The same, by what they carry: all attempts of a call carry the same.
    by_correlation: BTreeSet<(Correlation, i64)>,
    /// The keys whose replies are kept, the oldest first.
    replies: VecDeque<u64>,
    /// The request whose reply is kept for each of these keys.
    by_key: BTreeMap<u64, i64>,
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

    /// Takes a request. Returns false for one that is known already.
    pub(super) fn add(
        &mut self,
        now: Instant,
        offset: i64,
        arrival: Arrival,
        max_duplicates: u32,
    ) -> bool {
        if self.requests.contains_key(&offset) {
            return false;
        }
        // The caller wrote it, so it may be anything.
        let arrival = Arrival {
            time: arrival.time.min(Config::MAX_DURATION),
            ..arrival
        };
        let never_began = self.fetched >= u64::from(max_duplicates);
        self.fetched += 1;
        self.by_correlation.insert((arrival.correlation, offset));
        let held = Held {
            arrival,
            fetched_at: now,
            never_began,
            step: Step::Waiting,
        };
        self.requests.insert(offset, held);
        true
    }

    pub(super) fn cancel(&mut self, cancels: Correlation) -> Cancel {
        let mut found = Cancel::Unknown;
        for offset in self.attempts(cancels) {
            let Some(held) = self.requests.get_mut(&offset) else {
                continue;
            };
            match held.step {
                Step::Waiting | Step::Committing | Step::Committed => {
                    held.step = Step::Cancelled;
                    if found == Cancel::Unknown {
                        found = Cancel::Waiting;
                    }
                }
                Step::Running => found = Cancel::Running(offset),
                Step::Cancelled => {}
            }
        }
        found
    }

    /// Returns the attempts of a call that wait or run.
    fn attempts(&self, correlation: Correlation) -> Vec<i64> {
        let range = (correlation, i64::MIN)..=(correlation, i64::MAX);
        let attempts = self.by_correlation.range(range);
        attempts.map(|(_, offset)| *offset).collect()
    }

    fn is_running(&self, correlation: Correlation) -> bool {
        let range = (correlation, i64::MIN)..=(correlation, i64::MAX);
        let mut attempts = self.by_correlation.range(range);
        let is_running = |offset| {
            let held = self.requests.get(offset);
            held.is_some_and(|held| held.step == Step::Running)
        };
        attempts.any(|(_, offset)| is_running(offset))
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
        let waited = now.saturating_duration_since(held.fetched_at);
        let age = held.arrival.age.saturating_add(waited);
        let left = (held.arrival.time + settings.tolerance).checked_sub(age);
        let Some(left) = left.filter(|left| !left.is_zero()) else {
            return Decision::TooLate { age, never_began };
        };
        if let Some(key) = held.arrival.key {
            if let Some(&offset) = self.by_key.get(&key) {
                return Decision::Replay(RequestId { offset, ..id });
            }
            if self.is_running(held.arrival.correlation) {
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

    /// Ends a run. Returns the offset of the request whose reply is not kept, or not any more; as an error for a request that is not known.
    pub(super) fn ran(
        &mut self,
        offset: i64,
        is_replied: bool,
        max: u32,
    ) -> Result<Option<i64>, Option<i64>> {
        let Some(held) = self.forget(offset) else {
            let is_kept = self.by_key.values().any(|of| *of == offset);
            return Err((!is_kept).then_some(offset));
        };
        let Some(key) = held.arrival.key else {
            return Ok(Some(offset));
        };
        if is_replied && max > 0 {
            return Ok(self.keep(key, offset, max));
        }
        let is_kept = self.by_key.get(&key) == Some(&offset);
        Ok((!is_kept).then_some(offset))
    }

    /// Keeps a reply. Returns the offset of the one that is not kept any more.
    fn keep(&mut self, key: u64, offset: i64, max: u32) -> Option<i64> {
        // Two requests with one key may have run at once: the newer reply is kept.
        if let Some(older) = self.by_key.insert(key, offset) {
            return Some(older).filter(|older| *older != offset);
        }
        self.replies.push_back(key);
        let is_full = u64::try_from(self.replies.len()).is_ok_and(|len| len > u64::from(max));
        let oldest = if is_full {
            self.replies.pop_front()
        } else {
            None
        };
        oldest.and_then(|key| self.by_key.remove(&key))
    }

    fn forget(&mut self, offset: i64) -> Option<Held> {
        let held = self.requests.remove(&offset)?;
        let correlation = held.arrival.correlation;
        self.by_correlation.remove(&(correlation, offset));
        Some(held)
    }
}
