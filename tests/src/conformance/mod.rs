//! The conformance suite: one scripted world after the other, the same for every runner.
//!
//! What a supervisor does in a world follows from the core alone: [`by_hand`] drives it there, without a loop, and notes step
//! by step what went in, what came out, and how things stand. A [`Stage`] then plays the same steps to a real runner, in
//! virtual time, and notes the same. The two traces must be equal to the byte. And each [`Case`] claims in a few lines what
//! is to be seen, so that they cannot be equally wrong.
//!
//! To try a runner, implement [`Host`] for it and [`play`] all [`cases()`]. `docs/write-a-runner.md` says more.
//!
//! Nothing here sleeps: the stage goes on as soon as the runner has noted all that the step leads to, and waits for nothing
//! but that.

pub mod cases;

mod backstage;
mod bare_loop;
mod by_hand;
mod case;
mod stage;
mod step;
mod trace;
mod world;

pub use by_hand::by_hand;
pub use case::{Case, crowd, play};
pub use cases::cases;
pub use stage::{Host, Stage};
pub use step::{Poke, Step, Stimulus};
pub use trace::Scene;
pub use world::{Answer, Happening, Outcome, World, plain};
