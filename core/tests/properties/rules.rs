//! The rules of the four calls: when what is due, and how long it may be.
//!
//! What compares two runs is in `metamorphic`: clocks that go back, time in a call of its own, the same inputs twice.

use std::time::Duration;

use livebus_core::{Backoff, Config, OnClientLost, OnSuspicion, RejectionPolicy, Settings, Status};
use proptest::prelude::*;

use crate::config_for;
use crate::script::{Script, any_script};
use crate::simulation::{Input, Simulation};

/// Rule 1. While actions are queued, `poll_timeout` is due already: it is the newest instant that was told.
fn queued_is_due(script: &Script) -> Result<(), TestCaseError> {
    for entry in &Simulation::run(script).log {
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
    for entry in &Simulation::run(script).log {
        prop_assert!(entry.due.is_none_or(|due| due > entry.clock), "{entry:?}");
    }
    Ok(())
}

/// S7. Every state that is not the end has a deadline; Failed and Stopped have none.
fn every_state_has_a_deadline(script: &Script) -> Result<(), TestCaseError> {
    for entry in &Simulation::run(script).log {
        let the_end = matches!(entry.report.status, Status::Failed | Status::Stopped);
        prop_assert_eq!(entry.due.is_none(), the_end, "{:?}", entry);
    }
    Ok(())
}

/// What a spurious wake-up may cause: nothing.
///
/// Exactly: `handle_timeout` before `poll_timeout` causes no action and changes no deadline and no report.
fn early_wakes_are_harmless(script: &Script) -> Result<(), TestCaseError> {
    for entry in &Simulation::run(script).log {
        if entry.input == Input::Timeout && entry.nothing_was_due() {
            prop_assert!(entry.actions.is_empty(), "{entry:?}");
            prop_assert_eq!(entry.due, entry.due_before);
            prop_assert_eq!(entry.report, entry.before);
        }
    }
    Ok(())
}

/// S12. Nothing overflows: the longest durations that are allowed, all at once.
fn longest(failures_to_not_ready: u32) -> Config {
    const MAX: Duration = Config::MAX_DURATION;
    let backoff = Backoff {
        first: MAX,
        max: MAX,
        jitter_percent: 100,
    };
    let interval = MAX / (2 * failures_to_not_ready);
    let settings = Settings {
        start_timeout: MAX,
        start_backoff: backoff,
        live_interval: interval,
        liveness_timeout: interval,
        recheck_delay: interval,
        failures_to_not_ready,
        successes_to_ready: 1,
        not_live_interval: MAX / 2,
        not_live_interval_max: MAX,
        on_suspicion: OnSuspicion::Check,
        suspicion_timeout: interval,
        suspicion_spacing: interval,
        partial_tolerance: MAX,
        on_rejection: RejectionPolicy::Live,
        on_client_lost: OnClientLost::Recreate,
        recreate_after: None,
        handlers: vec![livebus_core::Handler::required("handler")],
        registration_timeout: MAX,
        registration_backoff: backoff,
        drain: MAX,
        stop_timeout: MAX,
        seed: Some(u64::MAX),
    };
    Config::new(settings).expect("the longest that is allowed")
}

proptest! {
    #![proptest_config(config_for!("rules"))]

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
    fn s12_the_longest_durations_do_not_overflow(script in any_script(), failures in 1_u32..=1_000) {
        let config = longest(failures);
        let sim = Simulation::run(&Script { config, ..script });
        prop_assert!(sim.log.iter().all(|entry| entry.due.is_none_or(|due| due > entry.clock)));
    }
}
