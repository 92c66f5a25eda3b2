//! Plays an environment to a runner and compares the trace with that of the core.

use super::environment::Environment;
use super::harness::{Executor, Harness};
use super::reference_driver::drive;
use super::step::Step;
use super::trace::{StepTrace, first_difference};

/// The number of supervisions in an environment where a loop finds several inputs when it wakes. The loop may read them in a
/// random order; a loop that is right in one order only would pass a single run too often.
const REPETITIONS: usize = 8;

/// Plays one environment to a runner and compares its trace with that of the reference driver.
///
/// # Errors
///
/// Returns the first difference, or what the runner failed to do.
pub fn play<E: Executor>(executor: &E, environment: &Environment) -> Result<(), String> {
    let many = if environment.has_simultaneous_inputs() {
        REPETITIONS
    } else {
        1
    };
    play_many(executor, environment, many)
}

/// Plays one environment to `many` supervisions of a runner at the same time, step by step.
///
/// # Errors
///
/// As [`play`], for the first supervision that differs.
pub fn play_many<E: Executor>(
    executor: &E,
    environment: &Environment,
    many: usize,
) -> Result<(), String> {
    let steps = drive(environment).map_err(|invalid| invalid.to_string())?;
    let mut harnesses: Vec<_> = (0..many)
        .map(|_| Harness::new(executor, environment))
        .collect();
    for step in &steps {
        for harness in &mut harnesses {
            harness
                .deliver(step)
                .map_err(|failure| explain(&steps, harness.traces(), &failure))?;
        }
        for harness in &mut harnesses {
            harness
                .await_step(step)
                .map_err(|failure| explain(&steps, harness.traces(), &failure))?;
        }
    }
    let expected = traces(&steps);
    for harness in harnesses {
        let trace = harness.finish()?;
        if let Some(difference) = first_difference(&expected, &trace) {
            return Err(difference);
        }
    }
    Ok(())
}

fn traces(steps: &[Step]) -> Vec<StepTrace> {
    steps.iter().map(|step| step.trace.clone()).collect()
}

fn explain(steps: &[Step], played: &[StepTrace], failure: &str) -> String {
    let expected = traces(&steps[..played.len()]);
    match first_difference(&expected, played) {
        Some(difference) => format!("{failure}\n{difference}"),
        None => failure.to_owned(),
    }
}
