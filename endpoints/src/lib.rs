//! The endpoints of livebus: what a process answers about its readiness.
//!
//! - [`Probes`] answers the probes of Kubernetes and the scrapes of Prometheus: a method, a path and a query in, a status code and a
//!   body out. It reads the memory of `livebus-readiness`, and does no IO.
//! - [`http`] is a server of them for every async runtime, within limits.

mod answer;
mod checks;
pub mod http;
mod metrics;
mod probe_query;
mod probes;
mod statusz;
mod voltha;

pub use answer::ProbeAnswer;
pub use probes::Probes;
