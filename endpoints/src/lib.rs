//! livebus's readiness as answers, for Kubernetes and others that ask.

pub use livebus_readiness::{
    Changes, Clock, Heartbeat, ProbeAnswer, Probes, StatusChange, Subscribers,
};
