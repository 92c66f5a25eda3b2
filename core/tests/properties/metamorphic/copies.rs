//! Two copies of a supervisor: with the same inputs they are equal, with different inputs they are independent.

use livebus_core::Supervisor;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::config_for;
use crate::replay::{deliver, poll_all, replay};
use crate::script::{Script, any_script};
use crate::settings::with_handlers;
use crate::simulation::{ORIGIN, Simulation};

/// Rule 9. With the same settings, seed and inputs, two runs are equal byte by byte.
///
/// Exactly: the supervisors are equal, and so are the words of their snapshots, their `Debug` output, and that of the whole
/// log, which has every action, report and deadline.
fn two_runs_are_equal(script: &Script) -> Result<(), TestCaseError> {
    let (one, other) = (Simulation::run(script), Simulation::run(script));
    prop_assert_eq!(&one.supervisor, &other.supervisor);
    let words = |sim: &Simulation| sim.supervisor.snapshot(*ORIGIN);
    prop_assert_eq!(words(&one), words(&other));
    let formatted = |sim: &Simulation| format!("{:?} {:?}", sim.supervisor, sim.log);
    prop_assert_eq!(formatted(&one), formatted(&other));
    Ok(())
}

/// Rule 9. Whether and when actions are polled does not change them: polled at the end they are those of the log, in its
/// order, and the supervisor is equal to the one that was polled as the script says.
fn polling_has_no_effect(script: &Script) -> Result<(), TestCaseError> {
    let sim = Simulation::run(script);
    let mut unpolled = replay(&script.config, &sim.log, |entry| entry.called_at);
    let all: Vec<_> = sim
        .log
        .iter()
        .flat_map(|entry| entry.actions.iter().copied())
        .collect();
    prop_assert_eq!(poll_all(&mut unpolled), all);
    prop_assert_eq!(&unpolled, &sim.supervisor);
    Ok(())
}

/// A clone that gets the same inputs after its original, call by call, is equal after every call.
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

/// A clone with other inputs and its original do not affect each other.
///
/// Exactly: called in turns, each is equal in the end to a supervisor that ran its script alone. The polled actions and
/// deadlines are those of the logs.
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
    poll_all(&mut original);
    for entry in &alone[0].log[1..common] {
        deliver(&mut original, entry.called_at, entry.input);
        poll_all(&mut original);
    }
    let mut both = [original.clone(), original];
    for n in common..alone[0].log.len().max(alone[1].log.len()) {
        for (supervisor, alone) in both.iter_mut().zip(&alone) {
            if let Some(entry) = alone.log.get(n) {
                deliver(supervisor, entry.called_at, entry.input);
                prop_assert_eq!(&poll_all(supervisor), &entry.actions);
                prop_assert_eq!(supervisor.poll_timeout(), entry.due);
            }
        }
    }
    for (supervisor, alone) in both.iter().zip(&alone) {
        prop_assert_eq!(supervisor, &alone.supervisor);
    }
    Ok(())
}

/// Without jitter the seed has no effect: the actions and deadlines are the same with any other.
fn seed_has_no_effect_without_jitter(script: &Script, seed: u64) -> Result<(), TestCaseError> {
    let with = |seed| {
        let mut settings = script.config.settings().clone();
        settings.seed = Some(seed);
        settings.start_backoff.jitter_percent = 0;
        settings.registration_backoff.jitter_percent = 0;
        let config = with_handlers(settings, script.config.handlers().to_vec());
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
    fn rule_9_equal_inputs_give_byte_equal_results(script in any_script()) {
        two_runs_are_equal(&script)?;
    }

    #[test]
    fn rule_9_polling_does_not_change_the_actions(script in any_script()) {
        polling_has_no_effect(&script)?;
    }

    #[test]
    fn rule_9_clone_with_the_same_inputs_stays_equal(script in any_script(), position in any::<Index>()) {
        clones_with_equal_inputs_stay_equal(&script, position)?;
    }

    #[test]
    fn clone_and_original_are_independent(
        script in any_script(),
        position in any::<Index>(),
        other in any_script(),
    ) {
        clones_are_independent(&script, position, &other)?;
    }

    #[test]
    fn rule_9_without_jitter_the_seed_has_no_effect(script in any_script(), seed in any::<u64>()) {
        seed_has_no_effect_without_jitter(&script, seed)?;
    }
}
