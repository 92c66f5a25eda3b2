//! What is true of every supervisor, whatever it is configured to do, told, and told late: the properties S1 to S13 and
//! the nine rules of the crate's documentation.
//!
//! - `settings.rs` and `script.rs` make random configurations and random stories;
//! - `simulation.rs` drives a supervisor through a story and keeps an independent log of it;
//! - `records.rs` keeps the books over operations, from that log alone;
//! - `replay.rs` tells the story in a log again: to another supervisor, by another clock, under other names;
//! - the other files are the properties, by theme; each states its exact formula.
//!
//! A failure is written to `regressions/`, to be committed: every later run begins with it. `PROPTEST_CASES` raises the
//! number of cases.

#![expect(
    clippy::disallowed_methods,
    reason = "a test needs one instant to count from"
)]

mod canonical;
mod coverage;
mod evidence;
mod metamorphic;
mod operation_records;
mod operations;
mod pace;
mod replay;
mod rules;
mod script;
mod settings;
mod shutdown;
mod simulation;
mod snapshot;
mod status;
mod timing;

use proptest::test_runner::{Config, FileFailurePersistence};

/// At least so many cases; `PROPTEST_CASES` raises it. Failures are kept in `file`.
pub(crate) fn cases(file: &'static str, at_least: u32) -> Config {
    let default = Config::default();
    Config {
        cases: default.cases.max(at_least),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))),
        ..default
    }
}

/// Where the failures of this theme are kept, and how many cases it has at least: 1,000 if nothing else is said.
macro_rules! config_for {
    ($theme:literal) => {
        $crate::config_for!($theme, 1_000)
    };
    ($theme:literal, $at_least:literal) => {
        $crate::cases(
            concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/properties/regressions/",
                $theme,
                ".txt"
            ),
            $at_least,
        )
    };
}
pub(crate) use config_for;
