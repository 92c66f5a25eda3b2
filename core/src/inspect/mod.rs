//! A supervisor from outside: its phase for people, its snapshot for recordings, its canonical form for model checkers.
//!
//! Nothing here decides anything. `supervisor.rs`, `liveness.rs`, `registrations.rs` and `published.rs` in this folder are child modules
//! of the files of the same name above it, because the fields of those are private.

#[cfg(feature = "__verify")]
pub(crate) mod canonical;
pub(crate) mod phase;
pub(crate) mod words;
