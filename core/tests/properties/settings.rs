//! Random configurations, all of them valid by construction.

use std::time::Duration;

use livebus_core::{
    Backoff, Config, Handler, OnClientLost, OnSuspicion, RejectionPolicy, Settings,
};

/// The range of the durations of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// From 1 ns to a year, mixed.
    Any,
    /// As a person would write: within a factor of a few hundred, so that a run with ideal timers stays short.
    Realistic,
}

/// Random words, taken one by one. Zero is always the simplest choice, so that shrinking simplifies.
pub(crate) struct Words<'a>(pub(crate) std::slice::Iter<'a, u32>);

impl Words<'_> {
    fn next(&mut self) -> u32 {
        self.0.next().copied().unwrap_or(0)
    }

    fn below(&mut self, n: u32) -> u32 {
        self.next() % n
    }

    /// Returns a duration longer than zero.
    fn duration(&mut self, scale: Scale) -> Duration {
        let word = self.next();
        let times = 1 + (word >> 8) % 10;
        let unit = match scale {
            Scale::Realistic => Duration::from_millis(100),
            Scale::Any => match word % 10 {
                0..=2 => Duration::from_millis(100),
                3 => Duration::from_secs(1),
                4 => Duration::from_millis(1),
                5 => Duration::from_micros(1),
                6 => Duration::from_nanos(1),
                7 => Duration::from_mins(1),
                8 => Duration::from_hours(24),
                _ => return Config::MAX_DURATION,
            },
        };
        unit * times
    }

    /// Returns a duration longer than zero and at most `whole`.
    fn part_of(&mut self, whole: Duration, scale: Scale) -> Duration {
        let word = self.next();
        let part = match word % 4 {
            0 => whole / 2,
            1 => whole,
            2 => whole / 100 * (10 + (word >> 8) % 90),
            _ => match scale {
                Scale::Realistic => whole / 10,
                Scale::Any => Duration::from_nanos(1),
            },
        };
        part.max(Duration::from_nanos(1))
    }

    /// Returns a duration longer than zero, at least `part` and at most `max`.
    fn multiple_of(&mut self, part: Duration, max: Duration) -> Duration {
        part.saturating_mul([1, 2, 5, 60][self.below(4) as usize])
            .min(max)
    }

    fn backoff(&mut self, scale: Scale) -> Backoff {
        let first = self.duration(scale);
        Backoff {
            first,
            max: self.multiple_of(first, Config::MAX_DURATION),
            jitter_percent: [0, 20, 100, 1][self.below(4) as usize],
        }
    }
}

/// Returns a valid configuration. From all zeroes: fractions of a second, no handlers, the default choices.
pub(crate) fn config(words: &[u32], scale: Scale) -> Config {
    let mut w = Words(words.iter());
    let failures_to_not_ready = [2, 1, 3, 4][w.below(4) as usize];
    let successes_to_ready = [1, 1, 2, 3, 4][w.below(5) as usize];
    // The detection bound has to fit, and nothing in it is longer than the interval.
    let live_interval = w
        .duration(scale)
        .min(Config::MAX_DURATION / (2 * failures_to_not_ready));
    let liveness_timeout = w.part_of(live_interval, scale);
    let not_live_interval = w.duration(scale).min(Config::MAX_DURATION / 8);
    let not_live_interval_max = w.multiple_of(not_live_interval, Config::MAX_DURATION / 5);
    let tick = Duration::from_nanos(1);
    let recreate_after = match w.below(6) {
        4 => Some(not_live_interval_max + tick),
        5 => Some(not_live_interval_max * 3),
        _ => None,
    };
    let handlers = (0..w.below(7).saturating_sub(2))
        .map(|i| match w.below(2) {
            0 => Handler::required(format!("handler-{i}")),
            _ => Handler::optional(format!("handler-{i}")),
        })
        .collect();
    let settings = Settings {
        start_timeout: w.duration(scale),
        start_backoff: w.backoff(scale),
        live_interval,
        liveness_timeout,
        recheck_delay: w.part_of(live_interval, scale),
        failures_to_not_ready,
        successes_to_ready,
        not_live_interval,
        not_live_interval_max,
        on_suspicion: match w.below(5) {
            4 => OnSuspicion::NotReady,
            _ => OnSuspicion::Check,
        },
        suspicion_timeout: w.part_of(liveness_timeout, scale),
        suspicion_spacing: w.part_of(live_interval, scale),
        partial_tolerance: match w.below(4) {
            0 => live_interval.min(Config::MAX_DURATION / 4) * 3,
            1 => w.duration(scale),
            2 => tick,
            _ => Duration::ZERO,
        },
        on_rejection: match w.below(4) {
            3 => RejectionPolicy::NotLive,
            _ => RejectionPolicy::Live,
        },
        on_client_lost: match w.below(3) {
            2 => OnClientLost::Fail,
            _ => OnClientLost::Recreate,
        },
        recreate_after,
        registration_timeout: w.duration(scale),
        registration_backoff: w.backoff(scale),
        drain: match w.below(3) {
            1 => Duration::ZERO,
            _ => w.duration(scale),
        },
        stop_timeout: w.duration(scale),
        seed: Some(u64::from(w.next())),
    };
    with_handlers(settings, handlers)
}

/// Returns the configuration of valid settings and handlers.
pub(crate) fn with_handlers(settings: Settings, handlers: Vec<Handler>) -> Config {
    let config = Config::new(settings).and_then(|config| config.with_handlers(handlers));
    config.expect("valid settings and handlers")
}
