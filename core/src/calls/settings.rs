//! The settings of `Calls`, before they are checked.

use std::time::Duration;

use crate::backoff::Backoff;

/// Every limit, timing and policy of `Calls`, before they are checked: [`Config::new`](crate::calls::Config::new) does that.
///
/// A field may be added in a minor version: take the rest by `..Settings::default()`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Settings {
    /// The bounds on what is in flight and in memory.
    pub limits: Limits,
    /// How long the assignment of the reply partition may take, with the question for its end.
    pub assign_timeout: Duration,
    /// How long to wait after an assignment that failed or was lost.
    pub assign_backoff: Backoff,
    /// How often the request of an idempotent call is sent at most, the first time included.
    pub attempts: u32,
    /// How long an idempotent call waits for the reply to an acknowledged request before it sends the next.
    pub attempt_timeout: Duration,
    /// How long an idempotent call waits after a send that failed.
    pub retry_backoff: Backoff,
    /// The longest hint when to try again, for a call over a limit.
    pub overload_hint: Duration,
    /// At a shutdown: how long calls in flight may still be replied.
    pub drain: Duration,
    /// Where the jitter of the back-offs comes from: the same seed gives the same delays.
    pub seed: u64,
}

/// The bounds on what is in flight and in memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Calls in flight.
    pub calls: u32,
    /// Bytes of the requests of these calls. What a client library still holds of a call that ended is not counted.
    pub bytes: u64,
    /// Bytes of one request at most.
    pub call_bytes: u32,
    /// How many calls that ended with a reply are remembered, so that another reply to them counts as a duplicate and not as late.
    pub remembered: u32,
}

impl Default for Settings {
    fn default() -> Self {
        let backoff = Backoff {
            first: Duration::from_millis(100),
            max: Duration::from_secs(5),
            jitter_percent: 20,
        };
        Self {
            limits: Limits::default(),
            assign_timeout: Duration::from_secs(5),
            assign_backoff: backoff,
            attempts: 3,
            attempt_timeout: Duration::from_secs(2),
            retry_backoff: backoff,
            overload_hint: Duration::from_secs(1),
            drain: Duration::from_secs(5),
            seed: 0,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: 10_000,
            bytes: 64 << 20,
            call_bytes: 1 << 20,
            remembered: 1_000,
        }
    }
}
