//! What livebus's actions mean on Kafka: rdkafka, generic over the async runtime.
//!
//! - [`KafkaBus`] carries out the operations that a supervisor asks for. It implements [`Bus`](livebus_runner::Bus), the port
//!   that a runner drives; [`Runtime`](livebus_runner::Runtime) is what the runner gives back.
//! - [`KafkaConfig`] says where the bus is and what a liveness message is; [`Properties`] and [`BootstrapServers`] are
//!   parsed once, with errors that name the remedy.
//! - [`failure`] is the map from librdkafka's errors to the classes that decide; [`remedy()`] says what to do about each.
//! - [`EmbeddedCluster`] is a Kafka in the process, which can be broken on purpose.
//!
//! # What is asked, and why
//!
//! librdkafka's own signals are hints: a killed broker shows in a millisecond, a hung one after a minute, to an idle
//! producer never, and "all brokers down" is often false. The truth is one acknowledged record within a deadline. A liveness
//! message is therefore a *round*: one small record to each distinct leader of the liveness topic, at most three, in
//! parallel, and one answer is enough. When one of three brokers dies, a single partition can be silent for ten seconds
//! although the bus works; a round is answered in milliseconds throughout. When no leader answers but other brokers do, the
//! failure is *partial*.
//!
//! # The runtime
//!
//! Nothing here names a runtime, and nothing uses rdkafka's `DefaultRuntime`: which one that is depends on the features of
//! all crates of a build together.

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
