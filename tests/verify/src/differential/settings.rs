//! Random settings that a configuration accepts: all of them, and such that deadlines coincide.

use std::time::Duration;

use livebus_core::{
    Backoff, Config, Handler, OnClientLost, OnSuspicion, RejectionPolicy, Settings,
};

use super::dice::Dice;

/// Units of time. Durations are small multiples of one of them, so that deadlines of different origin coincide.
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

/// Draws settings that [`Config::new`] accepts.
pub(super) fn draw(dice: &mut Dice) -> Settings {
    let mut settings = match dice.below(20) {
        0 => Settings::default(),
        1 => Settings::fast(),
        2 => Settings::as_in_voltha(),
        _ => draw_all(dice),
    };
    settings.handlers = draw_handlers(dice);
    if Config::new(settings.clone()).is_err() {
        // Only the detection bound can be too long: by too many failures in a row.
        settings.failures_to_not_ready = 1;
    }
    settings
}

fn draw_all(dice: &mut Dice) -> Settings {
    let unit = dice.pick(&UNITS);
    let span = |dice: &mut Dice, low: u64, high: u64| {
        let unit = match dice.below(40) {
            0 => 1,
            1 => 24 * 3_600_000_000_000,
            2 => unit + 1,
            _ => unit,
        };
        Duration::from_nanos(unit * dice.between(low, high)).min(Config::MAX_DURATION)
    };
    let live_interval = span(dice, 1, 8);
    let liveness_timeout = span(dice, 1, 6).min(live_interval);
    let not_live_interval = span(dice, 1, 4);
    let not_live_interval_max =
        (not_live_interval * dice.pick(&[1, 2, 3, 4, 8])).min(Config::MAX_DURATION);
    let replaced = dice.chance(40) && not_live_interval_max < Config::MAX_DURATION;
    let longer = span(dice, 1, 12);
    Settings {
        start_timeout: span(dice, 1, 8),
        start_backoff: draw_backoff(dice, unit),
        live_interval,
        liveness_timeout,
        recheck_delay: span(dice, 1, 4).min(live_interval),
        failures_to_not_ready: dice.pick(&[1, 1, 2, 2, 2, 3, 4, 7, 1_000]),
        successes_to_ready: dice.pick(&[1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 1_000]),
        not_live_interval,
        not_live_interval_max,
        on_suspicion: dice.pick(&[
            OnSuspicion::Check,
            OnSuspicion::Check,
            OnSuspicion::NotReady,
        ]),
        suspicion_timeout: span(dice, 1, 3).min(liveness_timeout),
        suspicion_spacing: span(dice, 1, 4).min(live_interval),
        partial_tolerance: if dice.chance(25) {
            Duration::ZERO
        } else {
            span(dice, 1, 16)
        },
        on_rejection: dice.pick(&[
            RejectionPolicy::Live,
            RejectionPolicy::Live,
            RejectionPolicy::NotLive,
        ]),
        on_client_lost: dice.pick(&[
            OnClientLost::Recreate,
            OnClientLost::Recreate,
            OnClientLost::Recreate,
            OnClientLost::Fail,
        ]),
        recreate_after: replaced
            .then(|| (not_live_interval_max + longer).min(Config::MAX_DURATION)),
        handlers: Vec::new(),
        registration_timeout: span(dice, 1, 8),
        registration_backoff: draw_backoff(dice, unit),
        drain: if dice.chance(25) {
            Duration::ZERO
        } else {
            span(dice, 1, 8)
        },
        stop_timeout: span(dice, 1, 8),
        seed: dice.chance(80).then(|| dice.next()),
    }
}

fn draw_backoff(dice: &mut Dice, unit: u64) -> Backoff {
    let first = Duration::from_nanos(unit * dice.between(1, 4)).min(Config::MAX_DURATION);
    let max = (first * dice.pick(&[1, 2, 3, 5, 8, 60])).min(Config::MAX_DURATION);
    Backoff {
        first,
        max,
        jitter_percent: dice.pick(&[0, 0, 0, 1, 20, 50, 100]),
    }
}

fn draw_handlers(dice: &mut Dice) -> Vec<Handler> {
    let how_many = dice.pick(&[0, 0, 1, 1, 2, 3, 4]);
    (0..how_many)
        .map(|i| {
            if dice.chance(65) {
                Handler::required(format!("handler {i}"))
            } else {
                Handler::optional(format!("handler {i}"))
            }
        })
        .collect()
}
