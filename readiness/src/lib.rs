//! The readiness of a process: its reporters, its readers, and the leases that limit it. Nothing here answers, serves, spawns or
//! waits: `livebus-endpoints` answers from it.
//!
//! - [`Registry`] has the services of a process. It gives each its one [`Reporter`].
//! - [`Readiness`] is for readers. It can be cloned and changes nothing: [`is_ready`](Readiness::is_ready) is one atomic load.
//! - [`Snapshot`] has the reports of all services at one instant, and what follows from them.
//! - [`Follower`] yields every change of one service, the end of its lease included.
//! - [`Explain`] is how a service explains its failures in the words of its bus, and shows its handlers.
//! - [`Subscription`] wakes a task that shows the newest status of any service, and no history.
//! - [`Reader`] is a kind of reader; earlier ones see a lease end earlier.
//! - [`Heartbeat`] is what `/livez` checks: whether a loop meets its own deadlines. Never Kafka: an unreachable broker is no reason
//!   to restart the service. The memory has those of all [loops](ServiceLoop) of the process.
//! - [`HandlerState`] is what is known about a request handler: whether it is registered, what it has done, and what waits.
//! - [`Activity`] counts starts and liveness checks, and [`ServiceCounts`] is what was counted, for metrics.
//! - [`Clock`] is a clock that is fast enough to be read on every request.
//!
//! # The lease
//!
//! Running is granted until an instant, and every reader compares it with the clock. If the code that reports dies, hangs or
//! starves, probes and readers return NotReady from that instant on, within a tick of their [`Clock`], and a follower shows it
//! [`GRACE`](Follower::GRACE) later: without the help of that code.

mod calls;
mod clock;
mod counters;
mod errors;
mod explanation;
mod follower;
mod handlers;
mod heartbeat;
mod one_line;
mod predicate;
mod reader;
mod readiness;
mod registry;
mod reporter;
mod shared;
mod slot;
mod snapshot;
mod status_change;
mod subscription;

pub use calls::{CalleeProgress, CallerProgress};
pub use clock::Clock;
pub use counters::{Activity, CheckOutcome, Durations, ServiceCounts};
pub use errors::{ReporterError, ServiceNameError, UnknownService};
pub use explanation::{Detail, Explain, Explanation, Leaders};
pub use follower::Follower;
pub use handlers::{HandlerProgress, HandlerState, HeldRecord};
pub use heartbeat::{Heartbeat, ServiceLoop};
pub use one_line::one_line;
pub use predicate::{Predicate, ServiceView, Services};
pub use reader::Reader;
pub use readiness::{Readiness, Service};
pub use registry::{Registry, RegistryBuilder};
pub use reporter::{LeaselessReporter, Reporter};
pub use snapshot::{ServiceSnapshot, Snapshot};
pub use status_change::StatusChange;
pub use subscription::{Subscription, Subscriptions};
