//! Instants as nanoseconds since an epoch, and back-off delays.

use std::time::{Duration, Instant};

use livebus_core::{Backoff, Config};

/// An instant: nanoseconds since the epoch.
pub(super) type Ns = u64;

pub(super) fn ns(duration: Duration) -> Ns {
    u64::try_from(duration.as_nanos())
        .expect("a setting is at most a year, and a script less than 584")
}

/// The instant from which the nanoseconds are counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Epoch(pub(super) Instant);

impl Epoch {
    pub(super) fn ns(self, instant: Instant) -> Ns {
        ns(instant.saturating_duration_since(self.0))
    }

    pub(super) fn instant(self, at: Ns) -> Instant {
        self.0 + Duration::from_nanos(at)
    }
}

/// The durations of a configuration, in nanoseconds.
#[derive(Debug, Clone)]
pub(super) struct Spans {
    pub(super) start_timeout: Ns,
    pub(super) live_interval: Ns,
    pub(super) liveness_timeout: Ns,
    pub(super) recheck_delay: Ns,
    pub(super) not_live_interval: Ns,
    pub(super) not_live_interval_max: Ns,
    pub(super) suspicion_timeout: Ns,
    pub(super) suspicion_spacing: Ns,
    pub(super) partial_tolerance: Ns,
    pub(super) recreate_after: Option<Ns>,
    pub(super) registration_timeout: Ns,
    pub(super) drain: Ns,
    pub(super) stop_timeout: Ns,
    /// Computed here, not taken from the configuration.
    pub(super) detection_bound: Ns,
}

impl Spans {
    pub(super) fn of(config: &Config) -> Self {
        let s = config.settings();
        let checks = u64::from(s.failures_to_not_ready);
        let [interval, timeout, recheck] =
            [s.live_interval, s.liveness_timeout, s.recheck_delay].map(ns);
        Self {
            start_timeout: ns(s.start_timeout),
            live_interval: interval,
            liveness_timeout: timeout,
            recheck_delay: recheck,
            not_live_interval: ns(s.not_live_interval),
            not_live_interval_max: ns(s.not_live_interval_max),
            suspicion_timeout: ns(s.suspicion_timeout),
            suspicion_spacing: ns(s.suspicion_spacing),
            partial_tolerance: ns(s.partial_tolerance),
            recreate_after: s.recreate_after.map(ns),
            registration_timeout: ns(s.registration_timeout),
            drain: ns(s.drain),
            stop_timeout: ns(s.stop_timeout),
            detection_bound: interval + checks * timeout + (checks - 1) * recheck,
        }
    }
}

/// Returns `first`, doubled for each failure after the first one, and at most `max`.
pub(super) fn doubled(first: Ns, max: Ns, failures: u32) -> Ns {
    let mut delay = first;
    for _ in 1..failures {
        if delay >= max {
            break;
        }
        delay = delay.saturating_mul(2);
    }
    delay.min(max)
}

/// The generator of the jitter, as rule 8 defines it: splitmix64.
#[derive(Debug, Clone)]
pub(super) struct Jitter(pub(super) u64);

impl Jitter {
    /// Returns the next delay. Rule 8.
    pub(super) fn delay(&mut self, backoff: &Backoff, failures: u32) -> Ns {
        let (first, max) = (ns(backoff.first), ns(backoff.max));
        let middle = doubled(first, max, failures);
        let stray = middle / 100 * u64::from(backoff.jitter_percent);
        let low = first.max(middle - stray);
        let high = max.min(middle + stray);
        low + (high - low) / 1_024 * (self.next() % 1_025)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z ^= z >> 30;
        z = z.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^= z >> 27;
        z = z.wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
