//! Recordings as a whole: what is recorded is replayed the same, what was tampered with is noticed, and neither a slow disk
//! nor a full one keeps the loop waiting.
//!
//! - `story.rs` drives a recorded supervisor through a random story, from a seed;
//! - `memory.rs` keeps what it records in memory, as the text of a file;
//! - the other files are the tests, by theme.

mod damaged;
mod files;
mod limits;
mod memory;
mod replayed;
mod story;
