//! Small stories, each of one thing that happens to a service, told by hand with exact instants.
//!
//! `story.rs` is the little language that they are told in.

#![expect(
    clippy::disallowed_methods,
    reason = "a test needs one instant to count from"
)]

mod handlers;
mod live;
mod mended;
mod not_live;
mod shutdown;
mod start;
mod story;
mod told;
