//! Names the inputs of the core: each event, by what it means in its phase.

use livebus_core::{Action, Event, Failure, FailureClass, FailureKind, RejectionPolicy};
use livebus_core::{OnClientLost, OnSuspicion, Phase, Settings};
use livebus_tests::conformance::InputRecord;

/// All kinds of inputs. An answer that is not stale is that of the operation in flight.
pub(crate) const KINDS: [&str; 37] = [
    "start ok",
    "start failed",
    "stale start ok",
    "stale start failed",
    "liveness ok",
    "liveness failed: definitive",
    "liveness failed: client fatal",
    "liveness failed: ambiguous",
    "liveness failed: partial",
    "liveness failed: rejected",
    "liveness failed: rejected, on_rejection: not live",
    "stale liveness ok",
    "stale liveness failed",
    "registration ok",
    "registration failed",
    "stale registration ok",
    "stale registration failed",
    "handler works",
    "handler fails",
    "stale handler health",
    "stop ok",
    "stop failed",
    "stale stop ok",
    "stale stop failed",
    "traffic",
    "suspicion: definitive",
    "suspicion: ambiguous",
    "suspicion: partial",
    "suspicion: rejected",
    "suspicion, on_suspicion: not ready",
    "client lost",
    "client lost, on_client_lost: fail",
    "stale client lost",
    "shutdown",
    "timeout",
    "registration timed out",
    "registration retried",
];

/// The phases in which the bus is live.
pub(crate) const LIVE: [Phase; 4] = [
    Phase::Idle,
    Phase::Suspected,
    Phase::InFlight,
    Phase::RetryPending,
];

/// Returns the [`KINDS`] of an input. At a timeout several may be due.
pub(crate) fn kinds(settings: &Settings, record: &InputRecord) -> Vec<&'static str> {
    let Some(event) = record.event else {
        return due(record);
    };
    let kind = match (event, record.stale) {
        (Event::StartAnswered { result, .. }, false) => one(result, ["start ok", "start failed"]),
        (Event::StartAnswered { result, .. }, true) => {
            one(result, ["stale start ok", "stale start failed"])
        }
        (Event::LivenessAnswered { result, .. }, false) => result
            .err()
            .map_or("liveness ok", |failure| liveness_failed(settings, failure)),
        (Event::LivenessAnswered { result, .. }, true) => {
            one(result, ["stale liveness ok", "stale liveness failed"])
        }
        (Event::RegistrationAnswered { result, .. }, false) => {
            one(result, ["registration ok", "registration failed"])
        }
        (Event::RegistrationAnswered { result, .. }, true) => one(
            result,
            ["stale registration ok", "stale registration failed"],
        ),
        (Event::HandlerHealth { result, .. }, false) => {
            one(result, ["handler works", "handler fails"])
        }
        (Event::HandlerHealth { .. }, true) => "stale handler health",
        (Event::StopAnswered { result, .. }, false) => one(result, ["stop ok", "stop failed"]),
        (Event::StopAnswered { result, .. }, true) => {
            one(result, ["stale stop ok", "stale stop failed"])
        }
        (Event::Live { .. }, _) => "traffic",
        (Event::Suspicion(failure), _) => suspicion(settings, record.phase, failure),
        (Event::ClientLost { .. }, true) => "stale client lost",
        (Event::ClientLost { .. }, false) => match settings.on_client_lost {
            OnClientLost::Recreate => "client lost",
            OnClientLost::Fail => "client lost, on_client_lost: fail",
        },
        (Event::Shutdown, _) => "shutdown",
    };
    vec![kind]
}

fn due(record: &InputRecord) -> Vec<&'static str> {
    let any = |is: fn(&Action) -> bool| record.actions.iter().any(is);
    let began = any(|action| {
        matches!(
            action,
            Action::Start { .. } | Action::SendLiveness { .. } | Action::Stop { .. }
        )
    });
    let discarded = any(|action| matches!(action, Action::DiscardRegistration { .. }));
    let registers = any(|action| matches!(action, Action::RegisterHandler { .. }));
    let has_client = record.phase_after == Phase::NotLive || LIVE.contains(&record.phase_after);
    let kinds = [
        (began || record.phase_after != record.phase).then_some("timeout"),
        (discarded && has_client).then_some("registration timed out"),
        registers.then_some("registration retried"),
    ];
    kinds.into_iter().flatten().collect()
}

fn one(result: Result<(), Failure>, [ok, failed]: [&'static str; 2]) -> &'static str {
    if result.is_ok() { ok } else { failed }
}

fn liveness_failed(settings: &Settings, failure: Failure) -> &'static str {
    match (failure.class.kind(), settings.on_rejection) {
        (FailureKind::Definitive, _) if failure.class == FailureClass::ClientFatal => {
            "liveness failed: client fatal"
        }
        (FailureKind::Definitive, _) => "liveness failed: definitive",
        (FailureKind::Ambiguous, _) => "liveness failed: ambiguous",
        (FailureKind::Partial, _) => "liveness failed: partial",
        (FailureKind::Rejected, RejectionPolicy::Live) => "liveness failed: rejected",
        (FailureKind::Rejected, RejectionPolicy::NotLive) => {
            "liveness failed: rejected, on_rejection: not live"
        }
    }
}

fn suspicion(settings: &Settings, phase: Phase, failure: Failure) -> &'static str {
    if settings.on_suspicion == OnSuspicion::NotReady && LIVE.contains(&phase) {
        return "suspicion, on_suspicion: not ready";
    }
    match failure.class.kind() {
        FailureKind::Definitive => "suspicion: definitive",
        FailureKind::Ambiguous => "suspicion: ambiguous",
        FailureKind::Partial => "suspicion: partial",
        FailureKind::Rejected => "suspicion: rejected",
    }
}
