//! The calls that ended with a reply as numbers, for the snapshot of their `Calls`, and whether such numbers can be right.

use std::collections::{BTreeSet, VecDeque};

use crate::calls::ids::CallId;
use crate::calls::remembered::Remembered;
use crate::inspect::words::{Reader, Word, Words};

impl Remembered {
    pub(in crate::calls) fn put(&self, to: &mut Words) {
        // The rest is in the configuration.
        let Self { calls, max: _ } = self;
        calls.put(to);
    }

    /// Takes at most `max` of them.
    pub(in crate::calls) fn take(max: u32, from: &mut Reader<'_>) -> Option<Self> {
        let calls: VecDeque<CallId> = Word::take(from)?;
        let taken = Self {
            calls,
            ..Self::new(max)
        };
        (taken.calls.len() <= taken.max).then_some(taken)
    }

    /// Returns whether each is one of its own and is over: not after `newest`, and not in flight.
    pub(in crate::calls) fn is_sound(
        &self,
        newest: Option<CallId>,
        is_in_flight: impl Fn(CallId) -> bool,
    ) -> bool {
        let distinct: BTreeSet<_> = self.calls.iter().collect();
        let is_over = |&id: &CallId| Some(id) <= newest && !is_in_flight(id);
        distinct.len() == self.calls.len() && self.calls.iter().all(is_over)
    }
}
