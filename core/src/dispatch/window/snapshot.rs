//! A window as numbers, for the snapshot of its dispatcher. Its records are written in columns, and what repeats itself once.

use std::collections::VecDeque;

use crate::dispatch::event::Record;
use crate::dispatch::window::{Entry, EntryState, Held, Window};
use crate::inspect::words::{Reader, Word, Words, fields, variants};

impl Word for Window {
    fn put(&self, to: &mut Words) {
        let Self {
            entries,
            first,
            position,
            next_offset,
            done_before,
            arrivals,
            held: _,
            verdicts,
        } = self;
        put_entries(entries, to);
        first.put(to);
        position.put(to);
        next_offset.put(to);
        done_before.put(to);
        arrivals.put(to);
        verdicts.put(to);
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        let entries = take_entries(from)?;
        let held = held(&entries)?;
        Some(Self {
            entries,
            first: Word::take(from)?,
            position: Word::take(from)?,
            next_offset: Word::take(from)?,
            done_before: Word::take(from)?,
            arrivals: Word::take(from)?,
            held,
            verdicts: Word::take(from)?,
        })
    }
}

variants!(EntryState {
    1 => Waiting,
    2 => Running,
    3 => Failed,
    4 => Final,
});

fields!(Held { records, bytes });

/// Adds up what has no final verdict.
fn held(entries: &VecDeque<Entry>) -> Option<Held> {
    let mut held = Held::default();
    for entry in entries {
        if entry.state != EntryState::Final {
            held.records = held.records.checked_add(1)?;
            held.bytes = held.bytes.checked_add(u64::from(entry.record.bytes))?;
        }
    }
    Some(held)
}

fn put_entries(entries: &VecDeque<Entry>, to: &mut Words) {
    let records = || entries.iter().map(|entry| entry.record);
    put_column(
        records()
            .zip(0_i64..)
            .map(|(it, n)| it.offset.wrapping_sub(n)),
        to,
    );
    put_column(records().map(|it| it.key), to);
    put_column(records().map(|it| it.bytes), to);
    put_column(records().map(|it| it.fingerprint), to);
    put_column(entries.iter().map(|it| it.state), to);
    put_column(entries.iter().map(|it| it.successor), to);
}

fn take_entries(from: &mut Reader<'_>) -> Option<VecDeque<Entry>> {
    // The distance to the offset that it would have without gaps.
    let distances: Column<i64> = Word::take(from)?;
    let keys: Column<Option<u64>> = Word::take(from)?;
    let bytes: Column<u32> = Word::take(from)?;
    let fingerprints: Column<u32> = Word::take(from)?;
    let states: Column<EntryState> = Word::take(from)?;
    let successors: Column<Option<u64>> = Word::take(from)?;
    let length = distances.length()?;
    let lengths = [
        keys.length()?,
        bytes.length()?,
        fingerprints.length()?,
        states.length()?,
        successors.length()?,
    ];
    if lengths.into_iter().any(|other| other != length) {
        return None;
    }
    let (mut keys, mut bytes) = (keys.values(), bytes.values());
    let (mut fingerprints, mut states) = (fingerprints.values(), states.values());
    let mut successors = successors.values();
    let entries = distances.values().zip(0_i64..).map(|(distance, n)| {
        Some(Entry {
            record: Record {
                offset: distance.wrapping_add(n),
                key: keys.next()?,
                bytes: bytes.next()?,
                fingerprint: fingerprints.next()?,
            },
            state: states.next()?,
            successor: successors.next()?,
        })
    });
    entries.collect()
}

/// Values, each with how often it comes one after the other.
struct Column<T>(Vec<(T, u64)>);

/// More records than any dispatcher holds.
const MAX_RECORDS: u64 = 1 << 28;

impl<T: Copy> Column<T> {
    fn length(&self) -> Option<u64> {
        let counts = self.0.iter().map(|&(_, count)| count);
        let length = counts.fold(0_u64, u64::saturating_add);
        (length <= MAX_RECORDS).then_some(length)
    }

    fn values(self) -> impl Iterator<Item = T> {
        let all = self.0.into_iter();
        all.flat_map(|(value, count)| (0..count).map(move |_| value))
    }
}

impl<T: Word> Word for Column<T> {
    fn put(&self, to: &mut Words) {
        self.0.put(to);
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        Word::take(from).map(Self)
    }
}

fn put_column<T: Word + PartialEq>(values: impl Iterator<Item = T>, to: &mut Words) {
    let mut column: Vec<(T, u64)> = Vec::new();
    for value in values {
        match column.last_mut() {
            Some((last, count)) if *last == value => *count += 1,
            Some(_) | None => column.push((value, 1)),
        }
    }
    column.put(to);
}
