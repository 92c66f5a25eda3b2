//! Checks what the scenarios of `Callee` cover: every rule, every kind of input, and every decision; and the errors of invalid files.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use libtest_mimic::Trial;
use livebus_core::calls::Decision;
use livebus_tests::callee_scenarios::{CalleeScenario, INPUT_KINDS};

use crate::dispatch_coverage::{owned, rules_of, same};
use crate::parse_errors::has_error;

const DECISIONS: [&str; 9] = [
    "Cancelled",
    "CommitFirst",
    "Replay",
    "Run",
    "Run, never began",
    "Running",
    "Stale",
    "TooLate",
    "TooLate, never began",
];

/// A script, and how its error message begins.
const INVALID: &[(&str, &str)] = &[
    (
        "a\nrules: 31\nat 10 rain\nuntil 99",
        "x.txt:3: unknown input \"rain\": write \"fetched 5 in 1 call 3 for 1000\"",
    ),
    (
        "a\nuntil 99",
        "x.txt:2: it names no rule: add the rules of docs/calls-rules.md that it shows: \"rules: 31, 32\"",
    ),
    (
        "a\nrules: 31\nsettings: odd\nuntil 9",
        "x.txt:3: unknown settings \"odd\": write plain or defaults",
    ),
    (
        "a\nrules: 31\nsetting speed: 9\nuntil 9",
        "x.txt:3: unknown setting \"speed\": write the name of a field of calls::CalleeSettings",
    ),
    (
        "a\nrules: 31\nat 0 fetched 5 in 1 call 3 for 10 key 7 aged 9\nuntil 9",
        "x.txt:3: unknown input \"fetched 5 in 1 call 3 for 10 key 7 aged 9\": ",
    ),
];

pub(crate) fn trials(scenarios: &[CalleeScenario]) -> Vec<Trial> {
    let named = scenarios
        .iter()
        .flat_map(|it| it.rules.iter().map(ToString::to_string));
    let named: BTreeSet<String> = named.collect();
    let inputs = scenarios.iter().flat_map(CalleeScenario::inputs);
    let inputs: BTreeSet<String> = inputs.map(|kind| (*kind).to_owned()).collect();
    let decisions = scenarios.iter().flat_map(CalleeScenario::decisions);
    let decisions: BTreeSet<String> = decisions.map(|it| name(*it).to_owned()).collect();
    vec![
        Trial::test(
            "every rule of the callee is named by a scenario",
            move || {
                let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/calls-rules.md");
                let text = fs::read_to_string(page)?;
                let callee = text.split("\n## The callee\n").nth(1).unwrap_or_default();
                same("rule", &rules_of(callee), &named)
            },
        ),
        Trial::test("every kind of input of the callee occurs", move || {
            same("input", &owned(INPUT_KINDS), &inputs)
        }),
        Trial::test("every decision of the callee occurs", move || {
            same("decision", &owned(&DECISIONS), &decisions)
        }),
        Trial::test("an invalid file of the callee is refused", || {
            for (script, message) in INVALID {
                let parsed = CalleeScenario::parse(Path::new("x.txt"), script);
                has_error(script, parsed.map(|_| ()), message)?;
            }
            Ok(())
        }),
    ]
}

const fn name(decision: Decision) -> &'static str {
    match decision {
        Decision::Run { never_began, .. } => {
            if never_began {
                "Run, never began"
            } else {
                "Run"
            }
        }
        Decision::CommitFirst => "CommitFirst",
        Decision::TooLate { never_began, .. } => {
            if never_began {
                "TooLate, never began"
            } else {
                "TooLate"
            }
        }
        Decision::Cancelled => "Cancelled",
        Decision::Running => "Running",
        Decision::Replay(_) => "Replay",
        Decision::Stale => "Stale",
    }
}
