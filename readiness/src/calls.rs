//! What callers and call handlers show of their work.

use std::time::Instant;

use livebus_core::calls::{CalleeCounters, Counters};

/// What a caller has done, and its calls in flight. At most a tenth of a second old.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CallerProgress {
    /// The number of calls that are in flight.
    pub calls_in_flight: usize,
    /// The bytes of their requests.
    pub bytes_in_flight: u64,
    /// When the oldest of them was made.
    pub oldest_call: Option<Instant>,
    /// The number of records of the reply topic that are no replies.
    pub unreadable_replies: u64,
    /// What was counted since it was made, also after its end. A call that is refused before its supervision has it counts too.
    pub counters: Counters,
}

/// What a call handler has done beside its [`HandlerProgress`](crate::HandlerProgress), and what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CalleeProgress {
    /// The number of requests that were fetched, and wait or run.
    pub requests_held: usize,
    /// The number of records of its topics that are no requests.
    pub unreadable_requests: u64,
    /// The number of replies that did not arrive. Their requests were answered, and their callers do not know it.
    pub lost_replies: u64,
    /// What was counted since it was made, also after its end.
    pub counters: CalleeCounters,
}
