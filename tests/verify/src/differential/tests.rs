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
fn the_core_and_the_model_agree_on_all_that_can_be_seen_and_the_stories_reach_everything() {
    let options = options();
    let played = compare(&options, 0..CASES);
    if let Some(number) = played.difference {
        panic!("{}", super::format_difference(&options, number));
    }
    assert_eq!(played.cases, CASES);
    assert_eq!(played.coverage.steps, CASES * 200);

    let too_seldom: Vec<_> = played
        .coverage
        .by_name()
        .into_iter()
        .filter(|(name, times)| *times < at_least(name))
        .collect();
    assert!(too_seldom.is_empty(), "too seldom: {too_seldom:#?}");
}

/// How often something must be reached, so that it counts as compared.
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
fn a_case_is_a_function_of_its_seed_and_its_number() {
    let told = |seed, number| format!("{:?}", Case::draw(seed, number, 50));
    assert_eq!(told(1, 7), told(1, 7));
    assert_ne!(told(1, 7), told(2, 7));
    assert_ne!(told(1, 7), told(1, 8));
}

#[test]
fn a_case_is_played_the_same_by_itself_as_among_others() {
    let case = Case::draw(2_026, 5, 200);
    let once = |case| {
        let mut coverage = Coverage::default();
        let difference = run::first_difference(case, &mut coverage);
        (difference, coverage.by_name())
    };
    assert_eq!(once(&case), once(&case));
}
