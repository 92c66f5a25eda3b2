//! The test suite of livebus: a real Apache Kafka for tests, the runtimes that livebus runs on, and tests of several crates.

use std::env;
use std::time::Duration;

pub mod apache_kafka;
pub mod attack;
pub mod call_scenarios;
pub mod callee_scenarios;
pub mod child_process;
pub mod conformance;
pub mod cost;
pub mod dispatch_scenarios;
pub mod grpc;
pub mod handler_conformance;
pub mod host;
pub mod http;
pub mod kafka_supervision;
pub mod label;
pub mod memory_bus;
pub mod pages;
pub mod program;
pub mod promtool;
pub mod reader_order;
pub mod recordings;
pub mod scenario_files;
pub mod slow_network;
pub mod threads;
mod threads_runtime;

/// The maximum wait for something that must come: many times what it takes.
pub const WAIT_LIMIT: Duration = Duration::from_mins(1);

/// Returns whether `variable` is 1 in the environment.
#[must_use]
pub fn is_enabled(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| value == "1")
}
