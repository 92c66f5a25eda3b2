//! The same supervisor twice: told the same they are the same, told something else neither knows of the other.

use livebus_core::{Config, Supervisor};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::config_for;
use crate::replay::{deliver, drained, replay};
use crate::script::{Script, any_script};
use crate::simulation::{ORIGIN, Simulation};

/// Rule 9. The same settings, seed and inputs twice: equal byte by byte.
///
/// Exactly: the supervisors are equal, so are the words of their snapshots, what `Debug` writes of them, and what it writes
/// of the whole log, which has every action, report and deadline.
fn two_runs_are_equal(script: &Script) -> Result<(), TestCaseError> {
    let (one, other) = (Simulation::run(script), Simulation::run(script));
    prop_assert_eq!(&one.supervisor, &other.supervisor);
    let words = |sim: &Simulation| sim.supervisor.snapshot(*ORIGIN);
    prop_assert_eq!(words(&one), words(&other));
    let written = |sim: &Simulation| format!("{:?} {:?}", sim.supervisor, sim.log);
    prop_assert_eq!(written(&one), written(&other));
    Ok(())
}

/// Rule 9. Whether actions are polled, and when, makes no difference to them: polled in the end they are those of the log,
/// in its order, and the supervisor is equal to the one that was polled as the script says.
fn polling_decides_nothing(script: &Script) -> Result<(), TestCaseError> {
    let sim = Simulation::run(script);
    let mut undrained = replay(&script.config, &sim.log, |entry| entry.called_at);
    let all: Vec<_> = sim
        .log
        .iter()
        .flat_map(|entry| entry.actions.iter().copied())
        .collect();
    prop_assert_eq!(drained(&mut undrained), all);
    prop_assert_eq!(&undrained, &sim.supervisor);
    Ok(())
}

/// A clone that is told the same, call by call after its original, is equal after every call.
fn clones_with_equal_inputs_stay_equal(
    script: &Script,
    position: Index,
) -> Result<(), TestCaseError> {
    let log = Simulation::run(script).log;
    let mut original = Supervisor::new(script.config.clone(), *ORIGIN);
    let mut clone = None;
    let position = position.index(log.len());
    for (n, entry) in log.iter().enumerate().skip(1) {
        let copy = clone
            .take()
            .or_else(|| (n > position).then(|| original.clone()));
        deliver(&mut original, entry.called_at, entry.input);
        if let Some(mut copy) = copy {
            deliver(&mut copy, entry.called_at, entry.input);
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
fn clones_are_independent(
    script: &Script,
    position: Index,
    other: &Script,
) -> Result<(), TestCaseError> {
    let position = position.index(script.steps.len() + 1);
    let (begin, rest) = script.steps.split_at(position);
    let variant = |steps: &[_]| Script {
        config: script.config.clone(),
        steps: [begin, steps].concat(),
    };
    let alone = [variant(rest), variant(&other.steps)].map(|variant| Simulation::run(&variant));
    let common = Simulation::run(&variant(&[])).log.len();

    let mut original = Supervisor::new(script.config.clone(), *ORIGIN);
    drained(&mut original);
    for entry in &alone[0].log[1..common] {
        deliver(&mut original, entry.called_at, entry.input);
        drained(&mut original);
    }
    let mut both = [original.clone(), original];
    for n in common..alone[0].log.len().max(alone[1].log.len()) {
        for (supervisor, alone) in both.iter_mut().zip(&alone) {
            if let Some(entry) = alone.log.get(n) {
                deliver(supervisor, entry.called_at, entry.input);
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
        Simulation::run(&Script { config, steps })
    };
    for (one, other) in with(0).log.iter().zip(&with(seed).log) {
        prop_assert_eq!(&one.actions, &other.actions);
        prop_assert_eq!(one.due, other.due);
    }
    Ok(())
}

proptest! {
    #![proptest_config(config_for!("metamorphic", 2_000))]

    #[test]
    fn rule_9_the_same_twice_is_equal_byte_by_byte(script in any_script()) {
        two_runs_are_equal(&script)?;
    }

    #[test]
    fn rule_9_polled_or_not_the_actions_are_the_same(script in any_script()) {
        polling_decides_nothing(&script)?;
    }

    #[test]
    fn rule_9_a_clone_that_is_told_the_same_stays_equal(script in any_script(), position in any::<Index>()) {
        clones_with_equal_inputs_stay_equal(&script, position)?;
    }

    #[test]
    fn a_clone_and_its_original_go_separate_ways(
        script in any_script(),
        position in any::<Index>(),
        other in any_script(),
    ) {
        clones_are_independent(&script, position, &other)?;
    }

    #[test]
    fn rule_9_without_jitter_the_seed_makes_no_difference(script in any_script(), seed in any::<u64>()) {
        without_jitter_the_seed_is_nothing(&script, seed)?;
    }
}
