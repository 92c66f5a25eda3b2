//! Kafka as a bus: executes livebus's actions with rdkafka, generic over the async runtime.
//!
//! - [`KafkaBus`] executes the operations of a supervisor. It implements [`Bus`](livebus_runner::Bus), the interface trait that a
//!   runner uses; [`Runtime`](livebus_runner::Runtime) is the interface trait that it uses.
//! - [`KafkaConfig`] has the address of the bus and the kind of liveness message; [`Properties`] and [`BootstrapServers`] are
//!   parsed once, with errors that name the remedy.
//! - [`OwnClients`] makes the service's own clients, so that their traffic is evidence.
//! - [`CallBus`](livebus_runner::calls::CallBus) is implemented for it: requests and replies.
//! - [`failure`] maps librdkafka's errors to the classes that decide; [`remedy()`] returns what a person can do about each.
//! - [`EmbeddedCluster`] is a Kafka in the process, with faults on purpose.
//!
//! # The liveness message
//!
//! librdkafka's own signals are hints: it reports a killed broker in a millisecond, a hung one after a minute, to an idle
//! producer never, and "all brokers down" is often false. Proof is one acknowledged record within a deadline. A liveness message
//! is therefore a *round*: one small record to each distinct leader of the liveness topic, at most three, in parallel, and one
//! acknowledgement is enough. It asks for what the service's own records ask for, so by default for the acknowledgement of all
//! replicas that are in sync.
//!
//! When one of three brokers dies, no record is acknowledged like that for seven to fifteen seconds, until the dead broker's replicas
//! are no longer counted as in sync; the records of the service wait as long, and are delivered then. Leaders that say that they wait, and
//! leaders that are silent while other brokers answer, are a *partial* failure. When a round waits, the brokers are asked one by one
//! whether they are alive, by a client of its own that is closed with the doubt: fewer than `min.insync.replicas`, twice in a row, are
//! too few to write anything.
//!
//! # The runtime
//!
//! Nothing here names a runtime, and nothing uses rdkafka's `DefaultRuntime`: which one that is depends on the features of all
//! crates of a build together.

mod address;
mod advertised;
mod ballot;
mod blocking;
mod bootstrap_check;
mod call_thread;
mod calls;
mod cluster_guard;
mod cluster_identity;
mod config;
mod connection;
mod consumer;
mod context;
mod count;
mod counting;
mod create_topic;
mod deadlines;
mod doubt;
mod embedded;
mod error_class;
mod evidence_gate;
mod facts;
mod inquiry;
mod kafka_bus;
mod leaders;
mod liveness_client;
mod lock;
mod log_level;
mod look_up;
mod needed_topic;
mod needed_topics;
mod oauth;
mod own_clients;
mod poll;
mod properties;
mod reason;
mod record_copy;
mod remedy;
mod round;
mod signals;
mod spacing;
mod statistics;
mod symptom;
mod topic_inquiry;

pub use calls::REPLIES_UNREACHABLE_BOUND;
pub use cluster_identity::ClusterPolicy;
pub use config::{KafkaConfig, LivenessBy};
pub use embedded::{EmbeddedCluster, EmbeddedError};
pub use error_class::{classify, code_name, failure};
pub use kafka_bus::{KafkaBus, RoundTally};
pub use needed_topic::{NeededTopic, NeededTopicError};
pub use oauth::{OauthError, OauthToken};
pub use own_clients::{
    OnFailedDelivery, OwnClient, OwnClients, OwnConsumerContext, OwnContext, OwnDelivery,
    OwnFutureProducer,
};
pub use properties::{AddressError, BootstrapServers, Properties, PropertyError};
pub use rdkafka;
pub use remedy::{explain, remedy};
