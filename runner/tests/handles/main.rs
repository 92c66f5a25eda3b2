//! The handle of a supervision whose loop is the test.

mod harness;
mod inbox;
mod remedies;
mod waiting;
