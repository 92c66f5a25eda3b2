//! Evidence: Running needs it and lasts no longer than it, and definitive failures end Running at once.

use std::time::Instant;

use livebus_core::{
    Action, Cause, Config, Event, FailureKind, OnClientLost, RejectionPolicy, Report, Status,
};
use proptest::prelude::*;

use crate::config_for;
use crate::script::{Script, any_script};
use crate::simulation::{Entry, Simulation, is_definitive};

/// Returns the instant of the proof in an entry, never later than now: of ordinary traffic, or of an accepted answer to a
/// liveness message that proves that the bus works.
fn proof(config: &Config, entry: &Entry) -> Option<Instant> {
    match entry.event()? {
        Event::LivenessAnswered { result, .. } if entry.stale == 0 => match result {
            Ok(()) => Some(entry.clock),
            Err(failure) => (failure.class.kind() == FailureKind::Rejected
                && config.settings().on_rejection == RejectionPolicy::Live)
                .then_some(entry.clock),
        },
        Event::Live { at } => Some(at.min(entry.clock)),
        Event::LivenessAnswered { .. }
        | Event::StartAnswered { .. }
        | Event::RegistrationAnswered { .. }
        | Event::HandlerHealth { .. }
        | Event::StopAnswered { .. }
        | Event::Suspicion(_)
        | Event::ClientLost { .. }
        | Event::Shutdown => None,
    }
}

/// Returns whether this report says that liveness was lost, or that there is no client.
fn is_a_loss(report: &Report) -> bool {
    match report.cause {
        Cause::LivenessFailed(_)
        | Cause::Starved
        | Cause::StartFailed(_)
        | Cause::ClientLost(_)
        | Cause::ShuttingDown => true,
        Cause::Unreported
        | Cause::Configured
        | Cause::Starting
        | Cause::Evidence
        | Cause::HandlerFailed(..)
        | Cause::ShutDown
        | Cause::ForcedStop
        | Cause::Reported => false,
        _ => unreachable!("a cause unknown to this property: {}", report.cause),
    }
}

/// S1. Never Running before the first live evidence after a successful start.
///
/// Exactly: a report of Running comes only when, since the newest of (the accepted answer of the newest start, the newest
/// report of a loss), at least `successes_to_ready` entries brought a proof, the entry of the report included.
fn never_running_before_its_proofs(script: &Script) -> Result<(), TestCaseError> {
    let mut started = false;
    let mut proofs = 0;
    for entry in &Simulation::run(script).log {
        let here = u32::from(proof(&script.config, entry).is_some());
        proofs += here;
        // What was due by then fires before an answer, and after evidence.
        let after_a_loss = match entry.event() {
            Some(Event::Live { .. }) => 0,
            Some(_) | None => here,
        };
        if let Some(Event::StartAnswered { result: Ok(()), .. }) = entry.event()
            && entry.stale == 0
        {
            (started, proofs) = (true, 0);
        }
        for action in &entry.actions {
            match action {
                Action::Start { .. } => started = false,
                Action::SetStatus(report) if is_a_loss(report) => proofs = after_a_loss,
                Action::SetStatus(report) if report.status == Status::Running => {
                    prop_assert!(started, "Running without a client: {entry:?}");
                    prop_assert!(
                        proofs >= script.config.settings().successes_to_ready,
                        "{entry:?}"
                    );
                }
                Action::SetStatus(_)
                | Action::SendLiveness { .. }
                | Action::RegisterHandler { .. }
                | Action::DiscardClient { .. }
                | Action::DiscardRegistration { .. }
                | Action::Renew { .. }
                | Action::Stop { .. } => {}
            }
        }
    }
    Ok(())
}

/// S2. Running implies that the newest evidence is at most the detection bound old.
///
/// Exactly: after every call `now < evidence + bound`, and `lease = evidence + bound`, where `bound` is
/// `detection_bound`, or `partial_detection_bound` while the warning is of the kind Partial; `evidence` is the newest
/// proof that was delivered since the newest report of Running; and `poll_timeout <= lease`.
fn running_is_no_older_than_the_bound(script: &Script) -> Result<(), TestCaseError> {
    let config = &script.config;
    let mut newest: Option<Instant> = None;
    for entry in &Simulation::run(script).log {
        let report = entry.report;
        let was_running = entry.before.status == Status::Running
            && entry
                .reports()
                .all(|report| report.status == Status::Running);
        let here = proof(config, entry);
        newest = if was_running { newest.max(here) } else { here };
        if report.status != Status::Running {
            prop_assert_eq!(report.lease, None);
            continue;
        }
        let partial = report
            .warning
            .is_some_and(|warning| warning.class.kind() == FailureKind::Partial);
        let bound = if partial {
            config.partial_detection_bound()
        } else {
            config.detection_bound()
        };
        let evidence = report.evidence.expect("Running has evidence");
        if newest.is_some() {
            prop_assert_eq!(Some(evidence), newest, "{:?}", entry);
        }
        newest = Some(evidence);
        prop_assert!(entry.clock < evidence + bound, "too old: {entry:?}");
        prop_assert_eq!(report.lease, Some(evidence + bound));
        prop_assert!(
            entry.due <= report.lease,
            "no wake-up at the lease: {entry:?}"
        );
    }
    Ok(())
}

/// The evidence in a report or a renewal was delivered before, and is not later than now.
fn evidence_was_delivered(script: &Script) -> Result<(), TestCaseError> {
    let mut delivered = Vec::new();
    for entry in &Simulation::run(script).log {
        delivered.extend(proof(&script.config, entry));
        for action in &entry.actions {
            let named = match action {
                Action::SetStatus(report) => report.evidence,
                Action::Renew { evidence, .. } => Some(*evidence),
                Action::Start { .. }
                | Action::SendLiveness { .. }
                | Action::RegisterHandler { .. }
                | Action::DiscardClient { .. }
                | Action::DiscardRegistration { .. }
                | Action::Stop { .. } => None,
            };
            if let Some(evidence) = named {
                prop_assert!(
                    delivered.contains(&evidence) && evidence <= entry.clock,
                    "{entry:?}"
                );
            }
        }
    }
    Ok(())
}

/// S3. A definitive failure while Running: NotReady is the first action of that step.
///
/// Exactly: where the status is Running before, the answer is accepted, and nothing else was due by then (a registration
/// that was due fires first), the first action is a report of NotReady; of Failed when the client is lost and
/// `on_client_lost` is `Fail`. The same holds for a rejection with `RejectionPolicy::NotLive` and for a lost client.
fn definitive_failures_come_first(script: &Script) -> Result<(), TestCaseError> {
    let settings = script.config.settings();
    for entry in &Simulation::run(script).log {
        let failure = match entry.event() {
            Some(Event::LivenessAnswered { result, .. }) => result.err(),
            Some(Event::ClientLost { failure, .. }) => Some(failure),
            _ => None,
        };
        let Some(failure) = failure else { continue };
        if entry.before.status != Status::Running || entry.stale > 0 || !entry.nothing_was_due() {
            continue;
        }
        let lost = matches!(entry.event(), Some(Event::ClientLost { .. }));
        let strict = settings.on_rejection == RejectionPolicy::NotLive
            && failure.class.kind() == FailureKind::Rejected;
        if !(lost || strict || is_definitive(failure.class)) {
            continue;
        }
        let fatal = lost || failure.class == livebus_core::FailureClass::ClientFatal;
        let status = match settings.on_client_lost {
            OnClientLost::Fail if fatal => Status::Failed,
            OnClientLost::Fail | OnClientLost::Recreate => Status::NotReady,
        };
        let cause = if fatal {
            Cause::ClientLost(failure)
        } else {
            Cause::LivenessFailed(failure)
        };
        let first = entry.actions.first();
        let Some(Action::SetStatus(report)) = first else {
            return Err(TestCaseError::fail(format!(
                "first was {first:?}: {entry:?}"
            )));
        };
        prop_assert_eq!((report.status, report.cause), (status, cause));
    }
    Ok(())
}

proptest! {
    #![proptest_config(config_for!("evidence"))]

    #[test]
    fn s1_not_running_before_a_successful_start_and_its_proofs(script in any_script()) {
        never_running_before_its_proofs(&script)?;
    }

    #[test]
    fn s2_evidence_while_running_is_younger_than_the_detection_bound(script in any_script()) {
        running_is_no_older_than_the_bound(&script)?;
    }

    #[test]
    fn s2_reported_evidence_was_delivered_before(script in any_script()) {
        evidence_was_delivered(&script)?;
    }

    #[test]
    fn s3_definitive_failure_while_running_reports_not_ready_first(script in any_script()) {
        definitive_failures_come_first(&script)?;
    }
}
