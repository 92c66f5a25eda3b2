//! Checks what the scenarios cover: every event in every phase, and all actions, statuses, causes and warnings.

use std::collections::BTreeSet;

use libtest_mimic::{Failed, Trial};
use livebus_core::{Action, FailureClass, FailureKind, Phase, Status};
use livebus_tests::conformance::Scenario;

use crate::inputs::{KINDS, kinds};
use crate::unreachable::{NO_RUNNER, Never, UNREACHABLE};

/// A phase, and the kind of an input in it.
type Pair = (Phase, &'static str);

pub(crate) fn trials(scenarios: &[Scenario]) -> Vec<Trial> {
    let (all, played) = (scenarios.to_vec(), scenarios.to_vec());
    let shown = scenarios.to_vec();
    vec![
        Trial::test(
            "every event occurs in every phase in which it can",
            move || check(&pairs(&all), UNREACHABLE),
        ),
        Trial::test(
            "runners deliver every event in every phase in which one of them can",
            move || {
                let played = played.iter().filter(|it| it.core_only.is_none());
                let never = [UNREACHABLE, NO_RUNNER].concat();
                check(&pairs(played), &never)
            },
        ),
        Trial::test(
            "every action, status, cause and warning occurs",
            move || everything_occurs(&shown),
        ),
    ]
}

/// Returns the pairs that are reached.
fn pairs<'a>(scenarios: impl IntoIterator<Item = &'a Scenario>) -> BTreeSet<Pair> {
    let mut pairs = BTreeSet::new();
    for scenario in scenarios {
        let settings = scenario.environment.settings();
        for record in scenario.input_records() {
            let kinds = kinds(settings, record).into_iter();
            pairs.extend(kinds.map(|kind| (record.phase, kind)));
        }
    }
    pairs
}

/// Checks that each pair is either reached or listed in `never`.
fn check(reached: &BTreeSet<Pair>, never: &[Never]) -> Result<(), Failed> {
    let names = never.iter().flat_map(|never| never.kinds);
    let unknown = names.filter(|kind| !KINDS.contains(kind));
    let mut errors: Vec<String> = unknown.map(|kind| format!("{kind}: unknown")).collect();
    for phase in Phase::ALL {
        for kind in KINDS {
            let why = never.iter().find(|it| it.is(phase, kind));
            match (reached.contains(&(phase, kind)), why) {
                (true, None) | (false, Some(_)) => {}
                (false, None) => errors.push(format!("{phase}, {kind}: no scenario reaches it")),
                (true, Some(never)) => {
                    let reason = never.reason;
                    errors.push(format!("{phase}, {kind}: reached, though {reason}"));
                }
            }
        }
    }
    none(&errors)
}

/// All actions of the core, and all causes that it reports. The other causes are those of services without a supervisor.
const ACTIONS: [&str; 8] = [
    "Start",
    "SendLiveness",
    "RegisterHandler",
    "DiscardClient",
    "DiscardRegistration",
    "SetStatus",
    "Renew",
    "Stop",
];
const CAUSES: [&str; 11] = [
    "Configured",
    "Starting",
    "Evidence",
    "StartFailed",
    "LivenessFailed",
    "ClientLost",
    "HandlerFailed",
    "Starved",
    "ShuttingDown",
    "ShutDown",
    "ForcedStop",
];

fn everything_occurs(scenarios: &[Scenario]) -> Result<(), Failed> {
    let mut occurred = BTreeSet::new();
    for action in scenarios.iter().flat_map(Scenario::actions) {
        occurred.insert(format!("action {}", name(action)));
        if let Action::SetStatus(report) = action {
            occurred.insert(format!("status {}", report.status));
            occurred.insert(format!("cause {}", report.cause.name()));
            let warning = report.warning;
            occurred.extend(warning.map(|failure| format!("warning {}", failure.class)));
        }
    }
    let statuses = Status::ALL.into_iter().filter(|it| *it != Status::Unknown);
    let warnings = FailureClass::ALL
        .into_iter()
        .filter(|class| matches!(class.kind(), FailureKind::Partial | FailureKind::Rejected));
    let all: BTreeSet<String> = statuses
        .map(|it| format!("status {it}"))
        .chain(warnings.map(|it| format!("warning {it}")))
        .chain(CAUSES.map(|it| format!("cause {it}")))
        .chain(ACTIONS.map(|it| format!("action {it}")))
        .collect();
    let missing = all
        .difference(&occurred)
        .map(|it| format!("{it}: in no scenario"));
    let unknown = occurred
        .difference(&all)
        .map(|it| format!("{it}: not in the lists of this file"));
    none(&missing.chain(unknown).collect::<Vec<_>>())
}

const fn name(action: &Action) -> &'static str {
    match action {
        Action::Start { .. } => "Start",
        Action::SendLiveness { .. } => "SendLiveness",
        Action::RegisterHandler { .. } => "RegisterHandler",
        Action::DiscardClient { .. } => "DiscardClient",
        Action::DiscardRegistration { .. } => "DiscardRegistration",
        Action::SetStatus(_) => "SetStatus",
        Action::Renew { .. } => "Renew",
        Action::Stop { .. } => "Stop",
    }
}

fn none(errors: &[String]) -> Result<(), Failed> {
    if errors.is_empty() {
        return Ok(());
    }
    Err(format!("{}:\n{}", errors.len(), errors.join("\n")).into())
}
