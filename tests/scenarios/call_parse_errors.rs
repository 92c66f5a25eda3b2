//! Invalid files of scenarios of `Calls`: the message names the file, the line, what is wrong, and the remedy.

use std::path::Path;

use libtest_mimic::Trial;
use livebus_tests::call_scenarios::CallScenario;

use crate::parse_errors::has_error;

/// A script, and how its error message begins.
const INVALID: &[(&str, &str)] = &[
    (
        "a\nrules: 1\nat 10 rain\nuntil 99",
        "x.txt:3: unknown input \"rain\": write \"called #1 until 500\"",
    ),
    (
        "a\nuntil 99",
        "x.txt:2: it names no rule: add the rules of docs/calls-rules.md that it shows: \"rules: 12, 13\"",
    ),
    (
        "a\nrules: 1\nat 0 called #1 for 500\nuntil 9",
        "x.txt:3: invalid call \"called #1 for 500\": write \"called #1 until 500\"",
    ),
    (
        "a\nrules: 1\nat 0 send #1 acknowledged\nuntil 9",
        "x.txt:3: unknown input \"send #1 acknowledged\": ",
    ),
    (
        "a\nrules: 1\nat 0 reply #1 refused Rudely\nuntil 9",
        "x.txt:3: invalid value \"Rudely\": write TooLate, Unsupported, Overloaded or Unavailable",
    ),
    (
        "a\nrules: 1\nat 0 replies lost Badly\nuntil 9",
        "x.txt:3: unknown failure \"Badly\": ",
    ),
    (
        "a\nrules: 1\nat 0 read mind\nuntil 9",
        "x.txt:3: invalid value \"mind\": write bounds, in flight or deadline",
    ),
    (
        "a\nrules: 1\nsettings: fast\nuntil 9",
        "x.txt:3: unknown settings \"fast\": write plain or defaults",
    ),
    (
        "a\nrules: 1\nsetting limits.cals: 1\nuntil 9",
        "x.txt:3: unknown setting \"limits.cals\": write the name of a field of calls::Settings",
    ),
    (
        "a\nrules: 1\nsetting limits.calls: 0\nsetting drain: 5\nuntil 9",
        "x.txt:3: limits.calls = 0: make it 1 to 10,000,000",
    ),
];

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test(
        "the error for an invalid file of calls has its line and a remedy",
        || {
            INVALID.iter().try_for_each(|(script, message)| {
                let parsed = CallScenario::parse(Path::new("x.txt"), script);
                has_error(script, parsed.map(|_| ()), message)
            })
        },
    )]
}
