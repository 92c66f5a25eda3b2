//! The same supervisor twice: told the same they are the same, told something else neither knows of the other.

use livebus_core::{Config, Supervisor};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::kept_in;
use crate::retelling::{drained, retell, tell};
use crate::script::{Script, any_script};
use crate::world::{ORIGIN, World};

/// Rule 9. The same settings, seed and inputs twice: equal byte by byte.
///
/// Exactly: the supervisors are equal, so are the words of their snapshots, what `Debug` writes of them, and what it writes
/// of the whole log, which has every action, report and deadline.
fn told_twice_is_the_same(script: &Script) -> Result<(), TestCaseError> {
    let (one, other) = (World::run(script), World::run(script));
    prop_assert_eq!(&one.supervisor, &other.supervisor);
    let words = |world: &World| world.supervisor.snapshot(*ORIGIN);
    prop_assert_eq!(words(&one), words(&other));
    let written = |world: &World| format!("{:?} {:?}", world.supervisor, world.log);
    prop_assert_eq!(written(&one), written(&other));
    Ok(())
}

/// Rule 9. Whether actions are polled, and when, makes no difference to them: polled in the end they are those of the log,
/// in its order, and the supervisor is equal to the one that was polled as the script says.
fn polling_decides_nothing(script: &Script) -> Result<(), TestCaseError> {
    let world = World::run(script);
    let mut undrained = retell(&script.config, &world.log, |entry| entry.told);
    let all: Vec<_> = world
        .log
        .iter()
        .flat_map(|entry| entry.actions.iter().copied())
        .collect();
    prop_assert_eq!(drained(&mut undrained), all);
    prop_assert_eq!(&undrained, &world.supervisor);
    Ok(())
}

/// A clone that is told the same, call by call after its original, is equal after every call.
fn clones_that_are_told_the_same_stay_equal(
    script: &Script,
    moment: Index,
) -> Result<(), TestCaseError> {
    let log = World::run(script).log;
    let mut original = Supervisor::new(script.config.clone(), *ORIGIN);
    let mut clone = None;
    let moment = moment.index(log.len());
    for (n, entry) in log.iter().enumerate().skip(1) {
        let copy = clone
            .take()
            .or_else(|| (n > moment).then(|| original.clone()));
        tell(&mut original, entry.told, entry.input);
        if let Some(mut copy) = copy {
            tell(&mut copy, entry.told, entry.input);
            prop_assert_eq!(&copy, &original);
            clone = Some(copy);
        }
    }
    Ok(())
}

/// A clone that is told another story, and its original, know nothing of each other.
///
/// Exactly: told in turns, call by call, each is equal in the end to one that was told its story without the other being
/// there. The polled actions and deadlines are those of the logs.
fn clones_that_go_separate_ways_do(
    script: &Script,
    moment: Index,
    other: &Script,
) -> Result<(), TestCaseError> {
    let moment = moment.index(script.steps.len() + 1);
    let (begin, rest) = script.steps.split_at(moment);
    let story = |steps: &[_]| Script {
        config: script.config.clone(),
        steps: [begin, steps].concat(),
    };
    let alone = [story(rest), story(&other.steps)].map(|story| World::run(&story));
    let common = World::run(&story(&[])).log.len();

    let mut original = Supervisor::new(script.config.clone(), *ORIGIN);
    drained(&mut original);
    for entry in &alone[0].log[1..common] {
        tell(&mut original, entry.told, entry.input);
        drained(&mut original);
    }
    let mut both = [original.clone(), original];
    for n in common..alone[0].log.len().max(alone[1].log.len()) {
        for (supervisor, alone) in both.iter_mut().zip(&alone) {
            if let Some(entry) = alone.log.get(n) {
                tell(supervisor, entry.told, entry.input);
                prop_assert_eq!(&drained(supervisor), &entry.actions);
                prop_assert_eq!(supervisor.poll_timeout(), entry.due);
            }
        }
    }
    for (supervisor, alone) in both.iter().zip(&alone) {
        prop_assert_eq!(supervisor, &alone.supervisor);
    }
    Ok(())
}

/// Without jitter the seed decides nothing: the same actions and the same deadlines with any other.
fn without_jitter_the_seed_is_nothing(script: &Script, seed: u64) -> Result<(), TestCaseError> {
    let with = |seed| {
        let mut settings = script.config.settings().clone();
        settings.seed = Some(seed);
        settings.start_backoff.jitter_percent = 0;
        settings.registration_backoff.jitter_percent = 0;
        let config = Config::new(settings).expect("as valid as before");
        let steps = script.steps.clone();
        World::run(&Script { config, steps })
    };
    for (one, other) in with(0).log.iter().zip(&with(seed).log) {
        prop_assert_eq!(&one.actions, &other.actions);
        prop_assert_eq!(one.due, other.due);
    }
    Ok(())
}

proptest! {
    #![proptest_config(kept_in!("metamorphic", 2_000))]

    #[test]
    fn rule_9_the_same_twice_is_equal_byte_by_byte(script in any_script()) {
        told_twice_is_the_same(&script)?;
    }

    #[test]
    fn rule_9_polled_or_not_the_actions_are_the_same(script in any_script()) {
        polling_decides_nothing(&script)?;
    }

    #[test]
    fn rule_9_a_clone_that_is_told_the_same_stays_equal(script in any_script(), moment in any::<Index>()) {
        clones_that_are_told_the_same_stay_equal(&script, moment)?;
    }

    #[test]
    fn a_clone_and_its_original_go_separate_ways(
        script in any_script(),
        moment in any::<Index>(),
        other in any_script(),
    ) {
        clones_that_go_separate_ways_do(&script, moment, &other)?;
    }

    #[test]
    fn rule_9_without_jitter_the_seed_makes_no_difference(script in any_script(), seed in any::<u64>()) {
        without_jitter_the_seed_is_nothing(&script, seed)?;
    }
}
