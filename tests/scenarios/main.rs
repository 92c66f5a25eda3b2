//! Runs every scenario in this folder on the core: `cargo test -p livebus-tests --test scenarios [-- part of a name]`.
//!
//! A core that behaves otherwise than the expected results fails here. If that is intended,
//! `LIVEBUS_REWRITE_SCENARIOS=1 cargo test -p livebus-tests --test scenarios` writes what it does now, so that the change can
//! be read as a diff. `tests/conformance` plays the same scenarios to every runner.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use livebus_tests::conformance::{REWRITE, Scenario, scenarios};
use livebus_tests::is_enabled;

mod coverage;
mod inputs;
mod names;
mod parse_errors;
mod unreachable;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let scenarios = match scenarios() {
        Ok(scenarios) => scenarios,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let mut trials = coverage::trials(&scenarios);
    trials.extend(names::trials(&scenarios));
    trials.extend(parse_errors::trials());
    trials.extend(scenarios.into_iter().map(trial));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(scenario: Scenario) -> Trial {
    let name = format!("{}: {}", scenario.theme(), scenario.sentence);
    Trial::test(name, move || {
        if is_enabled(REWRITE) {
            return scenario.rewrite().map_err(Failed::from);
        }
        scenario.check().map_err(Failed::from)
    })
}
