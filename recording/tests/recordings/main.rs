//! Whole recordings: a replay gives the same actions, a changed line is found, and neither a slow disk nor a full one blocks the
//! loop.
//!
//! - `random_run.rs` gives a recorded supervisor random inputs, from a seed; `dispatch_run.rs` a dispatcher, `calls_run.rs` the calls of a caller;
//! - `memory.rs` records such a run in memory, as the text of a file;
//! - the other files are the tests, by theme.

mod call_policies;
mod callers;
mod calls_run;
mod damaged;
mod dispatch_run;
mod dispatchers;
mod files;
mod limits;
mod memory;
mod policies;
mod random_run;
mod replayed;
