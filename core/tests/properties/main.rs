//! Properties of every supervisor, with any configuration and any inputs, also late ones: S1 to S13 and the nine rules of
//! the crate's documentation.
//!
//! - `settings.rs` and `script.rs` make random configurations and random scripts;
//! - `simulation.rs` runs a script on a supervisor and keeps an independent log of it;
//! - `operation_records.rs` records all operations, from that log only;
//! - `replay.rs` replays the inputs of a log on another supervisor, with another clock and other ids;
//! - `coverage.rs` checks that the random scripts reach what they must reach;
//! - the other files are the properties, by theme; each states its exact formula.
//!
//! The seed of a failure is written to `regressions/`; commit it, and every later run begins with it. `PROPTEST_CASES`
//! raises the number of cases.

#![expect(
    clippy::disallowed_methods,
    reason = "a test needs one instant to count from"
)]

mod canonical;
mod cause;
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

/// Returns a configuration with at least this many cases, more if `PROPTEST_CASES` is higher, which keeps failures in `file`.
pub(crate) fn cases(file: &'static str, at_least: u32) -> Config {
    let default = Config::default();
    Config {
        cases: default.cases.max(at_least),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))),
        ..default
    }
}

/// The configuration of a theme: its file in `regressions/`, and its minimum number of cases, 1,000 by default.
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
