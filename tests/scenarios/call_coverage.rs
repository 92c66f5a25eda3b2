//! Checks what the scenarios of `Calls` cover: every rule, every kind of input, and every action with every value.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use libtest_mimic::Trial;
use livebus_core::calls::{Action, Health, NotSent, Outcome, Unknown};
use livebus_tests::call_scenarios::{CallScenario, INPUT_KINDS};

use crate::dispatch_coverage::{owned, rules_of, same};

/// All actions, with their values that are kinds of their own.
const ACTIONS: [&str; 20] = [
    "AssignReplies",
    "End Cancelled",
    "End Expired",
    "End NotSent Bus",
    "End NotSent Deadline",
    "End NotSent Overloaded",
    "End NotSent Replies",
    "End NotSent Send",
    "End NotSent ShuttingDown",
    "End NotSent TooLarge",
    "End Refused",
    "End Replied",
    "End SentUnknown Refused",
    "End SentUnknown Send",
    "End ShuttingDown",
    "Send",
    "SendCancel",
    "SetHealth RepliesFailed",
    "SetHealth Working",
    "Stopped",
];

pub(crate) fn trials(scenarios: &[CallScenario]) -> Vec<Trial> {
    let named = scenarios
        .iter()
        .flat_map(|it| it.rules.iter().map(ToString::to_string));
    let named: BTreeSet<String> = named.collect();
    let inputs = scenarios.iter().flat_map(CallScenario::inputs);
    let inputs: BTreeSet<String> = inputs.cloned().collect();
    let inputs = inputs.into_iter().filter(|kind| {
        // Not every kind needs a stale one.
        !kind.starts_with("stale ") || INPUT_KINDS.contains(&kind.as_str())
    });
    let inputs: BTreeSet<String> = inputs.collect();
    let actions = scenarios.iter().flat_map(CallScenario::actions);
    let actions: BTreeSet<String> = actions.map(|it| name(it).to_owned()).collect();
    vec![
        Trial::test("every rule of calls is named by a scenario", move || {
            let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/calls-rules.md");
            let text = fs::read_to_string(page)?;
            // The callee has scenarios of its own.
            let caller = text.split("\n## The callee\n").next().unwrap_or_default();
            same("rule", &rules_of(caller), &named)
        }),
        Trial::test("every kind of input of calls occurs", move || {
            same("input", &owned(INPUT_KINDS), &inputs)
        }),
        Trial::test("every action of calls occurs", move || {
            same("action", &owned(&ACTIONS), &actions)
        }),
    ]
}

const fn name(action: &Action) -> &'static str {
    match action {
        Action::AssignReplies { .. } => "AssignReplies",
        Action::Send { .. } => "Send",
        Action::SendCancel { .. } => "SendCancel",
        Action::End { outcome, .. } => match outcome {
            Outcome::Replied => "End Replied",
            Outcome::Refused(_) => "End Refused",
            Outcome::NotSent(NotSent::Bus(_)) => "End NotSent Bus",
            Outcome::NotSent(NotSent::Replies(_)) => "End NotSent Replies",
            Outcome::NotSent(NotSent::Send(_)) => "End NotSent Send",
            Outcome::NotSent(NotSent::Deadline) => "End NotSent Deadline",
            Outcome::NotSent(NotSent::TooLarge) => "End NotSent TooLarge",
            Outcome::NotSent(NotSent::Overloaded { .. }) => "End NotSent Overloaded",
            Outcome::NotSent(NotSent::ShuttingDown) => "End NotSent ShuttingDown",
            Outcome::SentUnknown(Unknown::Send(_)) => "End SentUnknown Send",
            Outcome::SentUnknown(Unknown::Refused(_)) => "End SentUnknown Refused",
            Outcome::Expired => "End Expired",
            Outcome::Cancelled => "End Cancelled",
            Outcome::ShuttingDown => "End ShuttingDown",
        },
        Action::SetHealth(Health::Starting) => "SetHealth Starting",
        Action::SetHealth(Health::Working) => "SetHealth Working",
        Action::SetHealth(Health::RepliesFailed(_)) => "SetHealth RepliesFailed",
        Action::Stopped => "Stopped",
    }
}
