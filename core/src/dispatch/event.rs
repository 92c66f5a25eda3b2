//! What goes into a dispatcher.

use crate::dispatch::ids::{CommitId, DeadLetterId, Generation, PartitionId, RunId};
use crate::failure::Failure;

/// Something that happened, the input of [`Dispatcher::handle_event`](crate::dispatch::Dispatcher::handle_event).
///
/// What names a run, a commit or a dead letter that is over, or a partition in an earlier generation, is stale: counted and ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event<'a> {
    /// A partition was assigned to this member, and its records will be fetched from `position` on.
    Assigned {
        /// Which partition.
        partition: PartitionId,
        /// Greater than that of each assignment of this partition before; else the event is stale.
        generation: Generation,
        /// Where to begin, and whether the group has that position already.
        start: Start,
        /// The records at or above the position that are done already, from the metadata of the committed position; offsets ascend.
        done: &'a [DoneRecord],
    },
    /// Records were fetched, in the order of their offsets. An offset that was fetched already in this generation is ignored.
    Fetched {
        /// Which partition.
        partition: PartitionId,
        /// The generation in which they were fetched.
        generation: Generation,
        /// The records, without their payloads.
        records: &'a [Record],
    },
    /// The function did not finish record number `done` of the run at once, and continues with it alone. The records before it are done;
    /// those after it are given back.
    Pending {
        /// The run, which from now on is a run of this one record.
        run: RunId,
        /// How many records of the run are done.
        done: u32,
    },
    /// A run is over: none of its code runs any more.
    RunEnded {
        /// The run.
        run: RunId,
        /// How it ended.
        end: RunEnd,
    },
    /// Answers [`Action::WriteDeadLetter`](crate::dispatch::Action::WriteDeadLetter).
    DeadLetterAnswered {
        /// The action's id.
        id: DeadLetterId,
        /// Whether the brokers acknowledged the dead letter.
        result: Result<(), Failure>,
    },
    /// Answers [`Action::Commit`](crate::dispatch::Action::Commit).
    CommitAnswered {
        /// The action's id.
        id: CommitId,
        /// The partitions of the commit whose positions the group has now. Those of all others failed, each for itself; a partition that is
        /// not in the commit is ignored.
        acknowledged: &'a [PartitionId],
    },
    /// The group takes a partition away. [`Action::Release`](crate::dispatch::Action::Release) says when it may go.
    Revoked {
        /// Which partition.
        partition: PartitionId,
        /// The generation that ends.
        generation: Generation,
    },
    /// A partition is gone already; another member may have it.
    Lost {
        /// Which partition.
        partition: PartitionId,
        /// The generation that ended.
        generation: Generation,
    },
    /// The broker removed the records between two offsets before they were fetched, by retention or because the topic was created again.
    /// What is fetched from then on is ignored, until [`Action::Seek`](crate::dispatch::Action::Seek).
    Removed {
        /// Which partition.
        partition: PartitionId,
        /// The generation in which this was seen.
        generation: Generation,
        /// The first offset that was not fetched.
        from: i64,
        /// The first offset that can be fetched. Lower than `from` for a topic that was created again.
        to: i64,
    },
    /// The consumer is beyond repair: every partition is gone.
    ClientLost,
    /// Whether the bus can be used, as the supervisor has it. A dispatcher begins with a bus that cannot.
    BusUsable(bool),
    /// The service requests the shutdown.
    Shutdown,
}

/// Where the records of an assignment begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Start {
    /// At the position that the group has committed.
    Committed(i64),
    /// At a position that the group does not have yet: it is committed before the first record runs.
    Resolved(i64),
}

/// A fetched record, as a dispatcher sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Record {
    /// Its offset.
    pub offset: i64,
    /// A hash of its key; `None` for a record without a key, which has no order.
    pub key: Option<u64>,
    /// What it occupies in memory, in bytes.
    pub bytes: u32,
    /// A fingerprint of its timestamp, by which a record that was done is known again.
    pub fingerprint: u32,
}

/// A record that is done above the committed position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DoneRecord {
    /// Its offset.
    pub offset: i64,
    /// The fingerprint of its timestamp. Another record may have the offset after a topic was created again.
    pub fingerprint: u32,
}

/// How a run ended. A count is that of the records at its beginning that are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunEnd {
    /// All of its records are done.
    Done,
    /// The record after the first `done` failed; those after it were not begun.
    Failed {
        /// How many are done.
        done: u32,
        /// How it failed.
        class: RecordFailure,
    },
    /// The record after the first `done` was cancelled; those after it were not begun.
    Cancelled {
        /// How many are done.
        done: u32,
    },
    /// The records after the first `done` were not begun.
    Returned {
        /// How many are done.
        done: u32,
    },
}

/// How a function failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordFailure {
    /// It may succeed when it is tried again.
    Transient,
    /// It will fail each time.
    Permanent,
    /// It did not finish within [`record_timeout`](crate::dispatch::Settings::record_timeout).
    TimedOut,
    /// It panicked.
    Panicked,
}
