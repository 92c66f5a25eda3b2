//! Reports of the status: none repeats another, they add up to the report, and only a shutdown leaves Failed.

use livebus_core::{Action, Event, Report, Status};
use proptest::prelude::*;

use crate::config_for;
use crate::script::{Script, any_script};
use crate::simulation::{Entry, Input, ORIGIN, Simulation};

/// S9. Status actions never repeat, and add up to the report.
///
/// Exactly: each `SetStatus` differs from the one before in status, in the reason of its cause, or in the class of its
/// warning; a `Renew` comes only while the newest status is Running, and prolongs the lease or replaces the evidence;
/// after each call the fold of all `SetStatus` and `Renew` equals `report()`; `since` is when the status last changed.
fn status_actions_add_up(script: &Script) -> Result<(), TestCaseError> {
    let mut fold = Report::unreported(*ORIGIN);
    for entry in &Simulation::run(script).log {
        for action in &entry.actions {
            match *action {
                Action::SetStatus(report) => {
                    let class = |report: &Report| report.warning.map(|failure| failure.class);
                    prop_assert!(
                        report.status != fold.status
                            || !report.cause.same_reason(fold.cause)
                            || class(&report) != class(&fold),
                        "the same report again: {entry:?}"
                    );
                    let since = if report.status == fold.status {
                        fold.since
                    } else {
                        entry.clock
                    };
                    prop_assert_eq!(report.since, since);
                    fold = report;
                }
                Action::Renew { evidence, lease } => {
                    prop_assert_eq!(fold.status, Status::Running);
                    prop_assert!(fold.lease.is_some_and(|old| lease != old), "{entry:?}");
                    fold.evidence = Some(evidence);
                    fold.lease = Some(lease);
                }
                Action::Start { .. }
                | Action::SendLiveness { .. }
                | Action::RegisterHandler { .. }
                | Action::DiscardClient { .. }
                | Action::DiscardRegistration { .. }
                | Action::Stop { .. } => {}
            }
        }
        prop_assert_eq!(fold, entry.report);
    }
    Ok(())
}

/// S4. Failed is left only by a shutdown.
///
/// Exactly: while Failed, every call but the event `Shutdown` causes no action and leaves no deadline.
fn only_shutdown_leaves_failed(script: &Script) -> Result<(), TestCaseError> {
    for entry in &Simulation::run(script).log {
        let shutdown = entry.input == Input::Event(Event::Shutdown);
        if entry.before.status == Status::Failed && !shutdown {
            prop_assert_eq!(&entry.actions, &[]);
            prop_assert_eq!(entry.due, None);
            prop_assert_eq!(entry.report, entry.before);
        }
    }
    Ok(())
}

/// The status changes only along the documented transitions.
fn only_documented_transitions(script: &Script) -> Result<(), TestCaseError> {
    use Status::{Failed, NotReady, Prepared, Preparing, Running, Stopped, Unknown};
    let mut from = Unknown;
    for report in Simulation::run(script).log.iter().flat_map(Entry::reports) {
        let known = match (from, report.status) {
            (Unknown, Preparing) | (Preparing, Prepared) => true,
            (Prepared | NotReady | Running, Running | NotReady | Failed) => true,
            (Failed, NotReady) => true,
            (NotReady, Stopped) => report.lease.is_none(),
            _ => false,
        };
        prop_assert!(known, "{from} to {report:?}");
        from = report.status;
    }
    Ok(())
}

proptest! {
    #![proptest_config(config_for!("status"))]

    #[test]
    fn s9_status_actions_never_repeat_and_add_up_to_the_report(script in any_script()) {
        status_actions_add_up(&script)?;
    }

    #[test]
    fn s4_failed_is_left_only_by_a_shutdown(script in any_script()) {
        only_shutdown_leaves_failed(&script)?;
    }

    #[test]
    fn s4_status_changes_only_along_documented_transitions(script in any_script()) {
        only_documented_transitions(&script)?;
    }
}
