//! Random valid configurations.

use std::time::Duration;

use livebus_core::{
    Backoff, Config, ConfigError, Handler, OnClientLost, OnSuspicion, RejectionPolicy, Settings,
};

use crate::rng::Rng;

/// The unit of the durations of one seed: they are of the same order of magnitude in all its services.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    nanos: u64,
    /// Whether durations are whole units, so that many deadlines coincide.
    whole: bool,
}

impl Unit {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let nanos = rng.pick(&[1_000_000, 10_000_000, 100_000_000, 1_000_000_000]);
        Self {
            nanos: nanos * rng.between(1, 9),
            whole: rng.below(2) == 0,
        }
    }

    /// Returns a duration from `min` to `max` units.
    fn some(self, rng: &mut Rng, min: u64, max: u64) -> Duration {
        Duration::from_nanos(if self.whole {
            self.nanos * rng.between(min, max)
        } else {
            rng.between(self.nanos * min, self.nanos * max)
        })
    }

    /// Returns a duration from one unit to `max`, which is at least one.
    fn within(self, rng: &mut Rng, max: Duration) -> Duration {
        let max = u64::try_from(max.as_nanos()).unwrap_or(u64::MAX);
        self.some(rng, 1, max / self.nanos)
    }

    fn backoff(self, rng: &mut Rng) -> Backoff {
        let first = self.some(rng, 1, 6);
        Backoff {
            first,
            max: first * rng.pick(&[1, 2, 3, 16, 60]),
            jitter_percent: rng.pick(&[0, 0, 20, 50, 100]),
        }
    }
}

/// Draws one of the presets with handlers, or any valid configuration.
pub(super) fn draw(rng: &mut Rng, preset: Option<u64>, unit: Unit) -> Result<Config, ConfigError> {
    let (settings, handlers) = match preset {
        None => anything(rng, unit),
        Some(preset) => {
            let handlers = draw_handlers(rng);
            let settings = Settings {
                seed: Some(rng.next_u64()),
                ..match preset {
                    0 => Settings::default(),
                    1 => Settings::fast(),
                    _ => Settings::as_in_voltha(),
                }
            };
            (settings, handlers)
        }
    };
    Config::new(settings)?.with_handlers(handlers)
}

fn anything(rng: &mut Rng, unit: Unit) -> (Settings, Vec<Handler>) {
    let live_interval = unit.some(rng, 1, 20);
    let liveness_timeout = unit.within(rng, live_interval);
    let not_live_interval = unit.some(rng, 1, 8);
    let not_live_interval_max = not_live_interval * rng.pick(&[1, 1, 2, 3, 8]);
    let partial = rng.below(4) > 0;
    let recreate = rng.below(3) == 0;
    let handlers;
    let settings = Settings {
        start_timeout: unit.some(rng, 1, 10),
        start_backoff: unit.backoff(rng),
        live_interval,
        liveness_timeout,
        recheck_delay: unit.within(rng, live_interval),
        failures_to_not_ready: rng.pick(&[1, 1, 2, 2, 3, 5]),
        successes_to_ready: rng.pick(&[1, 1, 1, 2, 3]),
        not_live_interval,
        not_live_interval_max,
        on_suspicion: rng.pick(&[
            OnSuspicion::Check,
            OnSuspicion::Check,
            OnSuspicion::Check,
            OnSuspicion::NotReady,
        ]),
        suspicion_timeout: unit.within(rng, liveness_timeout),
        suspicion_spacing: unit.within(rng, live_interval),
        partial_tolerance: if partial {
            unit.some(rng, 1, 40)
        } else {
            Duration::ZERO
        },
        on_rejection: rng.pick(&[
            RejectionPolicy::Live,
            RejectionPolicy::Live,
            RejectionPolicy::NotLive,
        ]),
        on_client_lost: rng.pick(&[
            OnClientLost::Recreate,
            OnClientLost::Recreate,
            OnClientLost::Recreate,
            OnClientLost::Fail,
        ]),
        recreate_after: recreate.then(|| not_live_interval_max + unit.some(rng, 1, 20)),
        registration_timeout: {
            handlers = draw_handlers(rng);
            unit.some(rng, 1, 10)
        },
        registration_backoff: unit.backoff(rng),
        drain: if rng.below(3) == 0 {
            Duration::ZERO
        } else {
            unit.some(rng, 1, 6)
        },
        stop_timeout: unit.some(rng, 1, 6),
        seed: Some(rng.next_u64()),
    };
    (settings, handlers)
}

fn draw_handlers(rng: &mut Rng) -> Vec<Handler> {
    ["orders", "audit", "alarms", "devices"]
        .into_iter()
        .take(usize::try_from(rng.below(5)).unwrap_or(0))
        .map(|name| Handler {
            name: name.to_owned(),
            required: rng.below(3) > 0,
        })
        .collect()
}
