//! The readiness of a process: its reporters, its readers, and the leases that limit it. Nothing here serves, spawns or waits.
//!
//! - [`Registry`] has the services of a process. It gives each its one [`Reporter`].
//! - [`Readiness`] is for readers. It can be cloned and changes nothing: [`is_ready`](Readiness::is_ready) is one atomic load.
//! - [`Follower`] yields every change of one service, the end of its lease included.
//! - [`Probes`] answers Kubernetes' probes over HTTP: a path and a query in, a status code and a body out.
//! - [`Heartbeat`] is what `/livez` checks: whether the runner's loop meets its own deadlines. Never Kafka: an unreachable broker
//!   is no reason to restart the service.
//! - [`Clock`] is a clock that is fast enough to be read on every request.
//!
//! # The lease
//!
//! Running is granted until an instant, and every reader compares it with the clock. If the code that reports dies, hangs or
//! starves, probes and readers return NotReady from that instant on, within a tick of their [`Clock`], and a follower shows it
//! [`GRACE`](Follower::GRACE) later: without the help of that code.

mod clock;
mod errors;
mod follower;
mod heartbeat;
mod predicate;
mod probes;
mod readiness;
mod registry;
mod reporter;
mod shared;
mod slot;
mod status_change;

pub use clock::Clock;
pub use errors::{ReporterError, ServiceNameError, UnknownService};
pub use follower::Follower;
pub use heartbeat::Heartbeat;
pub use predicate::{Predicate, ServiceView, Services};
pub use probes::{ProbeAnswer, Probes};
pub use readiness::{Readiness, Service};
pub use registry::{Registry, RegistryBuilder};
pub use reporter::{LeaselessReporter, Reporter};
pub use status_change::StatusChange;
