//! What comes out of a dispatcher.

use std::time::Instant;

use crate::dispatch::event::{DoneRecord, RecordFailure};
use crate::dispatch::ids::{CommitId, DeadLetterId, Generation, PartitionId, RunId};

/// Something that the runner must do, from [`Dispatcher::poll_action`](crate::dispatch::Dispatcher::poll_action).
///
/// Exhaustive on purpose: a new action must break the build of every runner.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Action {
    /// Call the function with these records, one after the other.
    Run(Run),
    /// Cancel the function of a run, soon. The run stays in flight until it has ended.
    Cancel {
        /// The run.
        run: RunId,
    },
    /// Commit these positions, and answer by the deadline. No other commit is in flight.
    Commit {
        /// To be answered by [`Event::CommitAnswered`](crate::dispatch::Event::CommitAnswered).
        id: CommitId,
        /// At most one for each partition.
        positions: Vec<Position>,
        /// When the answer must be there.
        deadline: Instant,
    },
    /// Write a record to the dead-letter topic.
    WriteDeadLetter {
        /// To be answered by [`Event::DeadLetterAnswered`](crate::dispatch::Event::DeadLetterAnswered).
        id: DeadLetterId,
        /// The partition of the record.
        partition: PartitionId,
        /// The generation in which it was fetched.
        generation: Generation,
        /// Its offset.
        offset: i64,
        /// How often it failed while the bus could be used.
        attempts: u32,
        /// How it failed the last time.
        class: RecordFailure,
    },
    /// Forget the payload of a record that will not run again, though no run ended with it.
    Forget {
        /// The partition of the record.
        partition: PartitionId,
        /// The generation in which it was fetched.
        generation: Generation,
        /// Its offset.
        offset: i64,
    },
    /// Fetch at this pace. Repeated when a partition is assigned, because a client library may have forgotten it, or still pauses the
    /// partition.
    SetPace(Pace),
    /// Continue at another offset, after records were removed.
    Seek {
        /// Which partition.
        partition: PartitionId,
        /// Its generation.
        generation: Generation,
        /// The next offset to fetch.
        offset: i64,
    },
    /// The revocation of a partition may proceed: no commit of it is in flight, and none will come.
    Release {
        /// Which partition.
        partition: PartitionId,
        /// The generation that ended.
        generation: Generation,
        /// The records that were begun and whose verdicts the group does not have: its next owner handles them again. All records of a run
        /// that has not ended count as begun.
        duplicates: u32,
    },
    /// The handler's health changed.
    SetHealth(Health),
    /// Leave the group; the dispatcher is stopped, and this is its last action.
    Stopped {
        /// The records that were begun and whose verdicts the group does not have, of all assignments that the shutdown ended.
        duplicates: u32,
    },
}

/// Records of one partition that the function is called with, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Run {
    /// To be answered by [`Event::RunEnded`](crate::dispatch::Event::RunEnded).
    pub id: RunId,
    /// The partition of the records.
    pub partition: PartitionId,
    /// The generation in which they were fetched.
    pub generation: Generation,
    /// The offset of the first one.
    pub offset: i64,
    /// How many records, in the order in which they were fetched: more than one only with [`Order::Partition`](crate::dispatch::Order).
    pub records: u32,
    /// How often the first one failed while the bus could be used, plus one.
    pub attempt: u32,
}

/// A position to be committed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    /// Which partition.
    pub partition: PartitionId,
    /// Its generation.
    pub generation: Generation,
    /// Every record below this offset has its final verdict.
    pub offset: i64,
    /// The records above it that have theirs; offsets ascend.
    pub done: Vec<DoneRecord>,
}

/// How fast to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pace {
    /// As fast as records come.
    Full,
    /// One record a second, which keeps the membership and throws nothing away.
    Slow,
    /// Nothing: the partitions are paused.
    Paused,
}

/// Whether a handler does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Health {
    /// It does, or has nothing to do.
    Working,
    /// A partition stopped at a record that failed.
    Stopped {
        /// Which partition.
        partition: PartitionId,
        /// The offset of the record.
        offset: i64,
        /// How it failed the last time.
        class: RecordFailure,
    },
    /// A partition stopped because records were removed before they were fetched.
    RecordsRemoved {
        /// Which partition.
        partition: PartitionId,
        /// The first offset that was not fetched.
        offset: i64,
    },
    /// A dead letter cannot be written, and its record waits.
    DeadLetterFailed {
        /// The partition of the record.
        partition: PartitionId,
        /// Its offset.
        offset: i64,
    },
    /// The oldest record that waits has waited for longer than [`stall_timeout`](crate::dispatch::Settings::stall_timeout).
    Stalled {
        /// Its partition.
        partition: PartitionId,
        /// Its offset.
        offset: i64,
    },
}
