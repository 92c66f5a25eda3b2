//! What every runner must do, on each that there is: `cargo test -p livebus-tests --test conformance [-- part of a name]`.
//!
//! The cases are in `src/conformance/cases`. Each is checked on the core, driven by hand, and played to every runner.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use livebus_tests::conformance::{Case, Host, cases, cases::life, crowd, play};

mod document;
mod executor;
mod hosts;
mod wall_clock;

use hosts::{AsyncStd, Tokio};
use livebus_tests::threads::Threads;

/// How many supervisors live at once in one process.
const CROWD: usize = 1_000;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = cases().into_iter().map(by_hand).collect();
    trials.extend(runner("tokio, current thread", Tokio::current_thread));
    trials.extend(runner("tokio, two threads", Tokio::two_threads));
    trials.extend(runner("async-std", || AsyncStd));
    trials.extend(runner("threads", || Threads));
    let singles = [executor::TRIAL, wall_clock::TRIAL];
    trials.extend(singles.into_iter().chain(document::TRIALS).map(single));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn by_hand(case: Case) -> Trial {
    let name = format!("core, by hand: {}", case.sentence);
    Trial::test(name, move || case.check().map_err(Failed::from))
}

/// Every case on one runner, each in a place of its own.
fn runner<H: Host>(name: &str, host: fn() -> H) -> Vec<Trial> {
    let one = |case: Case| {
        Trial::test(format!("{name}: {}", case.sentence), move || {
            play(&host(), &case.world).map_err(Failed::from)
        })
    };
    let mut trials: Vec<Trial> = cases().into_iter().map(one).collect();
    trials.push(Trial::test(
        format!("{name}: a thousand supervisors in one process live the same life"),
        move || crowd(&host(), &life().world, CROWD).map_err(Failed::from),
    ));
    trials
}

/// A sentence that says what is true, and the function that proves it.
pub(crate) type Single = (&'static str, fn() -> Result<(), String>);

fn single((sentence, test): Single) -> Trial {
    Trial::test(sentence, move || test().map_err(Failed::from))
}
