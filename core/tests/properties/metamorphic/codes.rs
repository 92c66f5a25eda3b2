//! The codes that a client library gives its failures: for people to look up, without effect.

use livebus_core::{Action, Cause, Failure, Report, Supervisor};
use proptest::prelude::*;

use crate::config_for;
use crate::replay::{deliver, poll_all, without_code};
use crate::script::{Script, any_script};
use crate::simulation::{Input, ORIGIN, Simulation};

/// The code of a failure has no effect.
///
/// Exactly: a run without any code has the same actions without their codes, call by call, and the same deadlines, phases
/// and numbers of stale answers.
fn codes_have_no_effect(script: &Script) -> Result<(), TestCaseError> {
    let mut with = Supervisor::new(script.config.clone(), *ORIGIN);
    let mut without = with.clone();
    for entry in &Simulation::run(script).log[1..] {
        deliver(&mut with, entry.called_at, entry.input);
        let input = match entry.input {
            Input::Created | Input::Timeout => entry.input,
            Input::Event(event) => Input::Event(without_code(event)),
        };
        deliver(&mut without, entry.called_at, input);
        let expected: Vec<Action> = poll_all(&mut with).into_iter().map(bare).collect();
        prop_assert_eq!(poll_all(&mut without), expected);
        prop_assert_eq!(without.poll_timeout(), with.poll_timeout());
        prop_assert_eq!(without.phase(), with.phase());
        prop_assert_eq!(without.stale_answers(), with.stale_answers());
        prop_assert_eq!(*without.report(), report_without_code(*with.report()));
    }
    Ok(())
}

fn bare(action: Action) -> Action {
    match action {
        Action::SetStatus(report) => Action::SetStatus(report_without_code(report)),
        Action::Start { .. }
        | Action::SendLiveness { .. }
        | Action::RegisterHandler { .. }
        | Action::DiscardClient { .. }
        | Action::DiscardRegistration { .. }
        | Action::Renew { .. }
        | Action::Stop { .. } => action,
    }
}

fn report_without_code(report: Report) -> Report {
    let bare = |failure: Failure| Failure::new(failure.class);
    Report {
        cause: match report.cause {
            Cause::StartFailed(failure) => Cause::StartFailed(bare(failure)),
            Cause::LivenessFailed(failure) => Cause::LivenessFailed(bare(failure)),
            Cause::ClientLost(failure) => Cause::ClientLost(bare(failure)),
            Cause::HandlerFailed(handler, failure) => Cause::HandlerFailed(handler, bare(failure)),
            Cause::Unreported
            | Cause::Configured
            | Cause::Starting
            | Cause::Evidence
            | Cause::Starved
            | Cause::ShuttingDown
            | Cause::ShutDown
            | Cause::ForcedStop
            | Cause::Reported => report.cause,
            _ => unreachable!("a cause unknown to this relation: {}", report.cause),
        },
        warning: report.warning.map(bare),
        ..report
    }
}

proptest! {
    #![proptest_config(config_for!("metamorphic", 2_000))]

    #[test]
    fn failure_codes_have_no_effect(script in any_script()) {
        codes_have_no_effect(&script)?;
    }
}
