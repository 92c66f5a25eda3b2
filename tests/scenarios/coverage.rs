//! What the scenarios reach: every event in every phase, and all that the core can say and do.

use std::collections::BTreeSet;

use libtest_mimic::{Failed, Trial};
use livebus_core::{Action, FailureClass, FailureKind, Phase, Status};
use livebus_tests::conformance::Scenario;

use crate::told::{KINDS, kinds};
use crate::unreachable::{NO_RUNNER, Never, UNREACHABLE};

/// A phase, and what the core is told in it.
type Pair = (Phase, &'static str);

pub(crate) fn trials(scenarios: &[Scenario]) -> Vec<Trial> {
    let (all, played) = (scenarios.to_vec(), scenarios.to_vec());
    let said = scenarios.to_vec();
    vec![
        Trial::test(
            "every event comes in every phase in which it can",
            move || check(&pairs(&all), UNREACHABLE),
        ),
        Trial::test(
            "the runners meet every event in every phase in which one of them can",
            move || {
                let played = played.iter().filter(|it| it.core_only.is_none());
                let never = [UNREACHABLE, NO_RUNNER].concat();
                check(&pairs(played), &never)
            },
        ),
        Trial::test(
            "every action, status, cause and warning is seen",
            move || everything_is_said(&said),
        ),
    ]
}

/// Which pairs are reached.
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

/// Every pair is reached, or is one that never can be; and none is both.
fn check(reached: &BTreeSet<Pair>, never: &[Never]) -> Result<(), Failed> {
    let names = never.iter().flat_map(|never| never.kinds);
    let unknown = names.filter(|kind| !KINDS.contains(kind));
    let mut wrong: Vec<String> = unknown.map(|kind| format!("{kind}: unknown")).collect();
    for phase in Phase::ALL {
        for kind in KINDS {
            let why = never.iter().find(|it| it.is(phase, kind));
            match (reached.contains(&(phase, kind)), why) {
                (true, None) | (false, Some(_)) => {}
                (false, None) => wrong.push(format!("{phase}, {kind}: no scenario reaches it")),
                (true, Some(never)) => {
                    let reason = never.reason;
                    wrong.push(format!("{phase}, {kind}: reached, though {reason}"));
                }
            }
        }
    }
    none(&wrong)
}

/// What the core can do, and the causes that it can give. A service that nobody reported on, or whose owner did, is none of
/// its.
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

fn everything_is_said(scenarios: &[Scenario]) -> Result<(), Failed> {
    let mut said = BTreeSet::new();
    for action in scenarios.iter().flat_map(Scenario::actions) {
        said.insert(format!("action {}", name(action)));
        if let Action::SetStatus(report) = action {
            said.insert(format!("status {}", report.status));
            said.insert(format!("cause {}", report.cause.name()));
            let warning = report.warning;
            said.extend(warning.map(|failure| format!("warning {}", failure.class)));
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
        .difference(&said)
        .map(|it| format!("{it}: no scenario shows it"));
    let unknown = said
        .difference(&all)
        .map(|it| format!("{it}: unknown here"));
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

fn none(wrong: &[String]) -> Result<(), Failed> {
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{}:\n{}", wrong.len(), wrong.join("\n")).into())
}
