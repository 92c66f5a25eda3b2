//! The parts of a runner that do not depend on the runtime.
//!
//! - [`Builder`] and [`Handle`]: start and hold a supervision. The runner crates export them with their runtime filled in.
//! - [`Bus`], [`Runtime`], [`Observer`]: the interface traits. `livebus-kafka` implements the first for Kafka,
//!   `livebus-recording` the last.
//! - [`Observations`]: the cell through which a bus reports evidence, suspicions and the loss of a client.
//! - [`Runner`]: implemented by a runner. `docs/write-a-runner.md` writes one, on plain threads.
//! - [`Supervision`]: given to a runner: the supervisor, and everything that its loop waits for.
//! - [`Effects`]: executes actions: as futures to spawn, or at once.
//! - [`handlers`]: request handlers, and the interface traits of a bus that has them.
//! - [`Time`]: the clock and the timers of a supervision, which a test can replace.
//! - [`Systemd`]: where a service manager is notified.
//!
//! The loop itself is not here. It is one function in each runner, which is easiest to read in one piece, with the names of a
//! runtime that the reader knows.

mod builder;
mod bus;
pub mod calls;
mod cancel;
mod changes;
mod check;
mod effects;
mod explainer;
mod handle;
pub mod handlers;
mod lock;
mod log_limit;
mod loops;
mod message;
mod observations;
mod observer;
mod panic_text;
mod publish;
mod random;
mod register;
mod runner;
mod runtime;
#[cfg(feature = "http")]
mod serve;
mod state_machine;
#[cfg(unix)]
mod systemd;
mod time;

pub use builder::{BuildError, Builder};
pub use bus::{Bus, IntoBus};
pub use cancel::CancelSignal;
pub use changes::Changes;
pub use effects::{Effects, Operation};
pub use handle::{EndedError, Handle};
pub use livebus_readiness::{Detail, Explanation, Leaders};
pub use message::Message;
pub use observations::{Observations, Observed};
pub use observer::{
    CallsEntry, CallsObserver, DispatchEntry, DispatchObserver, Entry, Notify, ObservedCalls,
    ObservedDispatcher, ObservedMachine, ObservedSupervisor, Observer, ObserverError,
};
pub use runner::{Runner, Supervision};
pub use runtime::{Runtime, Spawn};
#[cfg(feature = "http")]
pub use serve::{Serve, ServeError};
pub use state_machine::StateMachine;
#[cfg(unix)]
pub use systemd::{Systemd, SystemdError};
pub use time::{Time, Timer};
