//! Recordings as a whole: what is recorded is replayed the same, what was tampered with is
//! noticed.
//!
//! - `story.rs` drives a recorded supervisor through a random story, from a seed;
//! - `memory.rs` keeps what it records in memory, as the text of a file;
//! - the other files are the tests, by theme.

mod damaged;
mod memory;
mod replayed;
mod story;
