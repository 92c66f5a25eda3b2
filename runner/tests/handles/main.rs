//! The handle of a supervision whose loop is the test.

mod actions;
mod building;
mod counting;
mod harness;
mod inbox;
mod log;
mod observing;
mod remedies;
mod waiting;
