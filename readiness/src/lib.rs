//! The readiness of a process: who reports it, who reads it, and until when it holds. Nothing here serves, spawns or waits.
//!
//! - [`Registry`] has the services of a process. It gives each its one [`Reporter`].
//! - [`Readiness`] is for everyone who asks. It can be cloned and changes nothing: [`is_ready`](Readiness::is_ready) is one
//!   atomic load.
//! - [`Follower`] is for those who wait: every change of one service, the end of its lease included.
//! - [`Probes`] answers Kubernetes' probes over HTTP: a path and a query in, a status code and a body out.
//! - [`Heartbeat`] is what liveness means here: the runner's loop meets its own deadlines. Never Kafka: a broker that is away
//!   is no reason to restart the service.
//! - [`Clock`] is the time, read fast enough to be asked on every request.
//!
//! # The lease
//!
//! Running is granted until an instant, and all who ask or wait compare it with the clock. If the code that reports dies,
//! hangs or starves, the probe and the reader say NotReady from that instant on, to the tick of their [`Clock`], and a
//! follower shows it [`GRACE`](Follower::GRACE) later: without the help of that code.

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
