//! How far the records of a partition have come.

use std::time::Instant;

use crate::dispatch::ids::{Generation, PartitionId};

/// How far the records of one assignment have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Which partition.
    pub partition: PartitionId,
    /// The generation of its assignment.
    pub generation: Generation,
    /// Every record below this offset has its final verdict.
    pub position: i64,
    /// The oldest record that was fetched and has no final verdict: its offset, and when it arrived.
    pub oldest: Option<(i64, Instant)>,
}
