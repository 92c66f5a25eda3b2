//! Files with a mistake: the message names the file, the line, what is wrong, and the remedy.

use std::path::Path;

use libtest_mimic::{Failed, Trial};
use livebus_tests::conformance::Scenario;

/// A script, and what is said of it.
const MISTAKES: &[(&str, &str)] = &[
    (
        "",
        "x.txt:1: nothing is said: begin with a sentence that says what is true",
    ),
    (
        "a\nat 10 traffic",
        "x.txt:2: the story has no end: say when it ends: \"until 5000\"",
    ),
    (
        "a\nat 1s traffic\nuntil 9",
        "x.txt:2: \"1s\" is no time: write whole milliseconds, such as 5000",
    ),
    (
        "a\n\n# b\nat 10 rain\nuntil 9",
        "x.txt:4: \"rain\" does not happen: write traffic, suspicion CLASS, ",
    ),
    (
        "a\nat 10 suspicion Rain\nuntil 99",
        "x.txt:2: \"Rain\" is no failure: write one of Unreachable, Timeout, ",
    ),
    (
        "a\nat 10 look\nat 9 look\nuntil 99",
        "x.txt:3: this happens before what is told above it: tell what happens in the order of time",
    ),
    (
        "a\nat 10 look\nuntil 9",
        "x.txt:3: the last of this happens after the end: end the story later",
    ),
    (
        "a\nstart: okay\nuntil 9",
        "x.txt:2: \"okay\" is no answer: write \"ok after 10\", \"panics after 10\", \"never\", or a failure: ",
    ),
    (
        "a\nstart: ok, never\nuntil 9",
        "x.txt:2: \"ok, never\" is no answer: ",
    ),
    (
        "a\nstart: ok\nstart: never\nuntil 9",
        "x.txt:3: \"start\" was said before: leave one of the two lines out",
    ),
    (
        "a\nsettings: slow\nuntil 9",
        "x.txt:2: there are no settings \"slow\": write plain, defaults, fast or as in VOLTHA",
    ),
    (
        "a\nsetting drain: 0\nsettings: fast\nuntil 9",
        "x.txt:3: this replaces the settings above it: put it before the first setting",
    ),
    (
        "a\nsetting drian: 0\nuntil 9",
        "x.txt:2: there is no setting \"drian\": write it as the field of Settings is called",
    ),
    (
        "a\nsetting on_rejection: dead\nuntil 9",
        "x.txt:2: \"dead\" is none of its values: write live or not live",
    ),
    (
        "a\nsetting start_backoff: 500\nuntil 9",
        "x.txt:2: \"500\" is no back-off: write \"500 to 30000\"",
    ),
    (
        "a\nsetting seed: 7\nsetting liveness_timeout: 0\nuntil 9",
        "x.txt:3: liveness_timeout = 0ns: make it longer than zero",
    ),
    (
        "a\nhandler orders, required: ok\nuntil 9",
        "x.txt:2: orders, required is no handler: write its name in quotes",
    ),
    (
        "a\neach 10, 3 times: look\nuntil 99",
        "x.txt:2: \"each 10, 3 times: look\" is not clear: write \"each 1000 from 500, 20 times: traffic\"",
    ),
    (
        "a\nwait: 10\nuntil 9",
        "x.txt:2: \"wait: 10\" says nothing: begin a line with settings:, ",
    ),
    (
        "a\nat 5 input: time\nuntil 9",
        "x.txt:2: no runner can be made to tell this: say \"core only:\" and the reason, above",
    ),
    (
        "a\ncore only: b\nuntil 9",
        "x.txt:3: a runner can play this: leave \"core only:\" out, or tell what no runner would",
    ),
    (
        "a\ncore only: b\nat 5 input: rain\nuntil 9",
        "x.txt:3: \"rain\" is no input: write \"start #1 answered ok\"",
    ),
    (
        "a\ncore only: b\nat 5 input time\nuntil 9",
        "x.txt:3: the core receives nothing: write \"input: time\"",
    ),
    (
        "a\nat 5 handle dropped\ncore only: b\nat 6 input: time\nuntil 9",
        "x.txt:4: the loop was stopped by force, and its supervisor is gone: deliver the input before the handle is dropped",
    ),
    (
        "a\nat 5 look\nat 5000 handle dropped\nuntil 9000",
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
        "a\nat 5 former client lost Tls\nuntil 99",
        "x.txt:2: there was no such client: lose a client that was started",
    ),
    (
        "a\nstart: ok after 5, lies 10\nat 7 look\nuntil 99",
        "x.txt:3: something comes while the loop is delayed after an answer reached its inbox: make the delay shorter",
    ),
];

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test(
        "a mistake in a file is told with its place and its remedy",
        || {
            MISTAKES
                .iter()
                .try_for_each(|(script, told)| is_told(script, told))
        },
    )]
}

fn is_told(script: &str, told: &str) -> Result<(), Failed> {
    match Scenario::parse(Path::new("x.txt"), script) {
        Ok(_) => Err(format!("nothing is told of {script:?}").into()),
        Err(mistake) if mistake.to_string().starts_with(told) => Ok(()),
        Err(mistake) => Err(format!("of {script:?} is told: {mistake}").into()),
    }
}
