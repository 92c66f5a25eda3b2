//! The targets of cargo-fuzz: each is a function of any bytes, which panics if a claim is false.
//!
//! They are here and not in `tests/fuzz/`, so that `tests/fuzz_corpus.rs` runs them with the stable compiler on all inputs.
//!
//! Scripts are decoded without a library, each step from eight bytes: every byte string is a script, a change of one byte changes
//! one thing, and inserted or removed bytes affect one step. The `arbitrary` crate does not give that. The types of the core,
//! which has no dependencies, would have to derive its trait; and the meaning of a committed byte would depend on its version and
//! on the order of our fields.

pub mod corpus;

mod bytes;
mod events;
mod headers;
mod lines;
mod recording;
mod script;
mod settings;
mod snapshot;
mod voltha;

pub use events::{events, events_observed};
pub use headers::headers;
pub use lines::lines;
pub use recording::recording;
pub use snapshot::snapshot;
pub use voltha::voltha;
