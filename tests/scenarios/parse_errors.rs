//! Invalid files: the message names the file, the line, what is wrong, and the remedy.

use std::path::Path;

use libtest_mimic::{Failed, Trial};
use livebus_tests::conformance::Scenario;
use livebus_tests::scenario_files::ParseError;

/// A script, and how its error message begins.
const INVALID: &[(&str, &str)] = &[
    (
        "",
        "x.txt:1: the file is empty: begin with a sentence that states situation and outcome",
    ),
    (
        "a\nat 10 traffic",
        "x.txt:2: there is no end: add its instant: \"until 5000\"",
    ),
    (
        "a\nat 1s traffic\nuntil 9",
        "x.txt:2: invalid time \"1s\": write whole milliseconds, such as 5000",
    ),
    (
        "a\n\n# b\nat 10 rain\nuntil 9",
        "x.txt:4: unknown step \"rain\": write traffic, suspicion CLASS, ",
    ),
    (
        "a\nat 10 suspicion Rain\nuntil 99",
        "x.txt:2: unknown failure \"Rain\": write one of Unreachable, Unresponsive, Timeout, ",
    ),
    (
        "a\nat 10 read readiness\nat 9 read readiness\nuntil 99",
        "x.txt:3: this is earlier than the step above it: put the steps in the order of time",
    ),
    (
        "a\nat 10 read readiness\nuntil 9",
        "x.txt:3: the last step is after the end: end the scenario later",
    ),
    (
        "a\nstart: okay\nuntil 9",
        "x.txt:2: invalid answer \"okay\": write \"ok after 10\", \"panics after 10\", \"never\", or a failure: ",
    ),
    (
        "a\nstart: ok, never\nuntil 9",
        "x.txt:2: invalid answer \"ok, never\": ",
    ),
    (
        "a\nstart: ok\nstart: never\nuntil 9",
        "x.txt:3: duplicate \"start\": remove one of the two lines",
    ),
    (
        "a\nsettings: slow\nuntil 9",
        "x.txt:2: unknown settings \"slow\": write plain, defaults, fast or as in VOLTHA",
    ),
    (
        "a\nsetting drain: 0\nsettings: fast\nuntil 9",
        "x.txt:3: this replaces the settings above it: move it before the first setting",
    ),
    (
        "a\nsetting drian: 0\nuntil 9",
        "x.txt:2: unknown setting \"drian\": write the name of a field of Settings",
    ),
    (
        "a\nsetting on_rejection: dead\nuntil 9",
        "x.txt:2: invalid value \"dead\": write live or not live",
    ),
    (
        "a\nsetting start_backoff: 500\nuntil 9",
        "x.txt:2: invalid back-off \"500\": write \"500 to 30000\"",
    ),
    (
        "a\nsetting seed: 7\nsetting liveness_timeout: 0\nuntil 9",
        "x.txt:3: liveness_timeout = 0ns: make it longer than zero",
    ),
    (
        "a\nhandler orders, required: ok\nuntil 9",
        "x.txt:2: invalid handler orders, required: write its name in quotes",
    ),
    (
        "a\nevery 10, 3 times: traffic\nuntil 99",
        "x.txt:2: invalid repetition \"every 10, 3 times: traffic\": write \"every 1000 from 500, 20 times: traffic\"",
    ),
    (
        "a\nwait: 10\nuntil 9",
        "x.txt:2: unknown line \"wait: 10\": begin a line with settings:, ",
    ),
    (
        "a\nat 5 input: timeout\nuntil 9",
        "x.txt:2: no runner can deliver this input: add \"core only:\" and the reason above it",
    ),
    (
        "a\ncore only: b\nuntil 9",
        "x.txt:3: a runner can play this: remove \"core only:\", or add an input that no runner delivers",
    ),
    (
        "a\ncore only: b\nat 5 input: rain\nuntil 9",
        "x.txt:3: unknown input \"rain\": write \"start #1 answered ok\"",
    ),
    (
        "a\ncore only: b\nat 5 input timeout\nuntil 9",
        "x.txt:3: there is no input: write \"input: timeout\"",
    ),
    (
        "a\nat 5 handle dropped\ncore only: b\nat 6 input: timeout\nuntil 9",
        "x.txt:4: the loop was stopped by force, and its supervisor is gone: deliver the input before the handle is dropped",
    ),
    (
        "a\nat 5 read readiness\nat 5000 handle dropped\nuntil 9000",
        "x.txt:3: a loop may see the end of its handle or its deadline first: drop the handle a millisecond before or after",
    ),
    (
        "a\nat 5 blocked for 10\nat 6 handle dropped\nuntil 99",
        "x.txt:3: a handle cannot be dropped while the executor is blocked: drop it after",
    ),
    (
        "a\nat 5 blocked for 10\nat 6 start again\nuntil 99",
        "x.txt:3: this cannot happen while the executor is blocked: let it happen after",
    ),
    (
        "a\nat 5 start again\nuntil 99",
        "x.txt:2: the supervision before has not ended: start again after a shutdown or a drop",
    ),
    (
        "a\nat 5 previous client lost Tls\nuntil 99",
        "x.txt:2: there was no such client: lose a client that was started",
    ),
    (
        "a\nstart: ok after 5, delayed 10\nat 7 read readiness\nuntil 99",
        "x.txt:3: something comes while the loop is delayed after an answer reached its inbox: make the delay shorter",
    ),
];

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test(
        "the error for an invalid file has its line and a remedy",
        || {
            INVALID
                .iter()
                .try_for_each(|(script, message)| is_rejected(script, message))
        },
    )]
}

fn is_rejected(script: &str, message: &str) -> Result<(), Failed> {
    let parsed = Scenario::parse(Path::new("x.txt"), script);
    has_error(script, parsed.map(|_| ()), message)
}

/// Checks that a script has this error.
pub(crate) fn has_error(
    script: &str,
    parsed: Result<(), ParseError>,
    message: &str,
) -> Result<(), Failed> {
    match parsed {
        Ok(()) => Err(format!("no error for {script:?}").into()),
        Err(error) if error.to_string().starts_with(message) => Ok(()),
        Err(error) => Err(format!("for {script:?}: {error}").into()),
    }
}
