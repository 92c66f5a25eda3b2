//! One world played to a runner, and its trace compared with that of the core.

use super::environment::Environment;
use super::harness::{Harness, Host};
use super::reference_driver::drive;
use super::step::Step;
use super::trace::{StepTrace, first_difference};

/// How many live in a world where a loop finds several things when it wakes. It may look at them in a random order, so one
/// that is right in one order only would else be found right too often.
const TIMES: usize = 8;

/// Plays one world to a runner and compares its trace with that of the core, driven by hand.
///
/// # Errors
///
/// Where the two part, or what the runner owed and did not do.
pub fn play<H: Host>(host: &H, environment: &Environment) -> Result<(), String> {
    let many = if environment.comes_at_once() {
        TIMES
    } else {
        1
    };
    play_many(host, environment, many)
}

/// Plays one world to `many` supervisions of a runner at a time, step by step.
///
/// # Errors
///
/// As [`play`], for the first of them that is not as it should be.
pub fn play_many<H: Host>(host: &H, environment: &Environment, many: usize) -> Result<(), String> {
    let steps = drive(environment).map_err(|invalid| invalid.to_string())?;
    let mut harnesses: Vec<_> = (0..many).map(|_| Harness::new(host, environment)).collect();
    for step in &steps {
        for harness in &mut harnesses {
            harness
                .play(step)
                .map_err(|owed| explain(&steps, harness.traces(), &owed))?;
        }
        for harness in &mut harnesses {
            harness
                .settle(step)
                .map_err(|owed| explain(&steps, harness.traces(), &owed))?;
        }
    }
    let expected = traces(&steps);
    for harness in harnesses {
        let trace = harness.leave()?;
        if let Some(difference) = first_difference(&expected, &trace) {
            return Err(difference);
        }
    }
    Ok(())
}

fn traces(steps: &[Step]) -> Vec<StepTrace> {
    steps.iter().map(|step| step.trace.clone()).collect()
}

fn explain(steps: &[Step], played: &[StepTrace], owed: &str) -> String {
    let expected = traces(&steps[..played.len()]);
    match first_difference(&expected, played) {
        Some(difference) => format!("{owed}\n{difference}"),
        None => owed.to_owned(),
    }
}
