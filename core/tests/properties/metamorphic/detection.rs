//! Shorter settings never detect later, and the exception.
//!
//! | shorter | from | then | never later with |
//! |---|---|---|---|
//! | `live_interval`, `liveness_timeout`, `recheck_delay`, fewer `failures_to_not_ready` | a proof while idle | silence | any timers |
//! | `suspicion_timeout`, `suspicion_spacing` | a proof while idle | one suspicion before the next message, then silence | any timers |
//! | `partial_tolerance` | a proof while idle | `NoLeader` to every message | any timers |
//!
//! This is not true of runs with answers or evidence: with a shorter interval a liveness message is sent at another instant,
//! and its answer may be a success. Nor is it true of a suspicion during a liveness check; the last test has the example.

use std::time::{Duration, Instant};

use livebus_core::{Config, Event, Failure, FailureClass, Settings, Status};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::config_for;
use crate::script::{Script, realistic_script, thousandths};
use crate::settings::with_handlers;
use crate::simulation::Simulation;

/// The inputs after the proof.
#[derive(Debug, Clone, Copy)]
enum Then {
    Silence,
    /// One suspicion this long after the proof, then silence.
    Suspicion(Duration),
    /// Every liveness message is answered at once with `NoLeader`.
    MissingLeaders,
}

/// When the timers of the supervisor fire.
#[derive(Debug, Clone, Copy)]
enum Timers<'a> {
    /// At each deadline exactly.
    Ideal,
    /// At these instants only, however late they are.
    Late(&'a [Instant]),
}

/// Runs with a bus that works from the first instant on, until Running: the proof has just come. The settings that are varied
/// here have no effect until then, so this is at the same instant for all.
fn proved(config: &Config) -> Simulation {
    let mut sim = Simulation::new(config);
    sim.answer_all();
    while sim.status() != Status::Running {
        assert!(sim.fire_timer());
        sim.answer_all();
    }
    assert_eq!(sim.report().evidence, Some(sim.clock));
    sim
}

/// Returns the instant at which Running ends.
fn detected(config: &Config, then: Then, timers: Timers<'_>) -> Instant {
    let mut sim = proved(config);
    let mut undelivered = match then {
        Then::Suspicion(after) => Some(sim.clock + after),
        Then::Silence | Then::MissingLeaders => None,
    };
    while sim.status() == Status::Running {
        let wake = match timers {
            Timers::Ideal => sim.supervisor.poll_timeout(),
            Timers::Late(instants) => instants.iter().find(|at| **at > sim.clock).copied(),
        };
        let wake = wake.expect("Running ends at its lease");
        if let Some(at) = undelivered.take_if(|at| *at <= wake) {
            let hint = Failure::new(FailureClass::Unreachable);
            sim.deliver_and_drain(at, Some(Event::Suspicion(hint)));
        } else {
            sim.deliver_and_drain(wake, None);
        }
        if let Then::MissingLeaders = then {
            sim.fail_liveness(Failure::new(FailureClass::NoLeader));
        }
    }
    sim.clock
}

/// Returns the same configuration after a change that shortens settings.
fn shorter(config: &Config, change: impl FnOnce(&mut Settings)) -> Config {
    let mut settings = config.settings().clone();
    change(&mut settings);
    with_handlers(settings, config.handlers().to_vec())
}

/// From a proof at the same instant while idle, and with the same inputs after it, detection with `less` is not later than
/// with `more`: with ideal timers, and with timers that fire at the same instants, however late, the last of them at the
/// lease of `more` or after it.
fn never_later(
    more: &Config,
    less: &Config,
    then: Then,
    late: &[u32],
) -> Result<(), TestCaseError> {
    let begin = proved(more).clock;
    prop_assert_eq!(begin, proved(less).clock);
    let ideal = [more, less].map(|config| detected(config, then, Timers::Ideal));
    prop_assert!(ideal[1] <= ideal[0], "{:?} later", ideal[1] - ideal[0]);

    let end = more.partial_detection_bound() + more.settings().live_interval * 2;
    let mut instants: Vec<Instant> = late
        .iter()
        .map(|share| begin + thousandths(end, *share))
        .chain([begin + end, begin + end * 2, begin + end * 3])
        .collect();
    instants.sort_unstable();
    let late = [more, less].map(|config| detected(config, then, Timers::Late(&instants)));
    prop_assert!(late[1] <= late[0], "{:?} later", late[1] - late[0]);
    Ok(())
}

/// Shortens one of the settings that matter in silence, to this many thousandths of the way from the allowed minimum to its
/// value.
fn shorter_in_silence(config: &Config, which: u32, share: u32) -> Config {
    let between = |min: Duration, max: Duration| {
        min.max(Duration::from_nanos(1)) + thousandths(max.saturating_sub(min), share)
    };
    let s = config.settings().clone();
    shorter(config, |settings| match which {
        0 => {
            let contained = [s.liveness_timeout, s.recheck_delay, s.suspicion_spacing];
            let shortest = contained.into_iter().max().expect("three");
            settings.live_interval = between(shortest, s.live_interval).min(s.live_interval);
        }
        1 => {
            let shortest = s.suspicion_timeout;
            settings.liveness_timeout =
                between(shortest, s.liveness_timeout).min(s.liveness_timeout);
        }
        2 => {
            settings.recheck_delay = between(Duration::ZERO, s.recheck_delay).min(s.recheck_delay);
        }
        _ => settings.failures_to_not_ready = 1 + s.failures_to_not_ready * share / 1_001,
    })
}

fn in_silence(script: &Script, which: u32, share: u32, late: &[u32]) -> Result<(), TestCaseError> {
    let less = shorter_in_silence(&script.config, which, share);
    never_later(&script.config, &less, Then::Silence, late)?;
    let bound = proved(&less).clock + less.detection_bound();
    prop_assert_eq!(detected(&less, Then::Silence, Timers::Ideal), bound);
    Ok(())
}

fn after_a_suspicion(
    script: &Script,
    (timeout, spacing): (u32, u32),
    after: u32,
    late: &[u32],
) -> Result<(), TestCaseError> {
    let s = script.config.settings();
    let less = shorter(&script.config, |settings| {
        let tick = Duration::from_nanos(1);
        settings.suspicion_timeout = thousandths(s.suspicion_timeout, timeout).max(tick);
        settings.suspicion_spacing = thousandths(s.suspicion_spacing, spacing).max(tick);
    });
    let then = Then::Suspicion(thousandths(s.live_interval, after));
    never_later(&script.config, &less, then, late)
}

fn while_leaders_are_missing(
    script: &Script,
    share: u32,
    late: &[u32],
) -> Result<(), TestCaseError> {
    let s = script.config.settings();
    let less = shorter(&script.config, |settings| {
        settings.partial_tolerance = thousandths(s.partial_tolerance, share);
    });
    never_later(&script.config, &less, Then::MissingLeaders, late)
}

fn any_wakes() -> impl Strategy<Value = Vec<u32>> {
    vec(0_u32..=1_000, 0..16)
}

proptest! {
    #![proptest_config(config_for!("metamorphic", 2_000))]

    #[test]
    fn shorter_settings_never_detect_later_in_silence(
        script in realistic_script(), which in 0_u32..4, share in 0_u32..=1_000, late in any_wakes(),
    ) {
        in_silence(&script, which, share, &late)?;
    }

    #[test]
    fn shorter_settings_never_detect_later_after_a_suspicion_while_idle(
        script in realistic_script(),
        shares in (0_u32..=1_000, 0_u32..=1_000),
        after in 0_u32..1_000,
        late in any_wakes(),
    ) {
        after_a_suspicion(&script, shares, after, &late)?;
    }

    #[test]
    fn shorter_tolerance_never_detects_missing_leaders_later(
        script in realistic_script(), share in 0_u32..=1_000, late in any_wakes(),
    ) {
        while_leaders_are_missing(&script, share, &late)?;
    }
}

/// With a shorter interval the liveness check begins sooner, so a suspicion may come during it. The message in flight is
/// awaited before another one decides: twice `suspicion_timeout` instead of once.
#[test]
fn suspicion_during_a_liveness_check_is_decided_later_than_while_idle() {
    let more = Config::new(Settings::default()).expect("valid");
    let less = shorter(&more, |settings| settings.live_interval /= 2);
    let after = Duration::from_secs(3);
    let suspicion = Then::Suspicion(after);
    let durations = [&more, &less]
        .map(|config| detected(config, suspicion, Timers::Ideal) - (proved(config).clock + after));

    let once = more.settings().suspicion_timeout;
    assert_eq!(durations, [once, once * 2]);
}
