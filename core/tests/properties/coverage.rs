//! Checks the generators: a property over scripts that reach nothing proves nothing.

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

/// Returns what a script reaches of what it should, as far as the log shows it.
fn reached(script: &Script) -> Vec<String> {
    let sim = Simulation::run(script);
    let settings = script.config.settings();
    let mut records = OperationRecords::default();
    let mut seen = Vec::new();
    let mut sent_while_running = false;
    for entry in &sim.log {
        if let Some(prediction) = records.prediction(entry) {
            seen.push(format!("answer {prediction:?}"));
        }
        let Ok(()) = records.add(&script.config, entry, |_, _| Ok::<(), ()>(())) else {
            unreachable!("the closure returns no error")
        };
        seen.extend(
            entry
                .actions
                .iter()
                .map(|a| format!("action {}", action_name(a))),
        );
        let report = &entry.report;
        for reported in entry.reports() {
            seen.push(format!("status {}", reported.status));
            seen.push(format!("cause {}", reported.cause.name()));
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
            seen.push("liveness message while Running".to_owned());
            if sent_while_running {
                seen.push("another one while Running, without proof between".to_owned());
            }
            let short = |a: &Action| {
                matches!(a, Action::SendLiveness { deadline, .. }
                if *deadline - entry.clock == settings.suspicion_timeout && settings.suspicion_timeout < settings.liveness_timeout)
            };
            if entry.actions.iter().any(short) {
                seen.push("liveness message because of a suspicion".to_owned());
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
        if !script.config.handlers().is_empty() && report.status == Status::Running {
            seen.push("Running with handlers".to_owned());
        }
        if report.status == Status::Running && entry.before.cause.name() == "HandlerFailed" {
            seen.push("Running delayed by a handler".to_owned());
        }
        let open = records
            .operations
            .last()
            .is_some_and(|op| op.kind == Kind::Stop && !op.answered);
        if entry.event() == Some(Event::Shutdown) && open {
            seen.push("stop without a drain".to_owned());
        }
    }
    let steps = |clock: fn(&Clock) -> bool| script.steps.iter().any(|step| clock(&step.clock));
    if steps(|clock| matches!(clock, Clock::Back(1..))) {
        seen.push("clock goes back".to_owned());
    }
    if steps(|clock| matches!(clock, Clock::Jump(1..))) {
        seen.push("clock jumps days".to_owned());
    }
    if script.steps.iter().any(|step| !step.polls) {
        seen.push("actions left queued".to_owned());
    }
    if script
        .steps
        .iter()
        .any(|step| matches!(step.input, StepInput::Shutdown))
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

/// Returns a thousand values, the same in each run.
pub(crate) fn samples<T>(scripts: impl Strategy<Value = T>) -> impl Iterator<Item = T> {
    let mut runner = TestRunner::deterministic();
    (0..SCRIPTS).map(move |_| {
        let tree = scripts
            .new_tree(&mut runner)
            .expect("the strategy rejects nothing");
        tree.current()
    })
}

/// Counts in how many of a thousand scripts each thing is reached.
fn coverage(scripts: impl Strategy<Value = Script>) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for script in samples(scripts) {
        for thing in reached(&script) {
            *counts.entry(thing).or_insert(0) += 1;
        }
    }
    for (thing, count) in &counts {
        println!("{count:5} {thing}");
    }
    counts
}

/// How many of a thousand scripts must reach each thing: about two thirds of the measured number.
const EXPECTED: [(&str, u32); 43] = [
    ("Running after several proofs", 200),
    ("Running again", 200),
    ("Running with handlers", 200),
    ("Running delayed by a handler", 10),
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
    ("another one while Running, without proof between", 170),
    ("liveness message because of a suspicion", 100),
    ("liveness message while Running", 450),
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
    ("actions left queued", 500),
    ("shutdown", 90),
    ("status Failed", 35),
    ("status NotReady", 550),
    ("status Prepared", SCRIPTS),
    ("status Preparing", SCRIPTS),
    ("status Running", 450),
    ("status Stopped", 80),
    ("stop without a drain", 60),
    ("suspicion while Running", 230),
    ("warned Rejected", 40),
    ("warned Partial", 35),
];

fn assert_enough(counts: &BTreeMap<String, u32>) {
    for (thing, minimum) in EXPECTED {
        let count = counts.get(thing).copied().unwrap_or(0);
        assert!(
            count >= minimum,
            "{thing}: only {count} of {SCRIPTS} scripts"
        );
    }
}

#[test]
fn arbitrary_scripts_reach_every_expected_state_often_enough() {
    assert_enough(&coverage(any_script()));
}

#[test]
fn realistic_scripts_reach_every_expected_state_often_enough() {
    assert_enough(&coverage(realistic_script()));
}
