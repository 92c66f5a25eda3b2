//! The memory of the side that is called: every state of small models, simulated owners, and the reference model.
//!
//! With `LIVEBUS_WRITE_VERIFICATION=1` the tests write their tables into `docs/verification.md`, otherwise these must be up to date.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use livebus_verify::callee::claim::{Claim, Coverage};
use livebus_verify::callee::differential::{KINDS, compare};
use livebus_verify::callee::explore::{check, explore, models};
use livebus_verify::callee::simulation::{Summary, simulate};
use livebus_verify::explore::report::thousands;
use livebus_verify::figures::compare_or_write;

#[test]
fn no_claim_is_broken_in_any_state_of_a_small_model() {
    let mut coverage = Coverage::default();
    let mut table = String::from("| model | states | steps |\n|---|---|---|\n");
    let mut wrong = Vec::new();
    for model in models() {
        let name = model.name;
        let explored = explore(&model, 400_000);
        let explored = explored.unwrap_or_else(|max| panic!("{name} has more than {max} states"));
        if let Some((claim, path)) = explored.broken {
            panic!("{name}: {claim}: {path:?}");
        }
        if explored.states != model.states {
            wrong.push(format!(
                "{name}: {} states, not {}",
                explored.states, model.states
            ));
        }
        coverage.merge(explored.coverage);
        let (states, steps) = (thousands(explored.states), thousands(explored.steps));
        writeln!(table, "| {name} | {states} | {steps} |").expect("a String can be written to");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(coverage.missing().is_empty(), "{:?}", coverage.missing());
    compare_or_write("verification.md", "callee models", &table)
        .unwrap_or_else(|error| panic!("{error:#}"));
}

#[test]
fn stateright_finds_the_same_states() {
    for model in models() {
        let theirs = check(&model, 2).unwrap_or_else(|path| panic!("{}: {path}", model.name));
        assert_eq!(theirs, model.states, "{}", model.name);
    }
}

#[test]
fn simulated_owners_break_no_claim_and_leave_nothing() {
    let mut sum = Summary::default();
    for seed in 0..2_000 {
        let summary = simulate(seed).unwrap_or_else(|failed| panic!("{failed}"));
        sum.add(&summary);
    }
    assert!(
        sum.coverage.missing().is_empty(),
        "{:?}",
        sum.coverage.missing()
    );
    assert!(sum.begun > 10_000, "{}", sum.begun);
}

#[test]
fn core_and_reference_model_do_the_same() {
    let mut kinds = BTreeSet::new();
    for seed in 0..2_000 {
        match compare(seed, 200) {
            Ok(seen) => kinds.extend(seen),
            Err(difference) => panic!("{difference}"),
        }
    }
    // Every kind of answer came.
    assert_eq!(kinds.len(), KINDS, "{kinds:?}");
}

#[test]
fn documentation_has_every_claim() {
    let mut table = String::from("| | claim |\n|---|---|\n");
    for claim in Claim::ALL {
        writeln!(table, "| {} | {} |", claim.id(), claim.sentence())
            .expect("a String can be written to");
    }
    compare_or_write("verification.md", "callee claims", &table)
        .unwrap_or_else(|error| panic!("{error:#}"));
}
