//! The calls in flight as numbers, for the snapshot of their `Calls`, and whether such numbers can be right.

use std::collections::BTreeMap;

use crate::calls::call::Call;
use crate::calls::ids::CallId;
use crate::calls::settings::Settings;
use crate::calls::table::Table;
use crate::inspect::words::{Reader, Word, Words};

/// Only the calls: the rest is derived from them.
impl Word for Table {
    fn put(&self, to: &mut Words) {
        let Self {
            calls,
            bytes: _,
            deadlines: _,
            attempts: _,
        } = self;
        calls.put(to);
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        let calls: BTreeMap<CallId, Call> = Word::take(from)?;
        let mut table = Self::default();
        for (id, call) in calls {
            table.add(id, call);
        }
        Some(table)
    }
}

impl Table {
    /// Returns whether it can have come about by the events of a `Calls` with these settings, of which `newest` is the newest call.
    pub(in crate::calls) fn is_sound(&self, newest: Option<CallId>, settings: &Settings) -> bool {
        let limits = &settings.limits;
        let is_made = |id| newest.is_some_and(|newest| id <= newest);
        u32::try_from(self.calls.len()).is_ok_and(|calls| calls <= limits.calls)
            && self.bytes <= limits.bytes
            && self
                .calls
                .last_key_value()
                .is_none_or(|(&id, _)| is_made(id))
            && self.calls.values().all(|call| call.is_sound(settings))
    }
}
