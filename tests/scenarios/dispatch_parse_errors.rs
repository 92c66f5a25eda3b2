//! Invalid files of scenarios of the dispatcher: the message names the file, the line, what is wrong, and the remedy.

use std::path::Path;

use libtest_mimic::Trial;
use livebus_tests::dispatch_scenarios::DispatchScenario;

use crate::parse_errors::has_error;

/// A script, and how its error message begins.
const INVALID: &[(&str, &str)] = &[
    (
        "a\nrules: 1\nat 10 rain\nuntil 99",
        "x.txt:3: unknown input \"rain\": write \"assigned 0/1 at committed 5\"",
    ),
    (
        "a\nrules: 1\nat 10 traffic\nuntil 99",
        "x.txt:3: unknown input \"traffic\": ",
    ),
    (
        "a\nuntil 99",
        "x.txt:2: it names no rule: add the rules of docs/dispatch-rules.md that it shows: \"rules: 12, 13\"",
    ),
    (
        "a\nrules: twelve\nuntil 99",
        "x.txt:2: invalid number \"twelve\": write a whole number in range",
    ),
    (
        "a\nrules: 1\nrule: 2\nuntil 99",
        "x.txt:3: unknown line \"rule: 2\": begin a line with rules:, peer:, ",
    ),
    (
        "a\nrules: 1\nat 0 assigned 0 at committed 5\nuntil 9",
        "x.txt:3: invalid assignment \"0\": write the partition and its generation, such as 0/1",
    ),
    (
        "a\nrules: 1\nat 0 assigned 0/1 at 5\nuntil 9",
        "x.txt:3: invalid assignment \"0/1 at 5\": write \"assigned 0/1 at committed 5\", or at resolved 5",
    ),
    (
        "a\nrules: 1\nat 0 fetched 0/1: 5 kee b\nuntil 9",
        "x.txt:3: invalid record \"5 kee b\": write its offset, and what differs: \"7 key b 100 bytes print 3\"",
    ),
    (
        "a\nrules: 1\nat 0 fetched 0/1: 5 key\nuntil 9",
        "x.txt:3: invalid record \"5 key\": write its offset, and what differs: \"7 key b 100 bytes print 3\"",
    ),
    (
        "a\nrules: 1\nat 0 run #1 failed Badly\nuntil 9",
        "x.txt:3: invalid value \"Badly\": write Transient, Permanent, TimedOut or Panicked",
    ),
    (
        "a\nrules: 1\nat 0 run #1 sleeps\nuntil 9",
        "x.txt:3: unknown input \"run #1 sleeps\": ",
    ),
    (
        "a\nrules: 1\nat 0 as of 5 timeout\nuntil 9",
        "x.txt:3: there is no input: write \"as of 3000: timeout\"",
    ),
    (
        "a\nrules: 1\nat 0 read mind\nuntil 9",
        "x.txt:3: invalid value \"mind\": write bounds, room or deadline",
    ),
    (
        "a\nrules: 1\nsettings: fast\nuntil 9",
        "x.txt:3: unknown settings \"fast\": write plain or defaults",
    ),
    (
        "a\nrules: 1\nsetting limits.rums: 1\nuntil 9",
        "x.txt:3: unknown setting \"limits.rums\": write the name of a field of dispatch::Settings",
    ),
    (
        "a\nrules: 1\nsetting transient: skip\nuntil 9",
        "x.txt:3: invalid policy \"skip\": write \"2 retries, 500 to 30000, then stop\"",
    ),
    (
        "a\nrules: 1\nsetting limits.runs: 0\nsetting drain: 5\nuntil 9",
        "x.txt:3: limits.runs = 0: make it 1 to 10,000,000",
    ),
];

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test(
        "the error for an invalid file of the dispatcher has its line and a remedy",
        || {
            INVALID.iter().try_for_each(|(script, message)| {
                let parsed = DispatchScenario::parse(Path::new("x.txt"), script);
                has_error(script, parsed.map(|_| ()), message)
            })
        },
    )]
}
