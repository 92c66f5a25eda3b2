//! The dispatcher: every state of small models, and simulated groups.
//!
//! With `LIVEBUS_WRITE_VERIFICATION=1` the tests write their tables into `docs/verification.md`, otherwise these must be up to date.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::thread;

use livebus_verify::dispatch::claim::{Claim, Coverage};
use livebus_verify::dispatch::differential::compare;
use livebus_verify::dispatch::explore::{Explored, check, explore, models};
use livebus_verify::dispatch::simulation::{Summary, simulate};
use livebus_verify::explore::report::thousands;
use livebus_verify::figures::compare_or_write;

fn explored() -> Vec<(&'static str, usize, Explored)> {
    let all = models();
    thread::scope(|scope| {
        let threads: Vec<_> = all
            .iter()
            .map(|model| {
                let max = model.states + 1;
                scope.spawn(move || (model.name, model.states, explore(model, max)))
            })
            .collect();
        let all = threads.into_iter();
        all.map(|thread| {
            let (name, states, explored) = thread.join().expect("no search panics");
            let explored =
                explored.unwrap_or_else(|max| panic!("{name} has more than {max} states"));
            (name, states, explored)
        })
        .collect()
    })
}

#[test]
fn no_claim_is_broken_in_any_state_of_a_small_model() {
    let mut coverage = Coverage::default();
    let mut table = String::from("| model | states | steps |\n|---|---|---|\n");
    for (name, states, explored) in explored() {
        if let Some((claim, path)) = explored.broken {
            panic!("{name}: {claim}: {path:?}");
        }
        assert_eq!(explored.states, states, "the states of {name}");
        coverage.merge(explored.coverage);
        let (states, steps) = (thousands(explored.states), thousands(explored.steps));
        writeln!(table, "| {name} | {states} | {steps} |").expect("a String can be written to");
    }
    assert!(coverage.missing().is_empty(), "{:?}", coverage.missing());
    compare_or_write("verification.md", "dispatcher models", &table)
        .unwrap_or_else(|error| panic!("{error:#}"));
}

#[test]
fn stateright_finds_the_same_states() {
    // The smaller ones: the command `dispatch explore` compares all.
    for model in models().iter().filter(|model| model.states < 30_000) {
        let theirs = check(model, 2).unwrap_or_else(|path| panic!("{}: {path}", model.name));
        assert_eq!(theirs, model.states, "{}", model.name);
    }
}

#[test]
fn simulated_groups_lose_nothing_and_their_duplicates_are_bounded() {
    let mut sum = Summary::default();
    for seed in 0..300 {
        let summary = simulate(seed).unwrap_or_else(|failure| panic!("{failure}"));
        sum.add(&summary);
    }
    let missing = sum.coverage.missing_of_random_groups();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(sum.records > 100_000, "{}", sum.records);
    assert!(
        sum.again > 1_000 && sum.again <= sum.may_be_again,
        "{sum:?}"
    );
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
    // Every kind of action came.
    assert_eq!(kinds.len(), 10, "{kinds:?}");
}

#[test]
fn documentation_has_every_claim() {
    let mut table = String::from("| | claim |\n|---|---|\n");
    for claim in Claim::ALL {
        writeln!(table, "| {} | {} |", claim.id(), claim.sentence())
            .expect("a String can be written to");
    }
    compare_or_write("verification.md", "dispatcher claims", &table)
        .unwrap_or_else(|error| panic!("{error:#}"));
}
