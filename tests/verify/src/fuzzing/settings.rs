//! Settings from bytes: as they are read, and corrected to be valid.

use std::time::Duration;

use livebus_core::{
    Backoff, Config, ConfigError, Handler, OnClientLost, OnSuspicion, RejectionPolicy, Settings,
};

use super::bytes::Bytes;

const TICK: Duration = Duration::from_nanos(1);
const HANDLERS: u8 = 6;

/// Returns the valid configuration that is nearest to these bytes. Panics if the core disagrees about whether they are valid.
pub(super) fn config(bytes: &mut Bytes<'_>) -> Config {
    let (raw, raw_handlers) = read(bytes);
    let Corrected { settings, first } = corrected(raw.clone());
    let handlers = valid_handlers(raw_handlers.clone());
    let first = first.or((handlers != raw_handlers).then_some("handlers"));
    let config = |settings, handlers| Config::new(settings)?.with_handlers(handlers);
    match (config(raw, raw_handlers), first) {
        (Ok(config), None) => config,
        (
            Err(ConfigError {
                field,
                value,
                remedy,
                ..
            }),
            Some(wrong),
        ) => {
            assert_eq!(field, wrong, "{value}: {remedy}");
            assert!(!value.is_empty() && !remedy.is_empty(), "{field}");
            config(settings, handlers).expect("corrected settings are valid")
        }
        (Ok(config), Some(wrong)) => panic!("`{wrong}` was not refused: {config:?}"),
        (Err(error), None) => panic!("refused without a reason: {error}"),
    }
}

/// Reads a duration. Zero is the value of the preset, so that all zeroes are the preset.
fn duration(bytes: &mut Bytes<'_>, preset: Duration) -> Duration {
    let kept = bytes.byte() % 4;
    let other = bytes.duration();
    match kept {
        0 => preset,
        _ => other,
    }
}

fn read_backoff(bytes: &mut Bytes<'_>, preset: Backoff) -> Backoff {
    Backoff {
        first: duration(bytes, preset.first),
        max: duration(bytes, preset.max),
        jitter_percent: bytes.one_of([preset.jitter_percent, 0, 100, 1, 101]),
    }
}

fn read_count(bytes: &mut Bytes<'_>, preset: u32) -> u32 {
    match bytes.byte() {
        0 => preset,
        255 => u32::MAX,
        254 => 1_000,
        253 => 1_001,
        count => u32::from(count) - 1,
    }
}

fn read_handlers(bytes: &mut Bytes<'_>) -> Vec<Handler> {
    let count = bytes.byte() % (HANDLERS + 1);
    let mut names = bytes.part(HANDLERS.into());
    (0..count)
        .map(|_| {
            let byte = names.byte();
            Handler {
                name: match byte % 16 {
                    15 => String::new(),
                    name => format!("handler-{name}"),
                },
                required: byte < 128,
            }
        })
        .collect()
}

/// Reads settings and handlers, always from the same number of bytes.
fn read(bytes: &mut Bytes<'_>) -> (Settings, Vec<Handler>) {
    let preset = match bytes.byte() % 3 {
        0 => Settings::default(),
        1 => Settings::fast(),
        _ => Settings::as_in_voltha(),
    };
    let handlers;
    let settings = Settings {
        start_timeout: duration(bytes, preset.start_timeout),
        start_backoff: read_backoff(bytes, preset.start_backoff),
        live_interval: duration(bytes, preset.live_interval),
        liveness_timeout: duration(bytes, preset.liveness_timeout),
        recheck_delay: duration(bytes, preset.recheck_delay),
        failures_to_not_ready: read_count(bytes, preset.failures_to_not_ready),
        successes_to_ready: read_count(bytes, preset.successes_to_ready),
        not_live_interval: duration(bytes, preset.not_live_interval),
        not_live_interval_max: duration(bytes, preset.not_live_interval_max),
        on_suspicion: bytes.one_of([
            preset.on_suspicion,
            OnSuspicion::Check,
            OnSuspicion::NotReady,
        ]),
        suspicion_timeout: duration(bytes, preset.suspicion_timeout),
        suspicion_spacing: duration(bytes, preset.suspicion_spacing),
        partial_tolerance: duration(bytes, preset.partial_tolerance),
        on_rejection: bytes.one_of([
            preset.on_rejection,
            RejectionPolicy::Live,
            RejectionPolicy::NotLive,
        ]),
        on_client_lost: bytes.one_of([
            preset.on_client_lost,
            OnClientLost::Recreate,
            OnClientLost::Fail,
        ]),
        recreate_after: {
            let wanted = bytes.byte() % 2 == 1;
            let after = bytes.duration();
            wanted.then_some(after)
        },
        registration_timeout: {
            handlers = read_handlers(bytes);
            duration(bytes, preset.registration_timeout)
        },
        registration_backoff: read_backoff(bytes, preset.registration_backoff),
        drain: duration(bytes, preset.drain),
        stop_timeout: duration(bytes, preset.stop_timeout),
        seed: bytes.one_of([Some(0), Some(1), Some(u64::MAX), None]),
    };
    (settings, handlers)
}

/// Valid settings, and the first field that was invalid.
struct Corrected {
    settings: Settings,
    first: Option<&'static str>,
}

/// Sets each field to the nearest valid value, in the order in which `Config::new` checks them.
fn corrected(settings: Settings) -> Corrected {
    let mut m = Corrected {
        settings,
        first: None,
    };
    let max = Config::MAX_DURATION;
    m.correct(
        "start_timeout",
        |s| &mut s.start_timeout,
        |_, it| it.clamp(TICK, max),
    );
    m.correct(
        "start_backoff",
        |s| &mut s.start_backoff,
        |_, it| backoff(it),
    );
    m.correct(
        "live_interval",
        |s| &mut s.live_interval,
        |_, it| it.clamp(TICK, max),
    );
    m.correct(
        "liveness_timeout",
        |s| &mut s.liveness_timeout,
        |s, it| it.clamp(TICK, s.live_interval),
    );
    m.correct(
        "recheck_delay",
        |s| &mut s.recheck_delay,
        |s, it| it.clamp(TICK, s.live_interval),
    );
    m.correct(
        "failures_to_not_ready",
        |s| &mut s.failures_to_not_ready,
        |_, it| it.clamp(1, 1_000),
    );
    m.correct(
        "successes_to_ready",
        |s| &mut s.successes_to_ready,
        |_, it| it.clamp(1, 1_000),
    );
    m.correct(
        "not_live_interval",
        |s| &mut s.not_live_interval,
        |_, it| it.clamp(TICK, max),
    );
    m.correct(
        "not_live_interval_max",
        |s| &mut s.not_live_interval_max,
        |s, it| it.clamp(s.not_live_interval, max),
    );
    m.correct(
        "suspicion_timeout",
        |s| &mut s.suspicion_timeout,
        |s, it| it.clamp(TICK, s.liveness_timeout),
    );
    m.correct(
        "suspicion_spacing",
        |s| &mut s.suspicion_spacing,
        |s, it| it.clamp(TICK, s.live_interval),
    );
    m.correct(
        "partial_tolerance",
        |s| &mut s.partial_tolerance,
        |_, it| it.min(max),
    );
    m.correct(
        "recreate_after",
        |s| &mut s.recreate_after,
        |s, it| {
            let min = s.not_live_interval_max + TICK;
            it.filter(|_| min <= max).map(|it| it.clamp(min, max))
        },
    );
    m.correct(
        "registration_timeout",
        |s| &mut s.registration_timeout,
        |_, it| it.clamp(TICK, max),
    );
    m.correct(
        "registration_backoff",
        |s| &mut s.registration_backoff,
        |_, it| backoff(it),
    );
    m.correct("drain", |s| &mut s.drain, |_, it| it.min(max));
    m.correct(
        "stop_timeout",
        |s| &mut s.stop_timeout,
        |_, it| it.clamp(TICK, max),
    );
    m.shorten_the_bound();
    m
}

impl Corrected {
    fn correct<T: Clone + PartialEq>(
        &mut self,
        name: &'static str,
        field: fn(&mut Settings) -> &mut T,
        correct: impl FnOnce(&Settings, T) -> T,
    ) {
        let before = field(&mut self.settings).clone();
        let after = correct(&self.settings, before.clone());
        if after != before {
            self.first.get_or_insert(name);
            *field(&mut self.settings) = after;
        }
    }

    /// Checks the detection bound, which `Config::new` checks last and reports as the number of failures.
    fn shorten_the_bound(&mut self) {
        let s = &mut self.settings;
        let n = u128::from(s.failures_to_not_ready);
        let bound = s.live_interval.as_nanos()
            + n * s.liveness_timeout.as_nanos()
            + (n - 1) * s.recheck_delay.as_nanos();
        if bound <= Config::MAX_DURATION.as_nanos() {
            return;
        }
        self.first.get_or_insert("failures_to_not_ready");
        let interval = Config::MAX_DURATION / 2 / s.failures_to_not_ready;
        for part in [
            &mut s.live_interval,
            &mut s.liveness_timeout,
            &mut s.recheck_delay,
            &mut s.suspicion_timeout,
            &mut s.suspicion_spacing,
        ] {
            *part = interval.min(*part);
        }
    }
}

fn backoff(raw: Backoff) -> Backoff {
    let first = raw.first.clamp(TICK, Config::MAX_DURATION);
    Backoff {
        first,
        max: raw.max.clamp(first, Config::MAX_DURATION),
        jitter_percent: raw.jitter_percent.min(100),
    }
}

/// Leaves out the invalid handlers.
fn valid_handlers(raw: Vec<Handler>) -> Vec<Handler> {
    let mut valid: Vec<Handler> = Vec::new();
    for handler in raw {
        if !handler.name.is_empty() && valid.iter().all(|other| other.name != handler.name) {
            valid.push(handler);
        }
    }
    valid
}
