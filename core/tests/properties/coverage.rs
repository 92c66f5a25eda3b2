//! The generator itself: a property over stories that never get anywhere is worth nothing.

use std::collections::BTreeMap;

use livebus_core::{Action, Cause, Event, Status};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::operation_records::OperationRecords;
use crate::script::{Clock, Script, StepInput, any_script, realistic_script};
use crate::simulation::{Entry, Kind, Simulation};

const SCRIPTS: u32 = 1_000;

fn action_name(action: &Action) -> &'static str {
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

/// What is worth reaching, as far as it can be seen from outside.
fn seen(script: &Script) -> Vec<String> {
    let sim = Simulation::run(script);
    let settings = script.config.settings();
    let mut records = OperationRecords::default();
    let mut seen = Vec::new();
    let mut sent_while_running = false;
    for entry in &sim.log {
        if let Some(verdict) = records.verdict(entry) {
            seen.push(format!("answer {verdict:?}"));
        }
        let Ok(()) = records.add(&script.config, entry, |_, _| Ok::<(), ()>(())) else {
            unreachable!("nobody objects")
        };
        seen.extend(
            entry
                .actions
                .iter()
                .map(|a| format!("action {}", action_name(a))),
        );
        let report = &entry.report;
        for said in entry.reports() {
            seen.push(format!("status {}", said.status));
            seen.push(format!("cause {}", said.cause.name()));
        }
        if let Some(warning) = report.warning {
            seen.push(format!("warned {:?}", warning.class.kind()));
        }
        let running = report.status == Status::Running && entry.before.status == Status::Running;
        let suspected = matches!(entry.event(), Some(Event::Suspicion(_)));
        let proved = entry
            .actions
            .iter()
            .any(|a| matches!(a, Action::Renew { .. } | Action::SetStatus(_)));
        let sends = entry.liveness_messages() > 0;
        if running && sends {
            seen.push("asking while Running".to_owned());
            if sent_while_running {
                seen.push("asking again while Running, nothing proved".to_owned());
            }
            let short = |a: &Action| {
                matches!(a, Action::SendLiveness { deadline, .. }
                if *deadline - entry.clock == settings.suspicion_timeout && settings.suspicion_timeout < settings.liveness_timeout)
            };
            if entry.actions.iter().any(short) {
                seen.push("asking because of a suspicion".to_owned());
            }
        }
        sent_while_running = running && !proved && (sends || sent_while_running);
        if running && suspected {
            seen.push("suspicion while Running".to_owned());
        }
        if ready_again(entry) {
            seen.push("Running again".to_owned());
        }
        if settings.successes_to_ready > 1 && report.status == Status::Running {
            seen.push("Running after several proofs".to_owned());
        }
        if !settings.handlers.is_empty() && report.status == Status::Running {
            seen.push("Running with handlers".to_owned());
        }
        if report.status == Status::Running && entry.before.cause.name() == "HandlerFailed" {
            seen.push("a handler held it up".to_owned());
        }
        let open = records
            .operations
            .last()
            .is_some_and(|op| op.kind == Kind::Stop && !op.answered);
        if entry.event() == Some(Event::Shutdown) && open {
            seen.push("stopping at once".to_owned());
        }
    }
    let steps = |clock: fn(&Clock) -> bool| script.steps.iter().any(|step| clock(&step.clock));
    if steps(|clock| matches!(clock, Clock::Back(1..))) {
        seen.push("clock goes back".to_owned());
    }
    if steps(|clock| matches!(clock, Clock::Jump(1..))) {
        seen.push("clock jumps days".to_owned());
    }
    if script.steps.iter().any(|step| !step.drain) {
        seen.push("not drained".to_owned());
    }
    if script
        .steps
        .iter()
        .any(|step| matches!(step.what, StepInput::Shutdown))
    {
        seen.push("shutdown".to_owned());
    }
    seen.sort_unstable();
    seen.dedup();
    seen
}

fn ready_again(entry: &Entry) -> bool {
    entry.report.status == Status::Running
        && entry.before.status == Status::NotReady
        && matches!(
            entry.before.cause,
            Cause::LivenessFailed(_) | Cause::Starved
        )
}

/// A thousand stories, the same each time.
pub(crate) fn samples<T>(scripts: impl Strategy<Value = T>) -> impl Iterator<Item = T> {
    let mut runner = TestRunner::deterministic();
    (0..SCRIPTS).map(move |_| {
        let tree = scripts.new_tree(&mut runner).expect("nothing is refused");
        tree.current()
    })
}

/// In how many of a thousand stories each thing is seen.
fn coverage(scripts: impl Strategy<Value = Script>) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for tree in samples(scripts) {
        for thing in seen(&tree) {
            *counts.entry(thing).or_insert(0) += 1;
        }
    }
    for (thing, count) in &counts {
        println!("{count:5} {thing}");
    }
    counts
}

/// At least so many of a thousand stories must reach it: about two thirds of what was measured.
const EXPECTED: [(&str, u32); 43] = [
    ("Running after several proofs", 200),
    ("Running again", 200),
    ("Running with handlers", 200),
    ("a handler held it up", 10),
    ("action DiscardClient", 220),
    ("action DiscardRegistration", 90),
    ("action RegisterHandler", 350),
    ("action Renew", 400),
    ("action SendLiveness", 650),
    ("action SetStatus", SCRIPTS),
    ("action Start", SCRIPTS),
    ("action Stop", 90),
    ("answer Either", 100),
    ("answer Fresh", 650),
    ("answer Stale", 600),
    ("asking again while Running, nothing proved", 170),
    ("asking because of a suspicion", 100),
    ("asking while Running", 450),
    ("cause ForcedStop", 50),
    ("cause ClientLost", 110),
    ("cause Configured", SCRIPTS),
    ("cause Evidence", 450),
    ("cause HandlerFailed", 40),
    ("cause LivenessFailed", 450),
    ("cause ShutDown", 25),
    ("cause ShuttingDown", 90),
    ("cause StartFailed", 150),
    ("cause Starting", SCRIPTS),
    ("cause Starved", 50),
    ("clock goes back", 450),
    ("clock jumps days", 60),
    ("not drained", 500),
    ("shutdown", 90),
    ("status Failed", 35),
    ("status NotReady", 550),
    ("status Prepared", SCRIPTS),
    ("status Preparing", SCRIPTS),
    ("status Running", 450),
    ("status Stopped", 80),
    ("stopping at once", 60),
    ("suspicion while Running", 230),
    ("warned Rejected", 40),
    ("warned Partial", 35),
];

fn enough(counts: &BTreeMap<String, u32>) {
    for (thing, least) in EXPECTED {
        let count = counts.get(thing).copied().unwrap_or(0);
        assert!(count >= least, "{thing}: only {count} of {SCRIPTS} scripts");
    }
}

#[test]
fn any_stories_reach_the_deep_states() {
    enough(&coverage(any_script()));
}

#[test]
fn human_stories_reach_the_deep_states() {
    enough(&coverage(realistic_script()));
}
