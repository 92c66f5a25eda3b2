//! Whole recordings: a replay gives the same actions, a changed line is found, and neither a slow disk nor a full one blocks the
//! loop.
//!
//! - `random_run.rs` gives a recorded supervisor random inputs, from a seed;
//! - `memory.rs` records such a run in memory, as the text of a file;
//! - the other files are the tests, by theme.

mod damaged;
mod dispatch_run;
mod dispatchers;
mod files;
mod limits;
mod memory;
mod policies;
mod random_run;
mod replayed;
