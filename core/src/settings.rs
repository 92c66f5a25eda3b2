//! The settings of a supervisor: every timing and policy, before they are checked.

use std::time::Duration;

use crate::backoff::Backoff;

/// Every timing and policy, before they are checked: [`Config::new`](crate::Config::new) does that.
///
/// A field may be added in a minor version: take the rest from a preset, by `..Settings::default()`.
///
/// ```
/// use livebus_core::{Config, Settings};
/// use std::time::Duration;
///
/// let config = Config::new(Settings {
///     live_interval: Duration::from_secs(2),
///     ..Settings::default()
/// })?;
/// assert_eq!(config.detection_bound(), Duration::from_millis(2_000 + 2 * 2_000 + 500));
/// # Ok::<(), livebus_core::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Settings {
    /// How long one start may take.
    pub start_timeout: Duration,
    /// How long to wait after a start that failed or a client that was lost.
    pub start_backoff: Backoff,
    /// While live: how long the bus may be silent before a liveness message goes out.
    pub live_interval: Duration,
    /// How long a liveness message may take while live. At most `live_interval`.
    pub liveness_timeout: Duration,
    /// After an ambiguous failure while live: how long until the next liveness message. At most `live_interval`.
    pub recheck_delay: Duration,
    /// Ambiguous failures in a row, while live, that make the service NotReady: 1 to 1,000. Evidence after the first of these liveness
    /// messages was sent sets the count to zero, and so does a suspicion.
    pub failures_to_not_ready: u32,
    /// Proofs in a row, while not live, that make it live: 1 to 1,000. More than one in the same interval counts once.
    pub successes_to_ready: u32,
    /// While not live: the interval between liveness messages, and how long each stays open. Doubled after each failure.
    pub not_live_interval: Duration,
    /// Where the doubling of `not_live_interval` ends.
    pub not_live_interval_max: Duration,
    /// What a suspicion does while live.
    pub on_suspicion: OnSuspicion,
    /// How long a liveness message may take that was sent for a suspicion. At most `liveness_timeout`, which takes its place while a part
    /// of the bus is missing.
    pub suspicion_timeout: Duration,
    /// While live: the minimum time from one liveness message to the next that silence or a suspicion sends. At most `live_interval`.
    pub suspicion_spacing: Duration,
    /// How long the service stays Running, with a warning, while a part of the bus is missing: the leaders of the checked partitions, or
    /// the replicas for which they wait. Zero: not at all.
    pub partial_tolerance: Duration,
    /// What it proves that the bus answers and rejects the request, for a missing topic, a missing right or a quota.
    pub on_rejection: RejectionPolicy,
    /// What a fatally broken client leads to.
    pub on_client_lost: OnClientLost,
    /// How long a client may go without evidence before another one is started in its place, at once; `None`: it is kept. Longer than
    /// `not_live_interval_max`.
    pub recreate_after: Option<Duration>,
    /// How long one registration may take.
    pub registration_timeout: Duration,
    /// How long to wait after a registration that failed.
    pub registration_backoff: Backoff,
    /// At a shutdown: how long to be NotReady before anything is closed, so that load balancers see it. Zero: not at all.
    pub drain: Duration,
    /// How long the closing may take after that.
    pub stop_timeout: Duration,
    /// Where the jitter of the backoffs comes from: the same seed gives the same delays. `None`: the runner draws one, so
    /// that many processes do not come back in step; without a runner it is 0.
    pub seed: Option<u64>,
}

/// What a suspicion does while live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnSuspicion {
    /// Send a liveness message as soon as `suspicion_spacing` allows, with `suspicion_timeout`; its outcome decides alone. For a suspicion
    /// of a part of the bus: an ordinary message, when none is in flight or due.
    Check,
    /// NotReady at once.
    NotReady,
}

/// What a rejection for a reason on the client's side proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RejectionPolicy {
    /// The bus lives: it answered. Running, with a warning.
    Live,
    /// Strict: the request was not served. NotReady.
    NotLive,
}

/// What a fatally broken client leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnClientLost {
    /// Discard it and start another.
    Recreate,
    /// Failed, until a shutdown.
    Fail,
}

impl Default for Settings {
    /// A killed bus is noticed in under a second, a hung one in under ten; an idle one costs one small message in five
    /// seconds.
    fn default() -> Self {
        let backoff = Backoff {
            first: Duration::from_millis(500),
            max: Duration::from_secs(30),
            jitter_percent: 20,
        };
        Self {
            start_timeout: Duration::from_secs(10),
            start_backoff: backoff,
            live_interval: Duration::from_secs(5),
            liveness_timeout: Duration::from_secs(2),
            recheck_delay: Duration::from_millis(500),
            failures_to_not_ready: 2,
            successes_to_ready: 1,
            not_live_interval: Duration::from_secs(1),
            not_live_interval_max: Duration::from_secs(5),
            on_suspicion: OnSuspicion::Check,
            suspicion_timeout: Duration::from_millis(500),
            suspicion_spacing: Duration::from_millis(200),
            partial_tolerance: Duration::from_secs(20),
            on_rejection: RejectionPolicy::Live,
            on_client_lost: OnClientLost::Recreate,
            recreate_after: None,
            registration_timeout: Duration::from_secs(10),
            registration_backoff: backoff,
            drain: Duration::from_secs(5),
            stop_timeout: Duration::from_secs(5),
            seed: None,
        }
    }
}

impl Settings {
    /// A hung bus is noticed in under a second; an idle one costs four small messages a second.
    #[must_use]
    pub fn fast() -> Self {
        Self {
            live_interval: Duration::from_millis(250),
            liveness_timeout: Duration::from_millis(250),
            recheck_delay: Duration::from_millis(50),
            not_live_interval: Duration::from_millis(500),
            suspicion_timeout: Duration::from_millis(250),
            suspicion_spacing: Duration::from_millis(100),
            ..Self::default()
        }
    }

    /// The timings and the simpler rules of the VOLTHA core, whose supervision livebus follows: a fixed delay
    /// between starts, a minute of silence while live, five seconds while not, every suspicion believed at once,
    /// no warnings, and no second client.
    ///
    /// It cannot tell a part of the bus from the whole: one of three brokers that dies makes the service NotReady until the others are in
    /// sync without it, unless the records are acknowledged by their leader alone (`acks=1`).
    ///
    /// What a liveness message may take is a minute here; VOLTHA waits for it without end. `docs/differences.md`
    /// lists what else differs, and why.
    #[must_use]
    pub fn as_in_voltha() -> Self {
        Self {
            start_backoff: Backoff::fixed(Duration::from_secs(2)),
            live_interval: Duration::from_mins(1),
            liveness_timeout: Duration::from_mins(1),
            failures_to_not_ready: 1,
            not_live_interval: Duration::from_secs(5),
            not_live_interval_max: Duration::from_secs(5),
            on_suspicion: OnSuspicion::NotReady,
            partial_tolerance: Duration::ZERO,
            on_rejection: RejectionPolicy::NotLive,
            on_client_lost: OnClientLost::Fail,
            drain: Duration::ZERO,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_preset_is_fast_in_all_that_decides_how_soon_a_bus_is_noticed() {
        let fast = Settings::fast();
        let millis = [
            fast.live_interval,
            fast.liveness_timeout,
            fast.recheck_delay,
            fast.not_live_interval,
            fast.suspicion_timeout,
            fast.suspicion_spacing,
        ]
        .map(|it| it.as_millis());
        assert_eq!(millis, [250, 250, 50, 500, 250, 100]);
        let default = Settings::default();
        assert_eq!(fast.start_backoff, default.start_backoff);
        assert_eq!(fast.drain, default.drain);
    }

    #[test]
    fn the_preset_as_in_voltha_has_its_timings_and_its_rules() {
        let voltha = Settings::as_in_voltha();
        let seconds = [
            voltha.start_backoff.first,
            voltha.start_backoff.max,
            voltha.live_interval,
            voltha.liveness_timeout,
            voltha.not_live_interval,
            voltha.not_live_interval_max,
            voltha.partial_tolerance,
            voltha.drain,
        ]
        .map(|it| it.as_secs());
        assert_eq!(seconds, [2, 2, 60, 60, 5, 5, 0, 0]);
        assert_eq!(voltha.start_backoff.jitter_percent, 0);
        assert_eq!(voltha.failures_to_not_ready, 1);
        assert_eq!(voltha.on_suspicion, OnSuspicion::NotReady);
        assert_eq!(voltha.on_rejection, RejectionPolicy::NotLive);
        assert_eq!(voltha.on_client_lost, OnClientLost::Fail);
    }
}
