//! The topics, the positions of groups, and the faults.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use livebus_runner::calls::OutgoingRecord;
use livebus_runner::handlers::{Batch, Header, Wake};

/// A cluster in memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemoryCluster(Arc<Mutex<State>>);

/// What becomes of a request that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SendFault {
    /// It is written and acknowledged.
    #[default]
    None,
    /// It is not written, and the client knows it.
    NotSent,
    /// It is written, and the client cannot know it.
    WrittenUnknown,
    /// It is not written, and the client cannot know it.
    LostUnknown,
    /// It is neither written nor answered.
    Hanging,
}

/// A record of a partition.
#[derive(Debug, Clone)]
pub struct StoredRecord {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its payload.
    pub payload: Vec<u8>,
    /// Its headers.
    pub headers: Vec<(String, Vec<u8>)>,
    /// When it was written, in milliseconds since 1970.
    pub timestamp: i64,
}

#[derive(Debug, Default)]
pub(super) struct State {
    topics: HashMap<String, Vec<Vec<StoredRecord>>>,
    /// The positions of groups, by group, topic and partition.
    pub(super) positions: HashMap<(String, String, i32), i64>,
    wakes: Vec<Wake>,
    is_down: bool,
    pub(super) request_fault: SendFault,
    pub(super) replies_are_readable: Readable,
    /// How often each reply is written.
    pub(super) reply_copies: Option<usize>,
    pub(super) may_commit: Readable,
}

/// Whether something works; it does at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Readable(pub(super) bool);

impl Default for Readable {
    fn default() -> Self {
        Self(true)
    }
}

impl MemoryCluster {
    /// Creates a topic with so many partitions.
    pub fn create_topic(&self, name: &str, partitions: usize) {
        let mut state = self.lock();
        state
            .topics
            .insert(name.to_owned(), vec![Vec::new(); partitions]);
    }

    /// Sets whether liveness messages succeed.
    pub fn set_up(&self, is_up: bool) {
        self.lock().is_down = !is_up;
    }

    /// Sets what becomes of requests from now on.
    pub fn set_request_fault(&self, fault: SendFault) {
        self.lock().request_fault = fault;
    }

    /// Sets whether reply partitions can be read.
    pub fn set_replies_readable(&self, readable: bool) {
        self.lock().replies_are_readable = Readable(readable);
        self.wake();
    }

    /// Sets how often each reply is written: 0 loses it.
    pub fn set_reply_copies(&self, copies: usize) {
        self.lock().reply_copies = Some(copies);
    }

    /// Sets whether commits succeed.
    pub fn set_may_commit(&self, may: bool) {
        self.lock().may_commit = Readable(may);
    }

    /// Returns the records of a topic.
    #[must_use]
    pub fn records(&self, topic: &str) -> Vec<StoredRecord> {
        let state = self.lock();
        let partitions = state.topics.get(topic);
        partitions.map_or_else(Vec::new, |it| it.iter().flatten().cloned().collect())
    }

    /// Returns the position of a group.
    #[must_use]
    pub fn position(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        let at = (group.to_owned(), topic.to_owned(), partition);
        self.lock().positions.get(&at).copied()
    }

    /// Writes a record of anything, as somebody else would. Returns its partition; `None` if there is no such topic.
    #[must_use = "there may be no such topic"]
    pub fn write(&self, record: &OutgoingRecord) -> Option<i32> {
        let partition = {
            let mut state = self.lock();
            let partitions = state.topics.get_mut(&*record.topic)?;
            let count = partitions.len();
            let by_key = record.key.as_deref().map_or(0, |key| {
                let mut hasher = DefaultHasher::new();
                key.hash(&mut hasher);
                usize::try_from(hasher.finish() % count as u64).unwrap_or(0)
            });
            let partition = record
                .partition
                .map_or(by_key, |it| it.unsigned_abs() as usize);
            let since = record.timestamp.duration_since(UNIX_EPOCH);
            partitions.get_mut(partition)?.push(StoredRecord {
                key: record.key.clone(),
                payload: record.payload.clone(),
                headers: record
                    .headers
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), value.clone()))
                    .collect(),
                timestamp: i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(0),
            });
            i32::try_from(partition).ok()
        };
        self.wake();
        partition
    }

    /// Returns a record with these parts, written now.
    #[must_use]
    pub fn record(topic: &str, key: Option<&[u8]>, payload: &[u8]) -> OutgoingRecord {
        OutgoingRecord {
            topic: topic.into(),
            partition: None,
            key: key.map(<[u8]>::to_vec),
            payload: payload.to_vec(),
            headers: Vec::new(),
            timestamp: SystemTime::now(),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        !self.lock().is_down
    }

    /// Returns the number of partitions of a topic; 0 if there is none.
    pub(super) fn partitions(&self, topic: &str) -> usize {
        self.lock().topics.get(topic).map_or(0, Vec::len)
    }

    pub(super) fn end_of(&self, topic: &str, partition: usize) -> usize {
        let state = self.lock();
        let found = state.topics.get(topic).and_then(|it| it.get(partition));
        found.map_or(0, Vec::len)
    }

    /// Returns the records of a partition from an offset on, at most so many.
    pub(super) fn fetch(
        &self,
        topic: &str,
        partition: usize,
        from: usize,
        max: usize,
    ) -> Option<Batch> {
        let state = self.lock();
        let records = state.topics.get(topic)?.get(partition)?;
        let new: Vec<_> = records.iter().enumerate().skip(from).take(max).collect();
        if new.is_empty() {
            return None;
        }
        let mut batch = Batch::new(topic.into(), i32::try_from(partition).ok()?);
        for (offset, record) in new {
            let headers = record.headers.iter().map(|(name, value)| Header {
                name,
                value: Some(value),
            });
            batch.push(
                i64::try_from(offset).ok()?,
                Some(record.timestamp),
                record.key.as_deref(),
                Some(&record.payload),
                headers,
            );
        }
        Some(batch)
    }

    pub(super) fn add_wake(&self, wake: Wake) {
        self.lock().wakes.push(wake);
    }

    pub(super) fn wake(&self) {
        let wakes = self.lock().wakes.clone();
        for wake in wakes {
            wake.wake();
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no thread panics with the lock")
    }
}
