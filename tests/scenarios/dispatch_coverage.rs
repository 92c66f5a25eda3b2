//! Checks what the scenarios of the dispatcher cover: every rule, every kind of input, and every action with every value.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use libtest_mimic::{Failed, Trial};
use livebus_core::dispatch::{Action, Health, Pace};
use livebus_tests::dispatch_scenarios::{DispatchScenario, INPUT_KINDS};

/// All actions, with their values that are kinds of their own.
const ACTIONS: [&str; 18] = [
    "Run",
    "Cancel",
    "Commit",
    "WriteDeadLetter",
    "Forget",
    "SetPace Full",
    "SetPace Slow",
    "SetPace Paused",
    "Seek",
    "Release",
    "Release with duplicates",
    "SetHealth Working",
    "SetHealth Stopped",
    "SetHealth RecordsRemoved",
    "SetHealth DeadLetterFailed",
    "SetHealth Stalled",
    "Stopped",
    "Stopped with duplicates",
];

pub(crate) fn trials(scenarios: &[DispatchScenario]) -> Vec<Trial> {
    let named = scenarios
        .iter()
        .flat_map(|it| it.rules.iter().map(ToString::to_string));
    let named: BTreeSet<String> = named.collect();
    let inputs = scenarios.iter().flat_map(DispatchScenario::inputs);
    let inputs: BTreeSet<String> = inputs.map(|&kind| kind.to_owned()).collect();
    let actions = scenarios.iter().flat_map(DispatchScenario::actions);
    let actions: BTreeSet<String> = actions.map(|it| name(it).to_owned()).collect();
    vec![
        Trial::test(
            "every rule of the dispatcher is named by a scenario",
            move || {
                let rules = rules_of(&fs::read_to_string(page())?);
                same("rule", &rules, &named)
            },
        ),
        Trial::test("every kind of input of the dispatcher occurs", move || {
            same("input", &owned(INPUT_KINDS), &inputs)
        }),
        Trial::test("every action of the dispatcher occurs", move || {
            same("action", &owned(&ACTIONS), &actions)
        }),
        Trial::test("the rules of a page are its numbered lines", || {
            let rules = rules_of("# Rules\n\n1. **Now**\n  2 lines\n12. **A record**\n");
            same("rule", &owned(&["1", "12"]), &rules)
        }),
    ]
}

fn page() -> impl AsRef<Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/dispatch-rules.md")
}

/// Returns the numbers at the beginnings of the lines.
pub(crate) fn rules_of(text: &str) -> BTreeSet<String> {
    let numbers = text.lines().filter_map(|line| {
        let (number, _) = line.split_once(". ")?;
        number.parse::<u32>().ok().map(|it| it.to_string())
    });
    numbers.collect()
}

pub(crate) fn owned(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Checks that what occurs is what must occur.
pub(crate) fn same(
    what: &str,
    expected: &BTreeSet<String>,
    occurring: &BTreeSet<String>,
) -> Result<(), Failed> {
    let missing = expected.difference(occurring);
    let unknown = occurring.difference(expected);
    let errors = missing.map(|it| format!("{what} {it}: in no scenario"));
    let errors = errors.chain(unknown.map(|it| format!("{what} {it}: there is none")));
    let errors: Vec<String> = errors.collect();
    if errors.is_empty() && !expected.is_empty() {
        return Ok(());
    }
    Err(errors.join("\n").into())
}

const fn name(action: &Action) -> &'static str {
    match action {
        Action::Run(_) => "Run",
        Action::Cancel { .. } => "Cancel",
        Action::Commit { .. } => "Commit",
        Action::WriteDeadLetter { .. } => "WriteDeadLetter",
        Action::Forget { .. } => "Forget",
        Action::SetPace(Pace::Full) => "SetPace Full",
        Action::SetPace(Pace::Slow) => "SetPace Slow",
        Action::SetPace(Pace::Paused) => "SetPace Paused",
        Action::Seek { .. } => "Seek",
        Action::Release { duplicates: 0, .. } => "Release",
        Action::Release { .. } => "Release with duplicates",
        Action::SetHealth(Health::Working) => "SetHealth Working",
        Action::SetHealth(Health::Stopped { .. }) => "SetHealth Stopped",
        Action::SetHealth(Health::RecordsRemoved { .. }) => "SetHealth RecordsRemoved",
        Action::SetHealth(Health::DeadLetterFailed { .. }) => "SetHealth DeadLetterFailed",
        Action::SetHealth(Health::Stalled { .. }) => "SetHealth Stalled",
        Action::Stopped { duplicates: 0 } => "Stopped",
        Action::Stopped { .. } => "Stopped with duplicates",
    }
}
