//! What every runner must do, on each that there is: `cargo test -p livebus-tests --test conformance [-- part of a name]`.
//!
//! Its scenarios are in `tests/scenarios`. `--test scenarios` plays them to the core and checks what is seen; here each is
//! played to every runner, but for those that are for the core only.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use livebus_tests::conformance::{
    Host, ParseError, Scenario, lifecycle, play, play_many, scenarios,
};

mod document;
mod executor;
mod hosts;
mod wall_clock;

use hosts::{AsyncStd, Tokio};
use livebus_tests::threads::Threads;

/// How many supervisors live at once in one process.
const SUPERVISORS: usize = 1_000;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = match runners() {
        Ok(trials) => trials,
        Err(mistake) => {
            eprintln!("{mistake}");
            return ExitCode::FAILURE;
        }
    };
    let singles = [executor::TRIAL, wall_clock::TRIAL];
    trials.extend(singles.into_iter().chain(document::TRIALS).map(single));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn runners() -> Result<Vec<Trial>, ParseError> {
    let mut scenarios = scenarios()?;
    scenarios.retain(|scenario| scenario.core_only.is_none());
    let life = lifecycle()?;
    let mut trials = runner(
        "tokio, current thread",
        Tokio::current_thread,
        &scenarios,
        &life,
    );
    trials.extend(runner(
        "tokio, two threads",
        Tokio::two_threads,
        &scenarios,
        &life,
    ));
    trials.extend(runner("async-std", || AsyncStd, &scenarios, &life));
    trials.extend(runner("threads", || Threads, &scenarios, &life));
    Ok(trials)
}

/// Every scenario on one runner, each in a place of its own.
fn runner<H: Host>(name: &str, host: fn() -> H, all: &[Scenario], life: &Scenario) -> Vec<Trial> {
    let one = |scenario: &Scenario| {
        let (name, environment) = (
            format!("{name}: {}", scenario.sentence),
            scenario.environment.clone(),
        );
        Trial::test(name, move || {
            play(&host(), &environment).map_err(Failed::from)
        })
    };
    let mut trials: Vec<Trial> = all.iter().map(one).collect();
    let life = life.environment.clone();
    trials.push(Trial::test(
        format!("{name}: a thousand supervisors in one process live the same life"),
        move || play_many(&host(), &life, SUPERVISORS).map_err(Failed::from),
    ));
    trials
}

/// A sentence that says what is true, and the function that proves it.
pub(crate) type Single = (&'static str, fn() -> Result<(), String>);

fn single((sentence, test): Single) -> Trial {
    Trial::test(sentence, move || test().map_err(Failed::from))
}
