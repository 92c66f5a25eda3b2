//! Shorter settings never detect later, and when they do after all.
//!
//! | shorter | from | then | never later |
//! |---|---|---|---|
//! | `live_interval`, `liveness_timeout`, `recheck_delay`, fewer `failures_to_not_ready` | a proof in the quiet | silence | whatever the timers do |
//! | `suspicion_timeout`, `suspicion_spacing` | a proof in the quiet | one suspicion before the next message, then silence | whatever the timers do |
//! | `partial_tolerance` | a proof in the quiet | `NoLeader` to every message | whatever the timers do |
//!
//! Nothing of the kind is true of a story with answers or evidence in it: a shorter interval asks at another instant, and what it
//! is answered may be better news. Nor of a suspicion that finds a question under way; the last test has the story.

use std::time::{Duration, Instant};

use livebus_core::{Config, Event, Failure, FailureClass, Settings, Status};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::config_for;
use crate::script::{Script, realistic_script, thousandths};
use crate::simulation::Simulation;

/// What follows the proof.
#[derive(Debug, Clone, Copy)]
enum Then {
    Silence,
    /// One suspicion so long after the proof, then silence.
    Suspicion(Duration),
    /// Every liveness message is answered at once: the leaders are missing.
    MissingLeaders,
}

/// When the supervisor is called besides.
#[derive(Debug, Clone, Copy)]
enum Timers<'a> {
    /// At each deadline exactly.
    Ideal,
    /// At these instants only, however late that is.
    Late(&'a [Instant]),
}

/// A bus that works from the first instant on: Running, and the first proof that made it so has just come. What is varied
/// here has no part in it, so it is at the same instant for all.
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

/// When it is not Running any more.
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
        let wake = wake.expect("Running is not forever");
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

/// The same settings, but for one that is shorter.
fn shorter(config: &Config, change: impl FnOnce(&mut Settings)) -> Config {
    let mut settings = config.settings().clone();
    change(&mut settings);
    Config::new(settings).expect("shorter is as valid as before")
}

/// From the same quiet proof at the same instant and with the same that follows, detection by `less` is not later than by
/// `more`: with ideal timers, and with timers that fire at the same instants, however late, the last of them at the lease
/// of `more` or after it.
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

/// What is varied in silence. So many thousandths of the way from the shortest that is allowed to what it is.
fn shorter_in_silence(config: &Config, which: u32, share: u32) -> Config {
    let between = |shortest: Duration, longest: Duration| {
        shortest.max(Duration::from_nanos(1)) + thousandths(longest.saturating_sub(shortest), share)
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
    fn in_silence_shorter_settings_never_detect_later(
        script in realistic_script(), which in 0_u32..4, share in 0_u32..=1_000, late in any_wakes(),
    ) {
        in_silence(&script, which, share, &late)?;
    }

    #[test]
    fn after_a_suspicion_in_the_quiet_shorter_settings_never_detect_later(
        script in realistic_script(),
        shares in (0_u32..=1_000, 0_u32..=1_000),
        after in 0_u32..1_000,
        late in any_wakes(),
    ) {
        after_a_suspicion(&script, shares, after, &late)?;
    }

    #[test]
    fn with_missing_leaders_a_shorter_tolerance_never_detects_later(
        script in realistic_script(), share in 0_u32..=1_000, late in any_wakes(),
    ) {
        while_leaders_are_missing(&script, share, &late)?;
    }
}

/// A shorter interval asks sooner, so bad news may find a question under way. It gets its chance before another one
/// decides: twice `suspicion_timeout` instead of once.
#[test]
fn a_suspicion_that_finds_a_question_under_way_is_decided_later_than_one_in_the_quiet() {
    let more = Config::new(Settings::default()).expect("valid");
    let less = shorter(&more, |settings| settings.live_interval /= 2);
    let after = Duration::from_secs(3);
    let suspicion = Then::Suspicion(after);
    let took = [&more, &less]
        .map(|config| detected(config, suspicion, Timers::Ideal) - (proved(config).clock + after));

    let once = more.settings().suspicion_timeout;
    assert_eq!(took, [once, once * 2]);
}
