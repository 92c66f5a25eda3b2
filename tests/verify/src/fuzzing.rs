//! What cargo-fuzz runs: each target is a function from any bytes, which panics where a claim is false.
//!
//! It stands here and not in `fuzz/`, so that `tests/fuzz_corpus.rs` replays with the stable compiler whatever was found.
//!
//! A story is read from bytes by hand, each step from eight of its own: every byte string is a story, one byte that changes
//! changes one thing, and bytes that are put in or taken out do so to one step. The `arbitrary` crate would not give that. It
//! wants to be derived by the types of the core, which depend on nothing; and what a committed byte means would be up to its
//! version and to the order of our fields.

pub mod corpus;

mod bytes;
mod events;
mod lines;
mod recording;
mod script;
mod settings;
mod snapshot;

pub use events::{events, events_observed};
pub use lines::lines;
pub use recording::recording;
pub use snapshot::snapshot;
