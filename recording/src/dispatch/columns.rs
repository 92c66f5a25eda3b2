//! Records as columns, in which what repeats itself is written once.

use livebus_core::dispatch::{DoneRecord, Limits, Record};
use serde::{Deserialize, Serialize};

use crate::line::Damage;

/// Values of one column: each alone, or with how many follow from it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Column<T>(Vec<Item<T>>);

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Item<T> {
    One(T),
    Many(T, u64),
}

/// What follows a value in a column.
pub(super) trait Next: Copy + PartialEq {
    /// Returns the value that is this far behind it.
    fn after(self, distance: u64) -> Option<Self>;
}

/// Offsets follow one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Offset(i64);

impl Next for Offset {
    fn after(self, distance: u64) -> Option<Self> {
        self.0.checked_add_unsigned(distance).map(Self)
    }
}

impl Next for u32 {
    fn after(self, _: u64) -> Option<Self> {
        Some(self)
    }
}

impl Next for Option<u64> {
    fn after(self, _: u64) -> Option<Self> {
        Some(self)
    }
}

impl<T: Next> Column<T> {
    fn new(values: impl Iterator<Item = T>) -> Self {
        let mut items: Vec<Item<T>> = Vec::new();
        for value in values {
            let longer = match items.last() {
                Some(&Item::One(first)) if first.after(1) == Some(value) => Some((first, 2)),
                Some(&Item::Many(first, count)) if first.after(count) == Some(value) => {
                    Some((first, count + 1))
                }
                Some(Item::One(_) | Item::Many(..)) | None => None,
            };
            match (longer, items.last_mut()) {
                (Some((first, count)), Some(last)) => *last = Item::Many(first, count),
                (Some(_) | None, _) => items.push(Item::One(value)),
            }
        }
        Self(items)
    }

    /// Returns the values. Every list has one form only.
    fn values(self, field: &str) -> Result<Vec<T>, Damage> {
        let counts = self.0.iter().map(|item| match item {
            Item::One(_) => 1,
            Item::Many(_, count) => *count,
        });
        if counts.fold(0, u64::saturating_add) > u64::from(Limits::MAX) {
            return Err(Damage::new(format!(
                "`{field}` has more than {} values",
                Limits::MAX
            )));
        }
        let each = self.0.iter().flat_map(|&item| {
            let (first, count) = match item {
                Item::One(value) => (value, 1),
                Item::Many(first, count) => (first, count),
            };
            (0..count).map(move |distance| first.after(distance))
        });
        let values: Option<Vec<T>> = each.collect();
        let values = values.filter(|values| Self::new(values.iter().copied()) == self);
        values.ok_or_else(|| Damage::new(format!("`{field}` is not as it is written")))
    }
}

/// The columns of records that are done.
pub(super) type DoneColumns = (Option<Column<Offset>>, Option<Column<u32>>);

/// The columns of fetched records.
#[derive(Debug, Default, PartialEq)]
pub(super) struct RecordColumns {
    pub(super) offsets: Option<Column<Offset>>,
    pub(super) bytes: Option<Column<u32>>,
    pub(super) fingerprints: Option<Column<u32>>,
    pub(super) keys: Option<Column<Option<u64>>>,
}

/// Returns the columns of records that are done; no columns for none.
pub(super) fn done_columns(done: &[DoneRecord]) -> DoneColumns {
    if done.is_empty() {
        return (None, None);
    }
    let offsets = Column::new(done.iter().map(|it| Offset(it.offset)));
    let fingerprints = Column::new(done.iter().map(|it| it.fingerprint));
    (Some(offsets), Some(fingerprints))
}

pub(super) fn done((offsets, fingerprints): DoneColumns) -> Result<Vec<DoneRecord>, Damage> {
    let offsets = values(offsets, "offsets")?;
    let fingerprints = values(fingerprints, "fingerprints")?;
    same_length(&[offsets.len(), fingerprints.len()])?;
    let all = offsets.into_iter().zip(fingerprints);
    let all = all.map(|(Offset(offset), fingerprint)| DoneRecord {
        offset,
        fingerprint,
    });
    Ok(all.collect())
}

pub(super) fn record_columns(records: &[Record]) -> RecordColumns {
    if records.is_empty() {
        return RecordColumns::default();
    }
    let has_keys = records.iter().any(|it| it.key.is_some());
    RecordColumns {
        offsets: Some(Column::new(records.iter().map(|it| Offset(it.offset)))),
        bytes: Some(Column::new(records.iter().map(|it| it.bytes))),
        fingerprints: Some(Column::new(records.iter().map(|it| it.fingerprint))),
        keys: has_keys.then(|| Column::new(records.iter().map(|it| it.key))),
    }
}

pub(super) fn records(columns: RecordColumns) -> Result<Vec<Record>, Damage> {
    let offsets = values(columns.offsets, "offsets")?;
    let bytes = values(columns.bytes, "bytes")?;
    let fingerprints = values(columns.fingerprints, "fingerprints")?;
    let keys = match columns.keys {
        None => vec![None; offsets.len()],
        Some(keys) => Some(keys.values("keys")?)
            .filter(|keys| keys.iter().any(Option::is_some))
            .ok_or_else(|| Damage::new("`keys` has none"))?,
    };
    same_length(&[offsets.len(), bytes.len(), fingerprints.len(), keys.len()])?;
    let all = offsets.into_iter().zip(bytes).zip(fingerprints).zip(keys);
    let all = all.map(|(((Offset(offset), bytes), fingerprint), key)| Record {
        offset,
        key,
        bytes,
        fingerprint,
    });
    Ok(all.collect())
}

fn values<T: Next>(column: Option<Column<T>>, field: &str) -> Result<Vec<T>, Damage> {
    match column {
        None => Ok(Vec::new()),
        Some(column) if column.0.is_empty() => Err(Damage::new(format!("`{field}` is empty"))),
        Some(column) => column.values(field),
    }
}

fn same_length(lengths: &[usize]) -> Result<(), Damage> {
    if lengths.windows(2).all(|pair| pair[0] == pair[1]) {
        Ok(())
    } else {
        Err(Damage::new("its columns are not equally long"))
    }
}
