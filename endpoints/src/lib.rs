//! A service's readiness as answers, for whoever asks and in whatever form.
//!
//! - [`Probes`] answers Kubernetes' probes over HTTP: a path and a query in, a status code and a body out.
//! - [`Heartbeat`] is what liveness means here: the runner's loop keeps its promise to wake up. Never Kafka: a broker that
//!   is away is no reason to restart the service.
//! - [`Changes`] is the readiness as a stream: every change of status, with its cause.
//! - [`http`] serves the probes, on any async runtime, within limits. All else here neither spawns nor waits.
//! - [`Clock`] is the time, read fast enough to be asked on every request.

mod changes;
mod clock;
mod heartbeat;
pub mod http;
mod probes;

pub use changes::{Changes, StatusChange, Subscribers};
pub use clock::Clock;
pub use heartbeat::Heartbeat;
pub use probes::{ProbeAnswer, Probes};
