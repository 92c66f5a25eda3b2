//! Whether the parts of a restored window fit together.

use std::collections::BTreeMap;

use crate::dispatch::counters::MAX_COUNT;
use crate::dispatch::window::{EntryState, Seq, Window};

impl Window {
    /// Returns whether it can have come about by fetches and verdicts: its records are in order, and no number of it can overflow.
    pub(crate) fn is_sound(&self) -> bool {
        let offsets = || self.entries.iter().map(|entry| entry.record.offset);
        let ends = offsets().skip(1).chain([self.next_offset]);
        let begins_with_a_final_one = self
            .entries
            .front()
            .is_some_and(|entry| entry.state == EntryState::Final);
        self.first <= MAX_COUNT
            && self.verdicts <= MAX_COUNT
            && self.position <= self.next_offset
            && !begins_with_a_final_one
            && offsets().next().is_none_or(|it| self.position <= it)
            // Only the last offset of all is no end itself: what follows it saturates.
            && offsets().zip(ends).all(|(it, end)| it < end || it == i64::MAX)
            && self.done_before.keys().next().is_none_or(|&it| self.next_offset <= it)
            && self.arrivals_fit()
    }

    fn arrivals_fit(&self) -> bool {
        let firsts = || self.arrivals.iter().map(|&(first, _)| first);
        let begins = self.entries.is_empty() || firsts().next().is_some_and(|it| it <= self.first);
        begins && firsts().is_sorted() && firsts().all(|it| it <= self.end())
    }

    /// Returns the numbers of the records without a final verdict, with their states.
    pub(crate) fn open(&self) -> impl Iterator<Item = (Seq, EntryState)> {
        let all = (self.first..).zip(&self.entries);
        all.map(|(seq, entry)| (seq, entry.state))
            .filter(|&(_, state)| state != EntryState::Final)
    }

    /// Returns the newest record of each key among those without a final verdict; `None` unless each knows the next one with its key.
    pub(crate) fn newest_of_keys(&self) -> Option<BTreeMap<u64, Seq>> {
        let mut newest = BTreeMap::new();
        let mut followed: BTreeMap<Seq, Seq> = BTreeMap::new();
        for (seq, _) in self.open() {
            let entry = self.get(seq)?;
            if let Some(before) = entry.record.key.and_then(|key| newest.insert(key, seq)) {
                followed.insert(before, seq);
            }
        }
        let fits = |(seq, _)| {
            let successor = self.get(seq).and_then(|entry| entry.successor);
            successor == followed.get(&seq).copied()
        };
        self.open().all(fits).then_some(newest)
    }
}
