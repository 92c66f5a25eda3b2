//! The rules of the four calls: when something is due, and how long durations may be.
//!
//! Properties that compare two runs are in `metamorphic`: clocks that go back, separate calls for time, the same inputs twice.

use std::time::Duration;

use livebus_core::{Backoff, Config, OnClientLost, OnSuspicion, RejectionPolicy, Settings, Status};
use proptest::prelude::*;

use crate::config_for;
use crate::script::{Script, any_script};
use crate::settings::with_handlers;
use crate::simulation::{Input, Simulation};

/// Rule 1. While actions are queued, `poll_timeout` is due already: it is the newest instant passed so far.
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

/// S8, rule 2. Once all actions are polled, `poll_timeout` is strictly after the newest instant passed so far.
fn timeout_is_later_once_polled(script: &Script) -> Result<(), TestCaseError> {
    for entry in &Simulation::run(script).log {
        prop_assert!(entry.due.is_none_or(|due| due > entry.clock), "{entry:?}");
    }
    Ok(())
}

/// S7. Every state has a deadline, except Failed and Stopped, which have none.
fn every_state_has_a_deadline(script: &Script) -> Result<(), TestCaseError> {
    for entry in &Simulation::run(script).log {
        let has_ended = matches!(entry.report.status, Status::Failed | Status::Stopped);
        prop_assert_eq!(entry.due.is_none(), has_ended, "{:?}", entry);
    }
    Ok(())
}

/// A spurious wake-up causes nothing.
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

/// S12. Returns a configuration with all durations at their maximum: with these, too, nothing may overflow.
fn max_durations(failures_to_not_ready: u32) -> Config {
    const MAX_DURATION: Duration = Config::MAX_DURATION;
    let backoff = Backoff {
        first: MAX_DURATION,
        max: MAX_DURATION,
        jitter_percent: 100,
    };
    let interval = MAX_DURATION / (2 * failures_to_not_ready);
    let settings = Settings {
        start_timeout: MAX_DURATION,
        start_backoff: backoff,
        live_interval: interval,
        liveness_timeout: interval,
        recheck_delay: interval,
        failures_to_not_ready,
        successes_to_ready: 1,
        not_live_interval: MAX_DURATION / 2,
        not_live_interval_max: MAX_DURATION,
        on_suspicion: OnSuspicion::Check,
        suspicion_timeout: interval,
        suspicion_spacing: interval,
        partial_tolerance: MAX_DURATION,
        on_rejection: RejectionPolicy::Live,
        on_client_lost: OnClientLost::Recreate,
        recreate_after: None,
        registration_timeout: MAX_DURATION,
        registration_backoff: backoff,
        drain: MAX_DURATION,
        stop_timeout: MAX_DURATION,
        seed: Some(u64::MAX),
    };
    with_handlers(settings, vec![livebus_core::Handler::required("handler")])
}

proptest! {
    #![proptest_config(config_for!("rules"))]

    #[test]
    fn rule_1_timeout_is_due_while_actions_are_queued(script in any_script()) {
        queued_is_due(&script)?;
    }

    #[test]
    fn rule_2_timeout_is_after_now_once_all_actions_are_polled(script in any_script()) {
        timeout_is_later_once_polled(&script)?;
    }

    #[test]
    fn s7_every_state_except_failed_and_stopped_has_a_deadline(script in any_script()) {
        every_state_has_a_deadline(&script)?;
    }

    #[test]
    fn rule_2_early_wake_up_causes_nothing(script in any_script()) {
        early_wakes_are_harmless(&script)?;
    }

    #[test]
    fn s12_maximum_durations_do_not_overflow(script in any_script(), failures in 1_u32..=1_000) {
        let config = max_durations(failures);
        let sim = Simulation::run(&Script { config, ..script });
        prop_assert!(sim.log.iter().all(|entry| entry.due.is_none_or(|due| due > entry.clock)));
    }
}
