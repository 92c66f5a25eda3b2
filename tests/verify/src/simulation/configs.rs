//! Random configurations, all of them valid.

use std::time::Duration;

use livebus_core::{
    Backoff, Config, ConfigError, Handler, OnClientLost, OnSuspicion, RejectionPolicy, Settings,
};

use super::random::Random;

/// The unit of a seed's configurations: all its services live at about the same pace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    nanos: u64,
    /// Whole units only, so that many deadlines fall on one instant.
    whole: bool,
}

impl Unit {
    pub(super) fn draw(random: &mut Random) -> Self {
        let nanos = random.pick(&[1_000_000, 10_000_000, 100_000_000, 1_000_000_000]);
        Self {
            nanos: nanos * random.between(1, 9),
            whole: random.below(2) == 0,
        }
    }

    /// From `least` to `most` units.
    fn some(self, random: &mut Random, least: u64, most: u64) -> Duration {
        Duration::from_nanos(if self.whole {
            self.nanos * random.between(least, most)
        } else {
            random.between(self.nanos * least, self.nanos * most)
        })
    }

    /// From one unit to `most`, which is at least one.
    fn within(self, random: &mut Random, most: Duration) -> Duration {
        let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        self.some(random, 1, most / self.nanos)
    }

    fn backoff(self, random: &mut Random) -> Backoff {
        let first = self.some(random, 1, 6);
        Backoff {
            first,
            max: first * random.pick(&[1, 2, 3, 16, 60]),
            jitter_percent: random.pick(&[0, 0, 20, 50, 100]),
        }
    }
}

/// One of the presets, with handlers, or anything that is valid.
pub(super) fn draw(
    random: &mut Random,
    preset: Option<u64>,
    unit: Unit,
) -> Result<Config, ConfigError> {
    let settings = match preset {
        None => anything(random, unit),
        Some(preset) => Settings {
            handlers: handlers(random),
            seed: Some(random.number()),
            ..match preset {
                0 => Settings::default(),
                1 => Settings::fast(),
                _ => Settings::as_in_voltha(),
            }
        },
    };
    Config::new(settings)
}

fn anything(random: &mut Random, unit: Unit) -> Settings {
    let live_interval = unit.some(random, 1, 20);
    let liveness_timeout = unit.within(random, live_interval);
    let not_live_interval = unit.some(random, 1, 8);
    let not_live_interval_max = not_live_interval * random.pick(&[1, 1, 2, 3, 8]);
    let partial = random.below(4) > 0;
    let recreate = random.below(3) == 0;
    Settings {
        start_timeout: unit.some(random, 1, 10),
        start_backoff: unit.backoff(random),
        live_interval,
        liveness_timeout,
        recheck_delay: unit.within(random, live_interval),
        failures_to_not_ready: random.pick(&[1, 1, 2, 2, 3, 5]),
        successes_to_ready: random.pick(&[1, 1, 1, 2, 3]),
        not_live_interval,
        not_live_interval_max,
        on_suspicion: random.pick(&[
            OnSuspicion::Check,
            OnSuspicion::Check,
            OnSuspicion::Check,
            OnSuspicion::NotReady,
        ]),
        suspicion_timeout: unit.within(random, liveness_timeout),
        suspicion_spacing: unit.within(random, live_interval),
        partial_tolerance: if partial {
            unit.some(random, 1, 40)
        } else {
            Duration::ZERO
        },
        on_rejection: random.pick(&[
            RejectionPolicy::Live,
            RejectionPolicy::Live,
            RejectionPolicy::NotLive,
        ]),
        on_client_lost: random.pick(&[
            OnClientLost::Recreate,
            OnClientLost::Recreate,
            OnClientLost::Recreate,
            OnClientLost::Fail,
        ]),
        recreate_after: recreate.then(|| not_live_interval_max + unit.some(random, 1, 20)),
        handlers: handlers(random),
        registration_timeout: unit.some(random, 1, 10),
        registration_backoff: unit.backoff(random),
        drain: if random.below(3) == 0 {
            Duration::ZERO
        } else {
            unit.some(random, 1, 6)
        },
        stop_timeout: unit.some(random, 1, 6),
        seed: Some(random.number()),
    }
}

fn handlers(random: &mut Random) -> Vec<Handler> {
    ["orders", "audit", "alarms", "devices"]
        .into_iter()
        .take(usize::try_from(random.below(5)).unwrap_or(0))
        .map(|name| Handler {
            name: name.to_owned(),
            required: random.below(3) > 0,
        })
        .collect()
}
