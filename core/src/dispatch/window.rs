//! The window of one assignment: its records from the oldest one without a final verdict on, in the order in which they were fetched.

mod snapshot;
mod soundness;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use crate::dispatch::event::{DoneRecord, Record};

/// The number of a record of an assignment: 0, 1, 2 in the order in which they were fetched. Offsets have gaps, numbers have none.
pub(crate) type Seq = u64;

/// The records of one assignment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Window {
    pub(super) entries: VecDeque<Entry>,
    /// The number of the first entry: how many records have left.
    first: Seq,
    /// Every record below this offset has its final verdict.
    position: i64,
    /// Offsets below this one were fetched.
    next_offset: i64,
    /// Records above the position that an earlier owner finished and that were not fetched yet, with their fingerprints.
    done_before: BTreeMap<i64, u32>,
    /// The first numbers of the batches that are not final, with the instants at which they arrived.
    pub(super) arrivals: VecDeque<(Seq, Instant)>,
    held: Held,
    /// Final verdicts on records that were not done before.
    verdicts: u64,
}

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) record: Record,
    pub(crate) state: EntryState,
    /// The next record with the same key.
    pub(crate) successor: Option<Seq>,
}

/// What became of a record so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum EntryState {
    Waiting,
    Running,
    /// It failed, and waits for a retry or for its dead letter.
    Failed,
    /// It has its final verdict.
    Final,
}

/// The records without a final verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Held {
    pub(crate) records: u32,
    pub(crate) bytes: u64,
}

/// What became of a record that was fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    Waiting(Seq),
    /// An earlier owner of the partition finished it.
    DoneBefore,
    /// Its offset was fetched already.
    Repeated,
}

impl Window {
    pub(crate) fn new(position: i64, done: &[DoneRecord]) -> Self {
        Self {
            entries: VecDeque::new(),
            first: 0,
            position,
            next_offset: position,
            done_before: done
                .iter()
                .filter(|done| done.offset >= position)
                .map(|done| (done.offset, done.fingerprint))
                .collect(),
            arrivals: VecDeque::new(),
            held: Held::default(),
            verdicts: 0,
        }
    }

    /// Notes that records arrive: those that are pushed until the next call.
    pub(crate) fn begin_batch(&mut self, now: Instant) {
        let end = self.end();
        if self.entries.is_empty() {
            self.arrivals.clear();
        }
        match self.arrivals.back_mut() {
            // Nothing of the batch before is left.
            Some(last) if last.0 == end => last.1 = now,
            Some(_) | None => self.arrivals.push_back((end, now)),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, record: Record) -> Pushed {
        if record.offset < self.next_offset {
            return Pushed::Repeated;
        }
        self.next_offset = record.offset.saturating_add(1);
        let seq = self.end();
        let is_done = !self.done_before.is_empty() && self.take_done_before(record);
        let state = if is_done {
            EntryState::Final
        } else {
            self.held.records += 1;
            self.held.bytes += u64::from(record.bytes);
            EntryState::Waiting
        };
        self.entries.push_back(Entry {
            record,
            state,
            successor: None,
        });
        if is_done {
            self.leave();
            return Pushed::DoneBefore;
        }
        Pushed::Waiting(seq)
    }

    /// Removes what is known to be done up to this record. Returns whether the record is.
    fn take_done_before(&mut self, record: Record) -> bool {
        let rest = self.done_before.split_off(&record.offset.saturating_add(1));
        let passed = std::mem::replace(&mut self.done_before, rest);
        passed.get(&record.offset) == Some(&record.fingerprint)
    }

    /// Gives a record its final verdict.
    #[inline]
    pub(crate) fn finish(&mut self, seq: Seq) {
        self.finish_all(seq, 1);
    }

    /// Gives so many records, from one on, their final verdicts.
    #[inline]
    pub(crate) fn finish_all(&mut self, first: Seq, records: u32) {
        self.verdicts += u64::from(records);
        for seq in first..first + u64::from(records) {
            if let Some(entry) = self.get_mut(seq) {
                entry.state = EntryState::Final;
                let bytes = u64::from(entry.record.bytes);
                self.held.records -= 1;
                self.held.bytes -= bytes;
            }
        }
        self.leave();
    }

    /// Lets the records leave that are final and have none before them that is not.
    #[inline]
    fn leave(&mut self) {
        while let Some(entry) = self.entries.front() {
            match entry.state {
                EntryState::Final => {
                    self.position = entry.record.offset.saturating_add(1);
                    self.entries.pop_front();
                    self.first += 1;
                }
                EntryState::Waiting | EntryState::Running | EntryState::Failed => break,
            }
        }
        while let Some((next, _)) = self.arrivals.get(1)
            && *next <= self.first
        {
            self.arrivals.pop_front();
        }
    }

    /// Continues at another offset, after the records before it were removed. If it is a lower one, the topic was created again: what was known
    /// to be done names other records now.
    ///
    /// Called when no record is left.
    pub(crate) fn skip_to(&mut self, offset: i64) {
        if offset < self.next_offset {
            self.done_before.clear();
        } else {
            self.done_before = self.done_before.split_off(&offset);
        }
        self.next_offset = offset;
        self.position = offset;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn get(&self, seq: Seq) -> Option<&Entry> {
        let index = seq.checked_sub(self.first)?;
        self.entries.get(usize::try_from(index).ok()?)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, seq: Seq) -> Option<&mut Entry> {
        let index = seq.checked_sub(self.first)?;
        self.entries.get_mut(usize::try_from(index).ok()?)
    }

    /// Returns the number of the oldest record without a final verdict, which is [`end`](Self::end) where there is none.
    pub(crate) const fn first(&self) -> Seq {
        self.first
    }

    /// Returns the number of the record that is fetched next.
    pub(crate) fn end(&self) -> Seq {
        self.first + self.entries.len() as u64
    }

    pub(crate) const fn position(&self) -> i64 {
        self.position
    }

    pub(crate) const fn held(&self) -> Held {
        self.held
    }

    pub(crate) const fn verdicts(&self) -> u64 {
        self.verdicts
    }

    /// Returns the oldest record without a final verdict: its offset, and when it arrived.
    pub(crate) fn oldest(&self) -> Option<(i64, Instant)> {
        let entry = self.entries.front()?;
        let (_, arrived) = self.arrivals.front()?;
        Some((entry.record.offset, *arrived))
    }

    /// Returns the records above the position that have their final verdict, by offset.
    pub(crate) fn done_above_position(&self) -> Vec<DoneRecord> {
        let entries = self.entries.iter();
        let finished = entries.filter(|entry| entry.state == EntryState::Final);
        let here = finished.map(|entry| DoneRecord {
            offset: entry.record.offset,
            fingerprint: entry.record.fingerprint,
        });
        let before = self.done_before.iter();
        let before = before.map(|(&offset, &fingerprint)| DoneRecord {
            offset,
            fingerprint,
        });
        here.chain(before).collect()
    }
}
