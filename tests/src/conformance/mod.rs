//! The conformance suite: one scripted world after the other, the same for every runner.
//!
//! What a supervisor does in a world follows from the core alone: [`by_hand`] drives it there, without a loop, and notes step
//! by step what went in, what came out, and how things stand. A [`Stage`] then plays the same steps to a real runner, in
//! virtual time, and notes the same. The two traces must be equal to the byte. And each [`Scenario`] says in its golden
//! answers what is to be seen, so that they cannot be equally wrong.
//!
//! To try a runner, implement [`Host`] for it and [`play`] all [`scenarios()`] to it, but for those that are for the core
//! only. `docs/write-a-runner.md` says more.
//!
//! Nothing here sleeps: the stage goes on as soon as the runner has noted all that the step leads to, and waits for nothing
//! but that.

mod backstage;
mod bare_loop;
mod by_hand;
mod play;
mod replay;
mod scenario;
mod stage;
mod step;
mod trace;
mod world;

pub use by_hand::{Senseless, by_hand};
pub use play::{crowd, play};
pub use replay::Moment;
pub use scenario::{ParseError, Problem, REWRITE, Scenario, lifecycle, scenarios};
pub use stage::{Host, Stage};
pub use step::{Poke, Step, Stimulus};
pub use trace::Scene;
pub use world::{Answer, Happening, Outcome, Tell, Told, World, plain};
