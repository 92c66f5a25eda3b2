//! The conformance suite of request handlers: plays the same script to the loop of a handler on every runner.
//!
//! What a dispatcher does in a script follows from the core alone: [`drive`] drives the core without a loop, and returns its recording step
//! by step. [`play`] then plays the script to a handler on a real runner, in virtual time. The two recordings must be equal byte for byte.
//!
//! Nothing here sleeps: the harness waits only until the loop has recorded what a step leads to.

mod clock;
mod consumer;
mod harness;
mod reference;
mod script;

pub use clock::Clock;
pub use harness::play;
pub use reference::drive;
pub use script::{Step, lifecycle};
