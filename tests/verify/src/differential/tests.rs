use super::{Case, Coverage, Options, compare, run};

const CASES: u64 = 10_000;

fn options() -> Options {
    Options {
        seed: 2_026,
        cases: CASES,
        case: None,
        steps: 200,
        forever: false,
        threads: None,
        coverage: false,
        write: false,
    }
}

#[test]
fn core_and_model_agree_on_scripts_that_reach_everything() {
    let options = options();
    let outcome = compare(&options, 0..CASES);
    if let Some(number) = outcome.difference {
        panic!("{}", super::format_difference(&options, number));
    }
    assert_eq!(outcome.cases, CASES);
    assert_eq!(outcome.coverage.steps, CASES * 200);

    let too_rare: Vec<_> = outcome
        .coverage
        .by_name()
        .into_iter()
        .filter(|(name, times)| *times < at_least(name))
        .collect();
    assert!(too_rare.is_empty(), "reached too rarely: {too_rare:#?}");
}

/// Returns how often something must be reached to count as compared.
fn at_least(name: &str) -> u64 {
    if name.starts_with("row") {
        1
    } else if name.starts_with("action") {
        1_000
    } else {
        20
    }
}

#[test]
fn case_depends_only_on_its_seed_and_number() {
    let text = |seed, number| format!("{:?}", Case::draw(seed, number, 50));
    assert_eq!(text(1, 7), text(1, 7));
    assert_ne!(text(1, 7), text(2, 7));
    assert_ne!(text(1, 7), text(1, 8));
}

#[test]
fn case_run_twice_has_the_same_result_and_coverage() {
    let case = Case::draw(2_026, 5, 200);
    let once = |case| {
        let mut coverage = Coverage::default();
        let difference = run::first_difference(case, &mut coverage);
        (difference, coverage.by_name())
    };
    assert_eq!(once(&case), once(&case));
}
