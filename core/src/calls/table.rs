//! The calls in flight: their bounds, and the order of their instants.

mod snapshot;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::calls::call::Call;
use crate::calls::ids::CallId;

/// The calls in flight.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Table {
    calls: BTreeMap<CallId, Call>,
    bytes: u64,
    /// The deadline of each call. Derived from the calls, so that the earliest is found without a scan.
    deadlines: BTreeSet<(Instant, CallId)>,
    /// The next attempt of each call that is to have one. Derived from the calls.
    attempts: BTreeSet<(Instant, CallId)>,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// Returns the bytes of all requests.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the call with the lowest number, which was made first.
    pub(super) fn oldest(&self) -> Option<CallId> {
        self.calls.keys().next().copied()
    }

    pub(super) fn get(&self, id: CallId) -> Option<&Call> {
        self.calls.get(&id)
    }

    pub(super) fn add(&mut self, id: CallId, call: Call) {
        self.bytes += u64::from(call.bytes());
        self.deadlines.insert((call.deadline(), id));
        self.attempts.extend(call.next_attempt().map(|at| (at, id)));
        self.calls.insert(id, call);
    }

    pub(super) fn remove(&mut self, id: CallId) -> Option<Call> {
        let call = self.calls.remove(&id)?;
        self.bytes -= u64::from(call.bytes());
        self.deadlines.remove(&(call.deadline(), id));
        if let Some(at) = call.next_attempt() {
            self.attempts.remove(&(at, id));
        }
        Some(call)
    }

    /// Changes a call.
    pub(super) fn change<T>(
        &mut self,
        id: CallId,
        change: impl FnOnce(&mut Call) -> T,
    ) -> Option<T> {
        let call = self.calls.get_mut(&id)?;
        let before = call.next_attempt();
        let result = change(call);
        let after = call.next_attempt();
        if before != after {
            if let Some(at) = before {
                self.attempts.remove(&(at, id));
            }
            self.attempts.extend(after.map(|at| (at, id)));
        }
        Some(result)
    }

    /// Returns the call with the earliest deadline.
    pub(super) fn first_deadline(&self) -> Option<(Instant, CallId)> {
        self.deadlines.first().copied()
    }

    /// Returns the call with the earliest next attempt.
    pub(super) fn first_attempt(&self) -> Option<(Instant, CallId)> {
        self.attempts.first().copied()
    }

    /// Returns the calls whose requests did not leave and are not being sent.
    pub(super) fn not_left(&self) -> Vec<CallId> {
        let calls = self.calls.iter();
        let calls = calls.filter(|(_, call)| !call.may_have_left());
        calls.map(|(&id, _)| id).collect()
    }

    /// Returns all calls.
    pub(super) fn ids(&self) -> Vec<CallId> {
        self.calls.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::event::Request;
    use std::time::Duration;

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a test needs one instant to count from"
    )]
    fn a_call_that_is_removed_leaves_nothing() {
        let now = Instant::now();
        let mut table = Table::default();
        for number in 1..=3 {
            let request = Request {
                deadline: now + Duration::from_secs(4 - number),
                bytes: 10,
                is_idempotent: false,
            };
            table.add(CallId(number), Call::new(request, now));
        }
        assert_eq!(table.first_attempt(), Some((now, CallId(1))));
        assert_eq!(table.first_deadline().map(|(_, id)| id), Some(CallId(3)));
        table.change(CallId(1), Call::begin_attempt);
        assert_eq!(table.first_attempt(), Some((now, CallId(2))));
        assert_eq!(table.not_left(), [CallId(2), CallId(3)]);
        for id in table.ids() {
            table.remove(id);
        }
        assert_eq!(table, Table::default());
    }
}
