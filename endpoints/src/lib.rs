//! livebus's readiness as answers, for Kubernetes and others that ask.

pub use livebus_readiness::{Heartbeat, ProbeAnswer, Probes};
