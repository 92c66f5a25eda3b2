//! livebus on tokio: a service's readiness, kept true to its Kafka bus.
//!
//! ```
//! use livebus_tokio::{Builder, EmbeddedCluster, KafkaConfig};
//!
//! #[tokio::main]
//! async fn main() -> anyhow::Result<()> {
//!     let cluster = EmbeddedCluster::start(1)?; // or KafkaConfig::new("localhost:9092".parse()?, Properties::new())?
//!     cluster.create_topic("livebus-liveness", 1)?;
//!     let bus = Builder::kafka(KafkaConfig::embedded(&cluster)?)
//!         .http("127.0.0.1:0".parse()?) // /livez and /readyz
//!         .start()
//!         .await?;
//!     bus.ready().await?; // from now on `bus.is_ready()` follows the bus
//!     # assert!(bus.is_ready());
//!     bus.shutdown().await; // NotReady first, then the drain, then the end
//!     Ok(())
//! }
//! ```
//!
//! The decisions are [`livebus_core`]'s, what they mean on Kafka is [`livebus_kafka`]'s, the probes are
//! [`livebus_endpoints`]'s. What is left for a runtime is here: the loop (`run.rs`), the spawning (`execute.rs`), the serving
//! (`serve.rs`), and what rdkafka needs of a runtime (`runtime.rs`).
//!
//! Works on the current-thread and on the multi-thread scheduler.

mod builder;
mod execute;
mod handle;
mod run;
mod runtime;
mod serve;

pub use builder::{BuildError, Builder};
pub use handle::{EndedError, Handle};
pub use livebus_core::{
    Answers, Backoff, Cause, Config, ConfigError, Failure, FailureClass, FailureKind, Handler,
    HandlerId, OnClientLost, OnSuspicion, OpId, Predicate, Readiness, ReadinessBuilder, Report,
    ServiceHandle, ServiceNameError, ServiceView, Services, Settings, Status, UnknownService,
};
pub use livebus_endpoints::{Changes, StatusChange};
pub use livebus_kafka::{
    AddressError, BootstrapServers, Bus, EmbeddedCluster, EmbeddedError, KafkaBus, KafkaConfig,
    LivenessBy, News, Observations, Properties, PropertyError, RoundTally, Runtime, code_name,
};
pub use runtime::TokioRuntime;
pub use serve::ServeError;

/// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
