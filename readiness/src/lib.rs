//! The readiness of a process, and the answers that follow from it. Nothing here serves, spawns or waits.
//!
//! - [`Probes`] answers Kubernetes' probes over HTTP: a path and a query in, a status code and a body out.
//! - [`Heartbeat`] is what liveness means here: the runner's loop meets its own deadlines. Never Kafka: a broker that is away
//!   is no reason to restart the service.
//! - [`Changes`] is the readiness as a stream: every change of status, with its cause.
//! - [`Clock`] is the time, read fast enough to be asked on every request.

mod changes;
mod clock;
mod heartbeat;
mod probes;

pub use changes::{Changes, StatusChange, Subscribers};
pub use clock::Clock;
pub use heartbeat::Heartbeat;
pub use probes::{ProbeAnswer, Probes};
