//! Records of one partition, copied into one arena.

use std::fmt;
use std::sync::Arc;

use livebus_core::dispatch;

use crate::handlers::batch_memory::{BatchMemory, Entry, HeaderEntry, Parts, Slice};

/// Records of one partition, in the order in which they were fetched.
///
/// Their keys, payloads and headers are copied into one arena: a record that is borrowed from a client library would keep the whole fetch
/// response in memory, and each one of its own would be an allocation.
pub struct Batch {
    topic: Arc<str>,
    partition: i32,
    parts: Parts,
    /// Where the memory of the parts goes at the end.
    memory: Option<BatchMemory>,
}

/// A header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Its name. Several headers may have the same.
    pub name: &'a str,
    /// Its value; `None` for one without.
    pub value: Option<&'a [u8]>,
}

impl Batch {
    /// The most bytes that one batch holds, so that 32 bits are enough to find each.
    const MAX_BYTES: usize = u32::MAX as usize;

    /// What a record occupies beside its key, its payload and its headers.
    const RECORD_OVERHEAD: usize = size_of::<Entry>();

    /// Returns a batch without records.
    #[must_use]
    pub fn new(topic: Arc<str>, partition: i32) -> Self {
        Self {
            topic,
            partition,
            parts: Parts::default(),
            memory: None,
        }
    }

    /// Returns a batch without records, which gives its memory back at the end.
    #[must_use]
    pub fn with_memory(topic: Arc<str>, partition: i32, memory: &BatchMemory) -> Self {
        Self {
            topic,
            partition,
            parts: memory.take(),
            memory: Some(memory.clone()),
        }
    }

    /// Adds a record. Its offset must be greater than those before it. The timestamp is in milliseconds since 1970.
    ///
    /// Returns whether it was added: not if the batch is full, at 4 GiB.
    pub fn push<'a>(
        &mut self,
        offset: i64,
        timestamp: Option<i64>,
        key: Option<&[u8]>,
        payload: Option<&[u8]>,
        headers: impl Iterator<Item = Header<'a>> + Clone,
    ) -> bool {
        let of_headers = headers
            .clone()
            .map(|it| it.name.len() + it.value.map_or(0, <[u8]>::len));
        let length =
            key.map_or(0, <[u8]>::len) + payload.map_or(0, <[u8]>::len) + of_headers.sum::<usize>();
        if self.parts.arena.len() + length > Self::MAX_BYTES {
            return false;
        }
        let key = key.map(|bytes| self.copy(bytes));
        let payload = payload.map(|bytes| self.copy(bytes));
        let before = self.parts.headers.len();
        for header in headers {
            let name = self.copy(header.name.as_bytes());
            let value = header.value.map(|bytes| self.copy(bytes));
            self.parts.headers.push(HeaderEntry { name, value });
        }
        self.parts.entries.push(Entry {
            offset,
            timestamp,
            key,
            payload,
            first_header: count(before),
            headers: count(self.parts.headers.len() - before),
        });
        true
    }

    /// Returns the topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Returns the number of the partition in its topic.
    #[must_use]
    pub const fn partition(&self) -> i32 {
        self.partition
    }

    /// Returns how many records it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.parts.entries.len()
    }

    /// Returns whether it has no records.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.parts.entries.is_empty()
    }

    /// Returns the bytes that its records occupy.
    #[must_use]
    pub const fn bytes_held(&self) -> usize {
        self.parts.arena.len() + self.parts.entries.len() * Self::RECORD_OVERHEAD
    }

    /// Returns the records as a dispatcher sees them. Keys are hashed only if their order counts.
    pub(crate) fn for_dispatcher(
        &self,
        first: usize,
        hash: impl Fn(&[u8]) -> Option<u64>,
    ) -> impl Iterator<Item = dispatch::Record> {
        self.parts.entries[first..].iter().map(move |entry| {
            let key = self.bytes(entry.key);
            dispatch::Record {
                offset: entry.offset,
                key: key.and_then(&hash),
                bytes: self.bytes_of(entry),
                fingerprint: fingerprint(entry.timestamp),
            }
        })
    }

    /// Returns what a record occupies.
    fn bytes_of(&self, entry: &Entry) -> u32 {
        let length = |slice: Option<Slice>| slice.map_or(0, |slice| slice.length);
        let first = entry.first_header as usize;
        let headers = &self.parts.headers[first..first + entry.headers as usize];
        let of_headers = headers
            .iter()
            .map(|header| header.name.length + length(header.value));
        let overhead = u32::try_from(Self::RECORD_OVERHEAD).unwrap_or(u32::MAX);
        // The sum of the parts is at most `MAX_BYTES`.
        let parts = length(entry.key) + length(entry.payload) + of_headers.sum::<u32>();
        parts.saturating_add(overhead)
    }

    pub(crate) fn entry(&self, index: usize) -> &Entry {
        &self.parts.entries[index]
    }

    pub(crate) fn bytes(&self, slice: Option<Slice>) -> Option<&[u8]> {
        let Slice { start, length } = slice?;
        let start = start as usize;
        self.parts.arena.get(start..start + length as usize)
    }

    pub(crate) fn headers(&self, entry: &Entry) -> impl ExactSizeIterator<Item = Header<'_>> {
        let first = entry.first_header as usize;
        let headers = &self.parts.headers[first..first + entry.headers as usize];
        headers.iter().map(|header| Header {
            // It was copied from a string.
            name: self
                .bytes(Some(header.name))
                .and_then(|bytes| str::from_utf8(bytes).ok())
                .unwrap_or_default(),
            value: self.bytes(header.value),
        })
    }

    /// Returns the index of the first record at or above an offset.
    pub(crate) fn index_of(&self, offset: i64) -> usize {
        self.parts
            .entries
            .partition_point(|entry| entry.offset < offset)
    }

    pub(crate) fn last_offset(&self) -> Option<i64> {
        self.parts.entries.last().map(|entry| entry.offset)
    }

    fn copy(&mut self, bytes: &[u8]) -> Slice {
        let start = count(self.parts.arena.len());
        self.parts.arena.extend_from_slice(bytes);
        Slice {
            start,
            length: count(bytes.len()),
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(memory) = &self.memory {
            memory.give_back(std::mem::take(&mut self.parts));
        }
    }
}

impl fmt::Debug for Batch {
    /// Shows where the records are, and not what is in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("records", &self.len())
            .field(
                "first_offset",
                &self.parts.entries.first().map(|it| it.offset),
            )
            .finish_non_exhaustive()
    }
}

/// Returns a fingerprint of a timestamp, by which a record is known again.
#[must_use]
pub const fn fingerprint(timestamp: Option<i64>) -> u32 {
    let Some(millis) = timestamp else { return 0 };
    // The upper half of the product depends on all bits of the number.
    let mixed = millis.cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as u32
}

/// `push` adds nothing beyond [`Batch::MAX_BYTES`].
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn batch() -> Arc<Batch> {
        let mut batch = Batch::new(Arc::from("orders"), 3);
        let headers = [
            Header {
                name: "a",
                value: Some(b"1"),
            },
            Header {
                name: "a",
                value: None,
            },
            Header {
                name: "b",
                value: Some(b"2"),
            },
        ];
        assert!(batch.push(
            5,
            Some(1_000),
            Some(b"key"),
            Some(b"payload"),
            headers.into_iter()
        ));
        assert!(batch.push(9, None, None, None, [].into_iter()));
        Arc::new(batch)
    }

    #[test]
    fn a_record_has_the_parts_that_were_pushed() {
        let batch = batch();
        let record = batch.record(0);
        assert_eq!((record.topic(), record.partition()), ("orders", 3));
        assert_eq!(record.offset(), 5);
        assert_eq!(record.key(), Some(&b"key"[..]));
        assert_eq!(record.payload(), Some(&b"payload"[..]));
        let second = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        assert_eq!(record.timestamp(), Some(second));
        assert_eq!(record.headers().len(), 3);
        assert_eq!(record.header("a"), None);
        assert_eq!(record.header("b"), Some(&b"2"[..]));
    }

    #[test]
    fn a_record_without_parts_has_none() {
        let record = batch().record(1);
        assert_eq!((record.key(), record.payload()), (None, None));
        assert_eq!((record.timestamp(), record.headers().len()), (None, 0));
    }

    #[test]
    fn a_batch_in_used_memory_has_no_record() {
        let memory = BatchMemory::default();
        let batch = || Batch::with_memory(Arc::from("orders"), 3, &memory);
        let mut first = batch();
        assert!(first.push(5, None, None, Some(b"payload"), [].into_iter()));
        drop(first);
        let second = batch();
        assert_eq!((second.len(), second.bytes_held()), (0, 0));
    }

    #[test]
    fn an_offset_in_a_gap_finds_the_record_after_it() {
        let batch = batch();
        let found = [0, 5, 6, 9, 10].map(|offset| batch.index_of(offset));
        assert_eq!(found, [0, 0, 1, 1, 2]);
    }

    #[test]
    fn fingerprints_of_neighbours_differ() {
        let all: std::collections::BTreeSet<_> =
            (0..10_000).map(|it| fingerprint(Some(it))).collect();
        assert!(all.len() > 9_990, "{}", all.len());
    }

    #[test]
    fn debug_shows_no_payload() {
        let batch = batch();
        let shown = format!("{batch:?} {:?}", batch.record(0));
        assert!(
            shown.contains("orders") && !shown.contains("payload"),
            "{shown}"
        );
    }
}
