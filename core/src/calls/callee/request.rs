//! A request as a callee sees it, and what becomes of it.

use std::time::{Duration, Instant};

use crate::calls::ids::Correlation;
use crate::dispatch::{Generation, PartitionId};

/// Where a request is: an offset of an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId {
    /// Its partition.
    pub partition: PartitionId,
    /// The generation in which it was fetched.
    pub generation: Generation,
    /// Its offset.
    pub offset: i64,
}

/// A request that was fetched, without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Arrival {
    /// What it carries.
    pub correlation: Correlation,
    /// A hash of its idempotency key, if it has one.
    pub key: Option<u64>,
    /// The time that remained to the caller when it was sent.
    pub time: Duration,
    /// How old its record is by the clocks of the caller, or the broker, and the callee; zero if they contradict each other.
    pub age: Duration,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Run it, until the deadline.
    Run {
        /// When the caller does not wait any more, with the tolerance.
        deadline: Instant,
        /// Whether it is known that no earlier run of it began: a refusal says so.
        never_began: bool,
    },
    /// Do not run it, and let its position be committed. Ask again once [`Callee::committed`](crate::calls::Callee::committed) was called with a position above it.
    CommitFirst,
    /// Drop it: its deadline is over, with the tolerance.
    TooLate {
        /// How old it is.
        age: Duration,
        /// As for a run.
        never_began: bool,
    },
    /// Drop it: its caller cancelled it.
    Cancelled,
    /// Drop it: an earlier attempt of it runs, and its reply answers this one too.
    Running,
    /// Do not run it, and send the reply of this earlier request again.
    Replay(RequestId),
    /// Drop it: it is not known, or its assignment is over.
    Stale,
}
