//! What became of the calls.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use livebus_core::calls::{CallId, Calls, Counters, NotSent, Outcome};

/// What became of the calls of a recording, or would have become of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Report {
    /// What was counted.
    pub counters: Counters,
    /// Why requests were not sent.
    pub not_sent: NotSentCounts,
    /// The calls that ended without a reply that says that the request was executed, in the order of their ends.
    pub without_reply: Vec<Ended>,
    /// The longest time from a call to its end.
    pub longest: Duration,
    /// The longest time from a call to its reply.
    pub longest_replied: Duration,
    /// The most calls in flight at once.
    pub max_in_flight: usize,
    /// The most bytes of requests in flight at once.
    pub max_bytes_in_flight: u64,
    /// The calls that are in flight at the end.
    pub in_flight_at_end: usize,
    /// What was assumed.
    pub unknown: Unknown,
    /// When each call in flight came.
    came: BTreeMap<CallId, Instant>,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// The call.
    pub call: CallId,
    /// When it ended.
    pub at: Instant,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub outcome: Outcome,
}

/// How many requests were not sent, by the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct NotSentCounts {
    /// The bus could not be used.
    pub bus: u64,
    /// The replies could not be read.
    pub replies: u64,
    /// The send failed.
    pub send: u64,
    /// The deadline passed before.
    pub deadline: u64,
    /// The request was too large.
    pub too_large: u64,
    /// Too many calls or bytes were in flight.
    pub overloaded: u64,
    /// The caller was being shut down.
    pub shutting_down: u64,
}

/// What nobody can know, and what was assumed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Unknown {
    /// Calls that the recording did not send: assumed to be acknowledged at once, and to be replied after the median time of the
    /// replies of the recording.
    pub calls: BTreeSet<CallId>,
    /// Calls with an attempt more than the recording has: it is assumed to be acknowledged at once, and not to be replied.
    pub attempts: BTreeSet<CallId>,
    /// Calls without a reply in the recording and with more time than they had there: none is assumed to come.
    pub replies: BTreeSet<CallId>,
}

impl Report {
    pub(super) fn on_called(&mut self, call: CallId, now: Instant) {
        self.came.entry(call).or_insert(now);
    }

    pub(super) fn on_end(&mut self, call: CallId, now: Instant, outcome: Outcome) {
        let came = self.came.remove(&call).unwrap_or(now);
        let took = now.saturating_duration_since(came);
        self.longest = self.longest.max(took);
        match outcome {
            Outcome::Replied => {
                self.longest_replied = self.longest_replied.max(took);
                return;
            }
            Outcome::NotSent(reason) => self.not_sent.count(reason),
            Outcome::Refused(_)
            | Outcome::SentUnknown(_)
            | Outcome::Expired
            | Outcome::Cancelled
            | Outcome::ShuttingDown => {}
        }
        self.without_reply.push(Ended {
            call,
            at: now,
            took,
            outcome,
        });
    }

    /// Takes over what the calls say of themselves.
    pub(super) fn take(&mut self, calls: &Calls) {
        self.counters = *calls.counters();
        self.in_flight_at_end = calls.in_flight();
        self.max_in_flight = self.max_in_flight.max(calls.in_flight());
        self.max_bytes_in_flight = self.max_bytes_in_flight.max(calls.bytes_in_flight());
    }
}

impl NotSentCounts {
    const fn count(&mut self, reason: NotSent) {
        match reason {
            NotSent::Bus(_) => self.bus += 1,
            NotSent::Replies(_) => self.replies += 1,
            NotSent::Send(_) => self.send += 1,
            NotSent::Deadline => self.deadline += 1,
            NotSent::TooLarge => self.too_large += 1,
            NotSent::Overloaded { .. } => self.overloaded += 1,
            NotSent::ShuttingDown => self.shutting_down += 1,
        }
    }
}
