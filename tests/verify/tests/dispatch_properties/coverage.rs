//! Checks the generators: a property over scripts that reach nothing proves nothing.

use std::collections::BTreeSet;

use livebus_verify::dispatch::claim::Coverage;
use livebus_verify::dispatch::differential::compare_steps;
use livebus_verify::dispatch::simulation::simulate_steps;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::settings::{any_config, any_topic, steps};

const SCRIPTS: u32 = 1_000;

fn new_value<S: Strategy>(strategy: &S, runner: &mut TestRunner) -> S::Value {
    let tree = strategy.new_tree(runner);
    tree.expect("nothing is filtered out").current()
}

#[test]
fn random_groups_reach_every_situation() {
    let mut runner = TestRunner::deterministic();
    let mut coverage = Coverage::default();
    let cases = (any_topic(), 1_usize..4, 1_u64..=u64::MAX, steps(600));
    for _ in 0..SCRIPTS {
        let (topic, members, rates, numbers) = new_value(&cases, &mut runner);
        let summary = simulate_steps(&topic, members, rates, &numbers)
            .unwrap_or_else(|failure| panic!("{failure}"));
        coverage.merge(summary.coverage);
    }
    let missing = coverage.missing_of_random_groups();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn random_scripts_reach_every_action() {
    let mut runner = TestRunner::deterministic();
    let mut kinds = BTreeSet::new();
    for _ in 0..SCRIPTS {
        let (config, numbers) = new_value(&(any_config(), steps(200)), &mut runner);
        let seen = compare_steps(&config, &numbers).unwrap_or_else(|error| panic!("{error}"));
        kinds.extend(seen);
    }
    assert_eq!(kinds.len(), 10, "{kinds:?}");
}
