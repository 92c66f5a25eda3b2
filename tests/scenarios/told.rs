//! What the core can be told, in words: each event, sorted by what it means where it comes.

use livebus_core::{Action, Event, Failure, FailureClass, FailureKind, RejectionPolicy};
use livebus_core::{OnClientLost, OnSuspicion, Phase, Settings};
use livebus_tests::conformance::InputRecord;

/// All of it. An answer that is not stale answers the operation under way.
pub(crate) const KINDS: [&str; 34] = [
    "start ok",
    "start failed",
    "stale start ok",
    "stale start failed",
    "liveness ok",
    "liveness failed: definitive",
    "liveness failed: client fatal",
    "liveness failed: ambiguous",
    "liveness failed: partial",
    "liveness failed: an answer",
    "liveness failed: an answer, for the strict",
    "stale liveness ok",
    "stale liveness failed",
    "registration ok",
    "registration failed",
    "stale registration ok",
    "stale registration failed",
    "stop ok",
    "stop failed",
    "stale stop ok",
    "stale stop failed",
    "traffic",
    "bad news: definitive",
    "bad news: ambiguous",
    "bad news: partial",
    "bad news: an answer",
    "bad news that is believed",
    "client lost",
    "client lost forever",
    "another client lost",
    "shutdown",
    "time",
    "registration overdue",
    "registration due again",
];

/// The phases in which the bus is thought to work.
pub(crate) const LIVE: [Phase; 4] = [
    Phase::Idle,
    Phase::Suspected,
    Phase::InFlight,
    Phase::RetryPending,
];

/// What this record is of [`KINDS`]. When time passes, several things may be due.
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
        (Event::StopAnswered { result, .. }, false) => one(result, ["stop ok", "stop failed"]),
        (Event::StopAnswered { result, .. }, true) => {
            one(result, ["stale stop ok", "stale stop failed"])
        }
        (Event::Live { .. }, _) => "traffic",
        (Event::Suspicion(failure), _) => bad_news(settings, record.phase, failure),
        (Event::ClientLost { .. }, true) => "another client lost",
        (Event::ClientLost { .. }, false) => match settings.on_client_lost {
            OnClientLost::Recreate => "client lost",
            OnClientLost::Fail => "client lost forever",
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
        (began || record.phase_after != record.phase).then_some("time"),
        (discarded && has_client).then_some("registration overdue"),
        registers.then_some("registration due again"),
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
        (FailureKind::Rejected, RejectionPolicy::Live) => "liveness failed: an answer",
        (FailureKind::Rejected, RejectionPolicy::NotLive) => {
            "liveness failed: an answer, for the strict"
        }
    }
}

fn bad_news(settings: &Settings, phase: Phase, failure: Failure) -> &'static str {
    if settings.on_suspicion == OnSuspicion::NotReady && LIVE.contains(&phase) {
        return "bad news that is believed";
    }
    match failure.class.kind() {
        FailureKind::Definitive => "bad news: definitive",
        FailureKind::Ambiguous => "bad news: ambiguous",
        FailureKind::Partial => "bad news: partial",
        FailureKind::Rejected => "bad news: an answer",
    }
}
