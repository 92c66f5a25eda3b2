//! How long things may take.

use std::time::{Duration, Instant};

use livebus_core::Settings;

/// Returns the time until `deadline`; zero after it.
pub(crate) fn left_until(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// Returns the maximum time of a liveness message, live or not: as long as any answer of the bus is waited for.
pub(crate) fn max_message_time(settings: &Settings) -> Duration {
    settings
        .liveness_timeout
        .max(settings.not_live_interval_max)
}

/// Returns so many parts of a time, `of` all its parts.
pub(crate) fn share(time: Duration, parts: u32, of: u32) -> Duration {
    time * parts / of
}

/// Returns the instant at which a time that begins now is over.
pub(crate) fn from_now(time: Duration) -> Instant {
    Instant::now() + time
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_fraction_of_a_time() {
        let time = Duration::from_secs(20);
        assert_eq!(share(time, 19, 20), Duration::from_secs(19));
        assert_eq!(share(time, 1, 4), Duration::from_secs(5));
    }

    #[test]
    fn what_begins_now_is_over_in_its_time() {
        let time = Duration::from_mins(1);
        let earliest = Instant::now() + time;
        let end = from_now(time);
        assert!(earliest <= end && end <= Instant::now() + time);
        let left = left_until(end);
        assert!(!left.is_zero() && left <= time);
    }
}
