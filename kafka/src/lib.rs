//! Kafka as a bus: executes livebus's actions with rdkafka, generic over the async runtime.
//!
//! - [`KafkaBus`] executes the operations of a supervisor. It implements [`Bus`](livebus_runner::Bus), the interface trait that a
//!   runner uses; [`Runtime`](livebus_runner::Runtime) is the interface trait that it uses.
//! - [`KafkaConfig`] has the address of the bus and the kind of liveness message; [`Properties`] and [`BootstrapServers`] are
//!   parsed once, with errors that name the remedy.
//! - [`failure`] maps librdkafka's errors to the classes that decide; [`remedy()`] returns what a person can do about each.
//! - [`EmbeddedCluster`] is a Kafka in the process, with faults on purpose.
//!
//! # The liveness message
//!
//! librdkafka's own signals are hints: it reports a killed broker in a millisecond, a hung one after a minute, to an idle
//! producer never, and "all brokers down" is often false. Proof is one acknowledged record within a deadline. A liveness message
//! is therefore a *round*: one small record to each distinct leader of the liveness topic, at most three, in parallel, and one
//! acknowledgement is enough. When one of three brokers dies, a single partition can be silent for ten seconds although the bus
//! works; a round is still acknowledged in milliseconds. When no leader answers but other brokers do, the failure is *partial*.
//!
//! # The runtime
//!
//! Nothing here names a runtime, and nothing uses rdkafka's `DefaultRuntime`: which one that is depends on the features of all
//! crates of a build together.

mod config;
mod context;
mod create_topic;
mod embedded;
mod error_class;
mod kafka_bus;
mod leaders;
mod liveness_client;
mod properties;
mod remedy;
mod round;

pub use config::{KafkaConfig, LivenessBy};
pub use embedded::{EmbeddedCluster, EmbeddedError};
pub use error_class::{classify, code_name, failure};
pub use kafka_bus::{KafkaBus, RoundTally};
pub use properties::{AddressError, BootstrapServers, Properties, PropertyError};
pub use rdkafka;
pub use remedy::remedy;
