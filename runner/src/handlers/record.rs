//! A record, as a function receives it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::handlers::batch::{Batch, Header};
use crate::handlers::batch_memory::Entry;

/// A record of a topic: owned, and cheap to clone. Its parts are borrowed from the batch in which it was fetched, which stays in memory as
/// long as any of its records does.
#[derive(Clone)]
pub struct Record {
    batch: Arc<Batch>,
    index: usize,
}

impl Record {
    /// Returns the topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        self.batch.topic()
    }

    /// Returns the number of the partition in its topic.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.batch.partition()
    }

    /// Returns the offset.
    #[must_use]
    pub fn offset(&self) -> i64 {
        self.entry().offset
    }

    /// Returns the timestamp, if the record has one that a `SystemTime` can hold.
    #[must_use]
    pub fn timestamp(&self) -> Option<SystemTime> {
        let millis = self.entry().timestamp?;
        let since_epoch = Duration::from_millis(millis.unsigned_abs());
        if millis < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(since_epoch)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(since_epoch)
        }
    }

    /// Returns the key; `None` for a record without.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.batch.bytes(self.entry().key)
    }

    /// Returns the payload; `None` for a record without, which a compacted topic takes for a deletion of its key.
    #[must_use]
    pub fn payload(&self) -> Option<&[u8]> {
        self.batch.bytes(self.entry().payload)
    }

    /// Returns the headers, in their order.
    #[must_use]
    pub fn headers(&self) -> impl ExactSizeIterator<Item = Header<'_>> {
        self.batch.headers(self.entry())
    }

    /// Returns the value of the last header with this name; `None` if there is none, or it has no value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let last = self.headers().filter(|header| header.name == name).last();
        last.and_then(|header| header.value)
    }

    fn entry(&self) -> &Entry {
        self.batch.entry(self.index)
    }
}

impl Batch {
    /// Returns one of its records, in the order in which they were added.
    ///
    /// # Panics
    ///
    /// If there are not so many records.
    #[must_use]
    pub fn record(self: &Arc<Self>, index: usize) -> Record {
        assert!(
            index < self.len(),
            "record {index} of a batch of {}",
            self.len()
        );
        Record {
            batch: Arc::clone(self),
            index,
        }
    }
}

impl fmt::Debug for Record {
    /// Shows where the record is, and not what is in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("offset", &self.offset())
            .finish_non_exhaustive()
    }
}
