//! Runs every scenario in this folder on the core: `cargo test -p livebus-tests --test scenarios [-- part of a name]`.
//!
//! A core that behaves otherwise than the expected results fails here. If that is intended,
//! `LIVEBUS_REWRITE_SCENARIOS=1 cargo test -p livebus-tests --test scenarios` writes what it does now, so that the change can
//! be read as a diff. `tests/conformance` plays the scenarios of the supervisor to every runner. Those of the dispatcher, in `dispatch`,
//! and those of calls, in `calls` and `callee`, are for the core alone.

use std::io;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use livebus_tests::call_scenarios::call_scenarios;
use livebus_tests::callee_scenarios::callee_scenarios;
use livebus_tests::conformance::scenarios;
use livebus_tests::dispatch_scenarios::dispatch_scenarios;
use livebus_tests::is_enabled;
use livebus_tests::scenario_files::{ParseError, REWRITE};

use names::Named;

mod call_coverage;
mod call_parse_errors;
mod callee_coverage;
mod coverage;
mod dispatch_coverage;
mod dispatch_parse_errors;
mod inputs;
mod names;
mod parse_errors;
mod unreachable;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    match trials() {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn trials() -> Result<Vec<Trial>, ParseError> {
    let (scenarios, dispatch) = (scenarios()?, dispatch_scenarios()?);
    let (calls, callee) = (call_scenarios()?, callee_scenarios()?);
    let mut trials = coverage::trials(&scenarios);
    trials.extend(dispatch_coverage::trials(&dispatch));
    trials.extend(call_coverage::trials(&calls));
    trials.extend(callee_coverage::trials(&callee));
    let named = scenarios.iter().map(|it| Named {
        path: it.path().to_owned(),
        sentence: it.sentence.clone(),
    });
    let named = named.chain(dispatch.iter().map(|it| Named {
        path: it.path().to_owned(),
        sentence: it.sentence.clone(),
    }));
    let named = named.chain(calls.iter().map(|it| Named {
        path: it.path().to_owned(),
        sentence: it.sentence.clone(),
    }));
    let named = named.chain(callee.iter().map(|it| Named {
        path: it.path().to_owned(),
        sentence: it.sentence.clone(),
    }));
    trials.extend(names::trials(&named.collect::<Vec<_>>()));
    trials.extend(parse_errors::trials());
    trials.extend(dispatch_parse_errors::trials());
    trials.extend(call_parse_errors::trials());
    trials.extend(scenarios.into_iter().map(|scenario| {
        let name = format!("{}: {}", scenario.theme(), scenario.sentence);
        let (check, rewrite) = (scenario.clone(), scenario);
        trial(name, move || check.check(), move || rewrite.rewrite())
    }));
    trials.extend(dispatch.into_iter().map(|scenario| {
        let name = format!("dispatch, {}: {}", scenario.theme(), scenario.sentence);
        let (check, rewrite) = (scenario.clone(), scenario);
        trial(name, move || check.check(), move || rewrite.rewrite())
    }));
    trials.extend(calls.into_iter().map(|scenario| {
        let name = format!("calls, {}: {}", scenario.theme(), scenario.sentence);
        let (check, rewrite) = (scenario.clone(), scenario);
        trial(name, move || check.check(), move || rewrite.rewrite())
    }));
    trials.extend(callee.into_iter().map(|scenario| {
        let name = format!("callee, {}: {}", scenario.theme(), scenario.sentence);
        let (check, rewrite) = (scenario.clone(), scenario);
        trial(name, move || check.check(), move || rewrite.rewrite())
    }));
    Ok(trials)
}

fn trial(
    name: String,
    check: impl FnOnce() -> Result<(), String> + Send + 'static,
    rewrite: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> Trial {
    Trial::test(name, move || {
        if is_enabled(REWRITE) {
            return rewrite().map_err(Failed::from);
        }
        check().map_err(Failed::from)
    })
}
