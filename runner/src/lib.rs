//! What every runner of livebus shares, and no runtime decides.
//!
//! - [`Builder`] and [`Handle`]: what a service calls, and what it holds. Runners give them out with their runtime filled in.
//! - [`Bus`], [`Observations`], [`Runtime`], [`Observer`]: the ports. `livebus-kafka` implements the first for Kafka,
//!   `livebus-recording` the last.
//! - [`Runner`]: what a runner brings. `docs/write-a-runner.md` writes one, on plain threads.
//! - [`Supervision`]: what a runner is handed: the supervisor, and everything that its loop waits for.
//! - [`Effects`]: what each action means, as futures to spawn and as things to do at once.
//! - [`Time`]: the clock and the timers of a supervision, so that a test can turn them.
//!
//! The loop itself is not here. It is some twenty lines, and whoever wants to know what a runner does should read them in
//! one piece, with the words of a runtime that they know.

mod builder;
mod bus;
mod changes;
mod effects;
mod handle;
mod observations;
mod observer;
mod owner;
mod publish;
mod runner;
mod runtime;
#[cfg(feature = "http")]
mod serve;
mod time;

pub use builder::{BuildError, Builder};
pub use bus::{Bus, IntoBus};
pub use changes::Changes;
pub use effects::{Effects, Message, Operation};
pub use handle::{EndedError, Handle};
pub use observations::{Observations, Observed};
pub use observer::{Entry, ObservedSupervisor, Observer, ObserverError};
pub use owner::OwnerGone;
pub use runner::{Runner, Supervision};
pub use runtime::Runtime;
#[cfg(feature = "http")]
pub use serve::{Serve, ServeError};
pub use time::{Time, Timer};
