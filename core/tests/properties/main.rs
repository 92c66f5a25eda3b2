//! What is true of every supervisor, whatever it is configured to do, told, and told late: the properties S1 to S13 and
//! the nine rules of the crate's documentation.
//!
//! - `settings.rs` and `script.rs` make random configurations and random stories;
//! - `world.rs` drives a supervisor through a story and keeps an independent log of it;
//! - `ledger.rs` keeps the books over operations, from that log alone;
//! - the other files are the properties, by theme; each states its exact formula.
//!
//! A failure is written to `regressions/`, to be committed: every later run begins with it. `PROPTEST_CASES` raises the
//! number of cases.

#![expect(
    clippy::disallowed_methods,
    reason = "a test needs one instant to count from"
)]

mod coverage;
mod evidence;
mod ledger;
mod operations;
mod pace;
mod rules;
mod script;
mod settings;
mod shutdown;
mod snapshot;
mod status;
mod timing;
mod world;

use proptest::test_runner::{Config, FileFailurePersistence};

/// At least 1,000 cases; `PROPTEST_CASES` raises it. Failures are kept in `file`.
pub(crate) fn cases(file: &'static str) -> Config {
    let default = Config::default();
    Config {
        cases: default.cases.max(1_000),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))),
        ..default
    }
}

/// Where the failures of this theme are kept.
macro_rules! kept_in {
    ($theme:literal) => {
        $crate::cases(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/properties/regressions/",
            $theme,
            ".txt"
        ))
    };
}
pub(crate) use kept_in;
