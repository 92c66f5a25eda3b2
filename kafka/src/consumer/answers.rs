//! What other threads answer to the loop of a handler.

use livebus_core::Failure;
use livebus_core::dispatch::{DeadLetterId, DoneRecord, Start};

use crate::call_thread;
use crate::consumer::commits::PositionResults;
use crate::consumer::context::TopicPartition;

/// The answers that the loop of a handler has not taken yet.
pub(crate) type Answers = call_thread::Answers<Answer>;

/// An answer of another thread.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The commit in flight is over.
    Committed(PositionResults),
    /// Where the partitions of an assignment begin.
    Starts(Result<Vec<StartPosition>, Failure>),
    /// Which offsets there are, after one was out of range.
    Ranges(Result<Vec<PartitionRange>, Failure>),
    /// Where partitions end: those of which it is known.
    Ends(Result<Vec<(TopicPartition, i64)>, Failure>),
    /// The partitions of the topics of a broadcast.
    Partitions(Result<Vec<TopicPartition>, Failure>),
    DeadLetter(DeadLetterId, Result<(), Failure>),
}

/// Where a partition begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StartPosition {
    pub(crate) of: TopicPartition,
    pub(crate) start: Start,
    pub(crate) done: Vec<DoneRecord>,
}

/// The offsets of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionRange {
    pub(crate) of: TopicPartition,
    /// The earliest record that is there.
    pub(crate) low: i64,
    /// The offset after the latest one.
    pub(crate) high: i64,
}
