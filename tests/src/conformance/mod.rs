//! The conformance suite: plays the same scripted environments to every runner.
//!
//! What a supervisor does in an environment follows from the core alone. [`drive`] drives the core there without a loop and
//! records step by step what went in, what came out, and the state after it. A [`Harness`] then plays the same steps to a real
//! runner, in virtual time, and records the same. The two traces must be equal byte for byte. Each [`Scenario`] states the
//! expected results in its file as well, so that the two cannot be wrong in the same way.
//!
//! To test a runner, implement [`Executor`] for it and [`play`] all [`scenarios()`] to it, except those that are for the core
//! only. See `docs/write-a-runner.md`.
//!
//! Nothing here sleeps: the harness waits only until the runner has done everything that the step leads to.

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
pub use harness::{Executor, Harness};
pub use input_record::InputRecord;
pub use play::{play, play_many};
pub use reference_driver::{InvalidScript, drive};
pub use scenario::{Scenario, lifecycle, scenarios};
pub use step::{Step, Stimulus, Trigger};
pub use trace::StepTrace;
