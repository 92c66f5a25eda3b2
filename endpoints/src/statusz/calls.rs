//! What callers and call handlers show.

use livebus_core::calls::{CalleeCounters, Counters};
use livebus_readiness::{CalleeProgress, CallerProgress};
use serde::Serialize;

use crate::statusz::times::Times;

#[derive(Debug, Serialize)]
pub(super) struct JsonCalls {
    in_flight: usize,
    bytes_in_flight: u64,
    oldest_since: Option<String>,
    unreadable_replies: u64,
    counters: JsonCallCounters,
}

#[derive(Debug, Serialize)]
struct JsonCallCounters {
    called: u64,
    replied: u64,
    refused: u64,
    not_sent: u64,
    sent_unknown: u64,
    expired: u64,
    cancelled: u64,
    shutting_down: u64,
    sends: u64,
    retries: u64,
    cancels: u64,
    foreign_replies: u64,
    former_replies: u64,
    late_replies: u64,
    duplicate_replies: u64,
    stale: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct JsonRequests {
    held: usize,
    unreadable: u64,
    lost_replies: u64,
    counters: JsonRequestCounters,
}

#[derive(Debug, Serialize)]
struct JsonRequestCounters {
    runs: u64,
    too_late: u64,
    /// The age of the oldest of these.
    max_age_seconds: f64,
    cancelled: u64,
    late_cancels: u64,
    repeated: u64,
    stale: u64,
}

impl JsonCalls {
    pub(super) fn new(progress: &CallerProgress, times: Times) -> Self {
        let &CallerProgress {
            calls_in_flight,
            bytes_in_flight,
            oldest_call,
            unreadable_replies,
            counters,
            ..
        } = progress;
        Self {
            in_flight: calls_in_flight,
            bytes_in_flight,
            oldest_since: oldest_call.map(|at| times.show(at)),
            unreadable_replies,
            counters: counters.into(),
        }
    }
}

impl From<Counters> for JsonCallCounters {
    fn from(counters: Counters) -> Self {
        let Counters {
            called,
            replied,
            refused,
            not_sent,
            sent_unknown,
            expired,
            cancelled,
            shutting_down,
            sends,
            retries,
            cancels,
            foreign_replies,
            former_replies,
            late_replies,
            duplicate_replies,
            stale,
            ..
        } = counters;
        Self {
            called,
            replied,
            refused,
            not_sent,
            sent_unknown,
            expired,
            cancelled,
            shutting_down,
            sends,
            retries,
            cancels,
            foreign_replies,
            former_replies,
            late_replies,
            duplicate_replies,
            stale,
        }
    }
}

impl From<CalleeProgress> for JsonRequests {
    fn from(progress: CalleeProgress) -> Self {
        let CalleeProgress {
            requests_held,
            unreadable_requests,
            lost_replies,
            counters,
            ..
        } = progress;
        Self {
            held: requests_held,
            unreadable: unreadable_requests,
            lost_replies,
            counters: counters.into(),
        }
    }
}

impl From<CalleeCounters> for JsonRequestCounters {
    fn from(counters: CalleeCounters) -> Self {
        let CalleeCounters {
            runs,
            too_late,
            max_age,
            cancelled,
            late_cancels,
            repeated,
            stale,
            ..
        } = counters;
        Self {
            runs,
            too_late,
            max_age_seconds: max_age.as_secs_f64(),
            cancelled,
            late_cancels,
            repeated,
            stale,
        }
    }
}
