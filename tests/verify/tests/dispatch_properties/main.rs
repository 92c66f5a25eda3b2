//! Properties of every dispatcher, with any configuration and any inputs: D1 to D20, and the rules of `docs/dispatch-rules.md`.
//!
//! - `settings.rs` makes random settings and random records;
//! - `claims.rs` checks all claims in simulated groups, and compares the core with the reference model;
//! - `canonical.rs` checks what the explorer assumes of the canonical form;
//! - `metamorphic.rs` makes changes that must not change the result;
//! - `coverage.rs` checks that the random scripts reach what they must reach.
//!
//! A script is a list of numbers, one for each step, and all choices of a step follow from its number. So a failure shrinks to few steps.
//! The seed of a failure is written to `regressions/`; commit it, and every later run begins with it. `PROPTEST_CASES` raises the number
//! of cases.

mod canonical;
mod claims;
mod coverage;
mod metamorphic;
mod settings;

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

/// The configuration of a theme: its file in `regressions/`, and its minimum number of cases.
macro_rules! config_for {
    ($theme:literal, $at_least:literal) => {
        $crate::cases(
            concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/dispatch_properties/regressions/",
                $theme,
                ".txt"
            ),
            $at_least,
        )
    };
}
pub(crate) use config_for;
