//! Random valid settings, of all kinds. Many of them have deadlines that coincide.

use std::time::Duration;

use livebus_core::{
    Backoff, Config, Handler, OnClientLost, OnSuspicion, RejectionPolicy, Settings,
};

use crate::rng::Rng;

/// Units of time, in nanoseconds. Durations are small multiples of one of them, so that different deadlines coincide.
const UNITS: [u64; 8] = [
    1,
    1_000_000,
    100_000_000,
    100_000_000,
    1_000_000_000,
    1_000_000_000,
    1_000_000_000,
    3_600_000_000_000,
];

/// Draws settings that [`Config::new`] accepts, and handlers.
pub(super) fn draw(rng: &mut Rng) -> (Settings, Vec<Handler>) {
    let mut settings = match rng.below(20) {
        0 => Settings::default(),
        1 => Settings::fast(),
        2 => Settings::as_in_voltha(),
        _ => draw_all(rng),
    };
    let handlers = draw_handlers(rng);
    if Config::new(settings.clone()).is_err() {
        // Only the detection bound can be too long, because of the number of failures in a row.
        settings.failures_to_not_ready = 1;
    }
    (settings, handlers)
}

fn draw_all(rng: &mut Rng) -> Settings {
    let unit = rng.pick(&UNITS);
    let span = |rng: &mut Rng, low: u64, high: u64| {
        let unit = match rng.below(40) {
            0 => 1,
            1 => 24 * 3_600_000_000_000,
            2 => unit + 1,
            _ => unit,
        };
        Duration::from_nanos(unit * rng.between(low, high)).min(Config::MAX_DURATION)
    };
    let live_interval = span(rng, 1, 8);
    let liveness_timeout = span(rng, 1, 6).min(live_interval);
    let not_live_interval = span(rng, 1, 4);
    let not_live_interval_max =
        (not_live_interval * rng.pick(&[1, 2, 3, 4, 8])).min(Config::MAX_DURATION);
    let replaced = rng.percent(40) && not_live_interval_max < Config::MAX_DURATION;
    let longer = span(rng, 1, 12);
    Settings {
        start_timeout: span(rng, 1, 8),
        start_backoff: draw_backoff(rng, unit),
        live_interval,
        liveness_timeout,
        recheck_delay: span(rng, 1, 4).min(live_interval),
        failures_to_not_ready: rng.pick(&[1, 1, 2, 2, 2, 3, 4, 7, 1_000]),
        successes_to_ready: rng.pick(&[1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 1_000]),
        not_live_interval,
        not_live_interval_max,
        on_suspicion: rng.pick(&[
            OnSuspicion::Check,
            OnSuspicion::Check,
            OnSuspicion::NotReady,
        ]),
        suspicion_timeout: span(rng, 1, 3).min(liveness_timeout),
        suspicion_spacing: span(rng, 1, 4).min(live_interval),
        partial_tolerance: if rng.percent(25) {
            Duration::ZERO
        } else {
            span(rng, 1, 16)
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
        recreate_after: replaced
            .then(|| (not_live_interval_max + longer).min(Config::MAX_DURATION)),
        registration_timeout: span(rng, 1, 8),
        registration_backoff: draw_backoff(rng, unit),
        drain: if rng.percent(25) {
            Duration::ZERO
        } else {
            span(rng, 1, 8)
        },
        stop_timeout: span(rng, 1, 8),
        seed: rng.percent(80).then(|| rng.next_u64()),
    }
}

fn draw_backoff(rng: &mut Rng, unit: u64) -> Backoff {
    let first = Duration::from_nanos(unit * rng.between(1, 4)).min(Config::MAX_DURATION);
    let max = (first * rng.pick(&[1, 2, 3, 5, 8, 60])).min(Config::MAX_DURATION);
    Backoff {
        first,
        max,
        jitter_percent: rng.pick(&[0, 0, 0, 1, 20, 50, 100]),
    }
}

fn draw_handlers(rng: &mut Rng) -> Vec<Handler> {
    let count = rng.pick(&[0, 0, 1, 1, 2, 3, 4]);
    (0..count)
        .map(|i| {
            if rng.percent(65) {
                Handler::required(format!("handler {i}"))
            } else {
                Handler::optional(format!("handler {i}"))
            }
        })
        .collect()
}
