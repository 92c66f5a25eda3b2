//! Tests of what only this crate can reach.
#![expect(
    clippy::disallowed_methods,
    reason = "a test needs one instant to count from"
)]

mod hostile;
mod script;
mod snapshots;
