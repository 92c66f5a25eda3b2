//! The suite of livebus: a real Apache Kafka for tests, the runtimes that livebus runs on, and what needs more than one crate.

use std::env;
use std::time::Duration;

pub mod apache_kafka;
pub mod attack;
pub mod child_process;
pub mod conformance;
pub mod cost;
pub mod host;
pub mod http;
pub mod pages;
pub mod program;
pub mod recordings;
pub mod threads;
pub mod watched;

/// How long to wait for what must come: many times what it takes.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Whether `variable` is 1 in the environment.
#[must_use]
pub fn is_asked_for(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| value == "1")
}
