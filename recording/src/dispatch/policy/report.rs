//! What became of the records.

use std::time::{Duration, Instant};

use livebus_core::dispatch::{Counters, PartitionId, RecordFailure};

/// What became of the records of a handler: as recorded, or with another policy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// What was counted.
    pub counters: Counters,
    /// The records that were skipped.
    pub skipped: Vec<Fate>,
    /// The records whose dead letters were acknowledged.
    pub dead_letters: Vec<Fate>,
    /// The records that stopped their partitions. `until` is when they were done, if they were.
    pub stopped: Vec<Fate>,
    /// The position of each partition that the group has in the end.
    pub committed: Vec<(PartitionId, i64)>,
    /// The records that would be handled again if the process had crashed at the end of the recording.
    pub duplicates_at_end: u64,
    /// Records without a final verdict at the end of the recording.
    pub held_at_end: u32,
    /// The longest time for which a record was the oldest one without a final verdict since it arrived.
    pub longest_stall: Duration,
    /// What the recording does not say. Nothing, in the report of what was recorded.
    pub unknown: Unknown,
}

/// A record that failed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fate {
    /// Its partition.
    pub partition: PartitionId,
    /// Its offset.
    pub offset: i64,
    /// How it failed the last time.
    pub class: RecordFailure,
    /// How often it failed while the bus could be used.
    pub attempts: u32,
    /// When its policy was applied.
    pub at: Instant,
    /// When that was over.
    pub until: Option<Instant>,
}

/// What another policy would have needed to know, and the recording does not say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Unknown {
    /// Records that would have been called again after their last recorded call, which failed. Assumed to fail again.
    pub retries: Vec<(PartitionId, i64)>,
    /// Records that would have been called, and were not, or whose call was interrupted. Assumed to be done at once.
    pub calls: Vec<(PartitionId, i64)>,
    /// Dead letters that were never written. Assumed to be acknowledged.
    pub dead_letters: Vec<(PartitionId, i64)>,
}
