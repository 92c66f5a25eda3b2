//! The rules of the four calls: when what is due, clocks that misbehave, and the same outputs for the same inputs.

use std::time::Duration;

use livebus_core::{
    Answers, Backoff, Config, Event, OnClientLost, OnSuspicion, Settings, Status, Supervisor,
};
use proptest::prelude::*;

use crate::kept_in;
use crate::script::{Script, any_script};
use crate::world::{Entry, Input, ORIGIN, World};

/// Rule 1. While actions are queued, `poll_timeout` is due already: it is the newest instant that was told.
fn queued_is_due(script: &Script) -> Result<(), TestCaseError> {
    for entry in &World::run(script).log {
        prop_assert!(
            entry.due_queued.is_none_or(|due| due == entry.clock),
            "{entry:?}"
        );
        prop_assert!(entry.actions.is_empty() || entry.due_queued.is_some());
    }
    Ok(())
}

/// S8, rule 2. Drained, `poll_timeout` is strictly after the newest instant that was told.
fn drained_is_later(script: &Script) -> Result<(), TestCaseError> {
    for entry in &World::run(script).log {
        prop_assert!(entry.due.is_none_or(|due| due > entry.clock), "{entry:?}");
    }
    Ok(())
}

/// S7. Every state that is not the end has a deadline; Failed and Stopped have none.
fn every_state_has_a_deadline(script: &Script) -> Result<(), TestCaseError> {
    for entry in &World::run(script).log {
        let the_end = matches!(entry.report.status, Status::Failed | Status::Stopped);
        prop_assert_eq!(entry.due.is_none(), the_end, "{:?}", entry);
    }
    Ok(())
}

/// What a spurious wake-up may cause: nothing.
///
/// Exactly: `handle_timeout` before `poll_timeout` causes no action and changes no deadline and no report.
fn early_wakes_are_harmless(script: &Script) -> Result<(), TestCaseError> {
    for entry in &World::run(script).log {
        if entry.input == Input::Timeout && entry.nothing_was_due() {
            prop_assert!(entry.actions.is_empty(), "{entry:?}");
            prop_assert_eq!(entry.due, entry.due_before);
            prop_assert_eq!(entry.report, entry.before);
        }
    }
    Ok(())
}

/// Tells a supervisor what a log says, by clocks of its own.
fn retell(
    config: &Config,
    log: &[Entry],
    told: impl Fn(&Entry) -> std::time::Instant,
) -> Supervisor {
    let mut supervisor = Supervisor::new(config.clone(), *ORIGIN);
    for entry in &log[1..] {
        match entry.input {
            Input::Created | Input::Timeout => supervisor.handle_timeout(told(entry)),
            Input::Event(event) => supervisor.handle_event(told(entry), event),
        }
    }
    supervisor
}

/// S12, rule 6. When the clock goes back, no time has passed.
///
/// Exactly: whoever is told `max` of all instants so far, in place of an instant that goes back, ends up equal, with the
/// same actions queued.
fn going_back_is_standing(script: &Script) -> Result<(), TestCaseError> {
    let log = World::run(script).log;
    let back = retell(&script.config, &log, |entry| entry.told);
    let stood = retell(&script.config, &log, |entry| entry.clock);
    prop_assert_eq!(back, stood);
    Ok(())
}

/// What happens at an instant may be told in one call or two: time first, then the event. Not so evidence, which counts
/// before time passes: there it is the event first, then the time.
fn time_may_pass_first(script: &Script) -> Result<(), TestCaseError> {
    let log = World::run(script).log;
    let one = retell(&script.config, &log, |entry| entry.told);
    let mut two = Supervisor::new(script.config.clone(), *ORIGIN);
    for entry in &log[1..] {
        if !matches!(entry.event(), Some(Event::Live { .. })) {
            two.handle_timeout(entry.told);
        }
        if let Some(event) = entry.event() {
            two.handle_event(entry.told, event);
        }
        two.handle_timeout(entry.told);
    }
    prop_assert_eq!(one, two);
    Ok(())
}

/// Rule 9. Same inputs, same outputs: a second run is equal, and so is a clone that is taken at any point and goes its own
/// way. Whether actions are polled makes no difference to them. Without jitter the seed makes no difference.
fn same_inputs_same_outputs(script: &Script) -> Result<(), TestCaseError> {
    let world = World::run(script);
    let again = World::run(script);
    prop_assert_eq!(&world.supervisor, &again.supervisor);
    let mut undrained = retell(&script.config, &world.log, |entry| entry.told);
    for action in world.log.iter().flat_map(|entry| &entry.actions) {
        prop_assert_eq!(undrained.poll_action(), Some(*action));
    }
    prop_assert_eq!(undrained.poll_action(), None);
    prop_assert_eq!(&undrained, &world.supervisor);
    let (first, second) = world.log.split_at(world.log.len() / 2);
    let mut original = retell(
        &script.config,
        &world.log[..=first.len().min(world.log.len() - 1)],
        |e| e.told,
    );
    let mut clone = original.clone();
    for entry in second {
        for supervisor in [&mut original, &mut clone] {
            match entry.input {
                Input::Created | Input::Timeout => supervisor.handle_timeout(entry.told),
                Input::Event(event) => supervisor.handle_event(entry.told, event),
            }
        }
    }
    prop_assert_eq!(original, clone);
    Ok(())
}

fn without_jitter_the_seed_is_nothing(script: &Script, seed: u64) -> Result<(), TestCaseError> {
    let with = |seed| {
        let mut settings = script.config.settings().clone();
        settings.seed = Some(seed);
        settings.start_backoff.jitter_percent = 0;
        settings.registration_backoff.jitter_percent = 0;
        let config = Config::new(settings).expect("as valid as before");
        let steps = script.steps.clone();
        World::run(&Script { config, steps })
    };
    for (one, other) in with(0).log.iter().zip(&with(seed).log) {
        prop_assert_eq!(&one.actions, &other.actions);
        prop_assert_eq!(one.due, other.due);
    }
    Ok(())
}

/// S12. Nothing overflows: the longest durations that are allowed, all at once.
fn longest(failures_to_not_ready: u32) -> Config {
    const LONGEST: Duration = Config::LONGEST;
    let backoff = Backoff {
        first: LONGEST,
        max: LONGEST,
        jitter_percent: 100,
    };
    let interval = LONGEST / (2 * failures_to_not_ready);
    let settings = Settings {
        start_timeout: LONGEST,
        start_backoff: backoff,
        live_interval: interval,
        liveness_timeout: interval,
        recheck_delay: interval,
        failures_to_not_ready,
        successes_to_ready: 1,
        not_live_interval: LONGEST / 2,
        not_live_interval_max: LONGEST,
        on_suspicion: OnSuspicion::Ask,
        suspicion_timeout: interval,
        suspicion_spacing: interval,
        partial_tolerance: LONGEST,
        answers: Answers::Live,
        on_client_lost: OnClientLost::Recreate,
        recreate_after: None,
        handlers: vec![livebus_core::Handler::required("handler")],
        registration_timeout: LONGEST,
        registration_backoff: backoff,
        drain: LONGEST,
        stop_timeout: LONGEST,
        seed: Some(u64::MAX),
    };
    Config::new(settings).expect("the longest that is allowed")
}

proptest! {
    #![proptest_config(kept_in!("rules"))]

    #[test]
    fn rule_1_while_actions_are_queued_the_timeout_is_due(script in any_script()) {
        queued_is_due(&script)?;
    }

    #[test]
    fn rule_2_drained_the_timeout_is_strictly_after_now(script in any_script()) {
        drained_is_later(&script)?;
    }

    #[test]
    fn s7_every_state_but_the_ends_has_a_deadline(script in any_script()) {
        every_state_has_a_deadline(&script)?;
    }

    #[test]
    fn rule_2_an_early_wake_causes_nothing(script in any_script()) {
        early_wakes_are_harmless(&script)?;
    }

    #[test]
    fn s12_a_clock_that_goes_back_stands(script in any_script()) {
        going_back_is_standing(&script)?;
    }

    #[test]
    fn rule_5_time_may_pass_in_a_call_of_its_own(script in any_script()) {
        time_may_pass_first(&script)?;
    }

    #[test]
    fn rule_9_the_same_inputs_give_the_same_outputs(script in any_script()) {
        same_inputs_same_outputs(&script)?;
    }

    #[test]
    fn rule_9_without_jitter_the_seed_makes_no_difference(script in any_script(), seed in any::<u64>()) {
        without_jitter_the_seed_is_nothing(&script, seed)?;
    }

    #[test]
    fn s12_the_longest_durations_do_not_overflow(script in any_script(), failures in 1_u32..=1_000) {
        let config = longest(failures);
        let world = World::run(&Script { config, ..script });
        prop_assert!(world.log.iter().all(|entry| entry.due.is_none_or(|due| due > entry.clock)));
    }
}
