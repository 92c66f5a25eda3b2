//! Runs the conformance suite on every runner: `cargo test -p livebus-tests --test conformance [-- part of a name]`.
//!
//! The scenarios are in `tests/scenarios`. `--test scenarios` plays them to the core and checks the results; this plays each to
//! every runner, except those that are for the core only.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use livebus_tests::conformance::{Executor, Scenario, lifecycle, play, play_many, scenarios};

mod blocked_executor;
mod document;
mod executors;
mod handlers;
mod wall_clock;

use executors::{AsyncStd, Tokio};
use livebus_runner::Runtime;
use livebus_tests::handler_conformance;
use livebus_tests::scenario_files::ParseError;
use livebus_tests::threads::Threads;

/// The number of supervisors in one process.
const SUPERVISORS: usize = 1_000;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = match runners() {
        Ok(trials) => trials,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let singles = [blocked_executor::TRIAL, wall_clock::TRIAL, handlers::TRIAL];
    trials.extend(singles.into_iter().chain(document::TRIALS).map(single));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn runners() -> Result<Vec<Trial>, ParseError> {
    let mut scenarios = scenarios()?;
    scenarios.retain(|scenario| scenario.core_only.is_none());
    let lifecycle = lifecycle()?;
    let mut trials = runner(
        "tokio, current thread",
        Tokio::current_thread,
        &scenarios,
        &lifecycle,
    );
    trials.extend(runner(
        "tokio, two threads",
        Tokio::two_threads,
        &scenarios,
        &lifecycle,
    ));
    trials.extend(runner("async-std", || AsyncStd, &scenarios, &lifecycle));
    trials.extend(runner("threads", || Threads, &scenarios, &lifecycle));
    Ok(trials)
}

/// Returns the trials of every scenario on one runner, each on an executor of its own.
fn runner<E: Executor<Runner: Runtime>>(
    name: &str,
    executor: fn() -> E,
    all: &[Scenario],
    lifecycle: &Scenario,
) -> Vec<Trial> {
    let one = |scenario: &Scenario| {
        let (name, environment) = (
            format!("{name}: {}", scenario.sentence),
            scenario.environment.clone(),
        );
        Trial::test(name, move || {
            play(&executor(), &environment).map_err(Failed::from)
        })
    };
    let mut trials: Vec<Trial> = all.iter().map(one).collect();
    trials.push(Trial::test(
        format!("{name}: the recording of a request handler is that of the core"),
        move || {
            handler_conformance::play(&executor(), &handler_conformance::lifecycle())
                .map_err(Failed::from)
        },
    ));
    let lifecycle = lifecycle.environment.clone();
    trials.push(Trial::test(
        format!("{name}: a thousand supervisors in one process have the same trace"),
        move || play_many(&executor(), &lifecycle, SUPERVISORS).map_err(Failed::from),
    ));
    trials
}

/// A sentence that states what must be true, and the function that checks it.
pub(crate) type Single = (&'static str, fn() -> Result<(), String>);

fn single((sentence, test): Single) -> Trial {
    Trial::test(sentence, move || test().map_err(Failed::from))
}
