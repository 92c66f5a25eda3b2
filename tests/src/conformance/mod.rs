//! The conformance suite: one scripted world after the other, the same for every runner.
//!
//! What a supervisor does in a world follows from the core alone: [`drive`] drives it there, without a loop, and notes step
//! by step what went in, what came out, and how things stand. A [`Harness`] then plays the same steps to a real runner, in
//! virtual time, and notes the same. The two traces must be equal to the byte. And each [`Scenario`] says in its golden
//! answers what is to be seen, so that they cannot be equally wrong.
//!
//! To try a runner, implement [`Host`] for it and [`play`] all [`scenarios()`] to it, but for those that are for the core
//! only. `docs/write-a-runner.md` says more.
//!
//! Nothing here sleeps: the stage goes on as soon as the runner has noted all that the step leads to, and waits for nothing
//! but that.

mod environment;
mod fake_environment;
mod harness;
mod input_record;
mod plain_loop;
mod play;
mod reference_driver;
mod scenario;
mod step;
mod trace;

pub use environment::{Answer, DirectInput, Environment, Input, Occurrence, Outcome, plain};
pub use harness::{Harness, Host};
pub use input_record::InputRecord;
pub use play::{play, play_many};
pub use reference_driver::{InvalidScript, drive};
pub use scenario::{ParseError, Problem, REWRITE, Scenario, lifecycle, scenarios};
pub use step::{Step, Stimulus, Trigger};
pub use trace::StepTrace;
