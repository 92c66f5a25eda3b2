//! Shutdown: from any state, even twice, and during any operation, it ends in order and in time.

use livebus_core::{Action, Cause, Event, Status};
use proptest::prelude::*;

use crate::config_for;
use crate::script::{Script, any_script};
use crate::simulation::{Input, Simulation};

/// S11. After a shutdown: NotReady, then the stop, then Stopped, then nothing more.
///
/// Exactly: the actions that the first `Shutdown` itself causes and all actions of later calls are together a prefix of
/// `[SetStatus(NotReady, ShuttingDown), Stop, SetStatus(Stopped, ShutDown or ForcedStop)]`, at least its first element, where
/// the discards of registrations in flight come right after the first. (Actions that were due before come before.)
fn it_ends_in_order(script: &Script) -> Result<(), TestCaseError> {
    let log = Simulation::run(script).log;
    let shutdown = Input::Event(Event::Shutdown);
    let Some(first) = log.iter().position(|entry| entry.input == shutdown) else {
        return Ok(());
    };
    let is_shutting_down =
        |action: &Action| matches!(action, Action::SetStatus(r) if r.cause == Cause::ShuttingDown);
    let start = log[first].actions.iter().position(is_shutting_down);
    let start = start.expect("a shutdown reports NotReady");
    prop_assert!(start == 0 || !log[first].nothing_was_due());
    let later = log[first + 1..].iter().flat_map(|entry| &entry.actions);
    let mut rest = log[first].actions[start..].iter().chain(later).peekable();
    let Some(Action::SetStatus(report)) = rest.next() else {
        return Err(TestCaseError::fail("no report"));
    };
    prop_assert_eq!(report.status, Status::NotReady);
    let registers = |discarded| {
        let began = |action: &Action| matches!(action, Action::RegisterHandler { id, .. } if *id == discarded);
        log[..=first]
            .iter()
            .flat_map(|entry| &entry.actions)
            .any(began)
    };
    while let Some(Action::DiscardRegistration { registration }) = rest.peek() {
        prop_assert!(registers(*registration), "{registration:?} never began");
        rest.next();
    }
    if let Some(second) = rest.next() {
        prop_assert!(matches!(second, Action::Stop { .. }), "{second:?}");
    }
    if let Some(third) = rest.next() {
        let stopped = |action: &Action| {
            matches!(action, Action::SetStatus(report) if report.status == Status::Stopped
                && matches!(report.cause, Cause::ShutDown | Cause::ForcedStop))
        };
        prop_assert!(stopped(third), "{third:?}");
    }
    prop_assert_eq!(rest.next(), None);
    Ok(())
}

/// S11, the time. Exactly, with ideal timers and a shutdown at `t` whose stop is never answered: the stop comes at
/// `max(t, r + drain)` where `r` is when the status was last Running (`t` itself when it still is), at once where it
/// never was; Stopped comes `stop_timeout` after it; so at most `shutdown_bound` after `t`.
fn it_ends_in_time(script: &Script) -> Result<(), TestCaseError> {
    let mut sim = Simulation::run(script);
    let began = sim.clock;
    let first = !sim
        .log
        .iter()
        .any(|entry| entry.input == Input::Event(Event::Shutdown));
    sim.deliver_and_drain(began, Some(Event::Shutdown));
    let settings = script.config.settings();
    let mut left_running = None;
    let mut running = false;
    for entry in &sim.log {
        for report in entry.reports() {
            if running && report.status != Status::Running {
                left_running = Some(entry.clock);
            }
            running = report.status == Status::Running;
        }
    }
    while sim.fire_timer() {}
    prop_assert!(sim.supervisor.is_stopped());
    prop_assert_eq!(sim.status(), Status::Stopped);
    prop_assert!(sim.clock - began <= script.config.shutdown_bound());
    if first {
        let stop = left_running.map_or(began, |left| began.max(left + settings.drain));
        prop_assert_eq!(sim.clock, stop + settings.stop_timeout);
        prop_assert_eq!(sim.report().cause, Cause::ForcedStop);
    }
    Ok(())
}

/// S11, the end. After Stopped no call causes an action, and there is no deadline.
fn nothing_follows_stopped(script: &Script) -> Result<(), TestCaseError> {
    for pair in Simulation::run(script).log.windows(2) {
        let [before, after] = pair else { continue };
        if before.stopped {
            prop_assert!(after.stopped && after.actions.is_empty() && after.due.is_none());
            prop_assert_eq!(after.report.status, Status::Stopped);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config_for!("shutdown"))]

    #[test]
    fn s11_shutdown_reports_not_ready_then_stops_then_reports_stopped(mut script in any_script(), at in 0usize..100) {
        let at = at.min(script.steps.len() - 1);
        script.steps[at].input = crate::script::StepInput::Shutdown;
        it_ends_in_order(&script)?;
        nothing_follows_stopped(&script)?;
    }

    #[test]
    fn s11_unanswered_stop_ends_exactly_at_its_timeout(script in any_script()) {
        it_ends_in_time(&script)?;
    }
}
