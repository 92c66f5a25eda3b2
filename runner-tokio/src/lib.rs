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
//! The decisions are `livebus-core`'s, what they mean on Kafka is `livebus-kafka`'s, the probes are `livebus-endpoints`',
//! and what every runner shares is [`livebus_runner`]'s. What is left for a runtime is here: the loop (`run.rs`), the
//! spawning (`execute.rs`), what the probes are served with (`listener.rs`), and what rdkafka and the loop need of a runtime (`runtime.rs`).
//!
//! A builder must be started inside a tokio runtime with its time and IO enabled; either scheduler will do.

mod execute;
mod listener;
mod run;
mod runtime;

pub use livebus_runner::{
    AddressError, Answers, Backoff, BootstrapServers, BuildError, Bus, Cause, Changes, Config,
    ConfigError, EmbeddedCluster, EmbeddedError, End, EndedError, Entry, Failure, FailureClass,
    FailureKind, Handler, HandlerId, KafkaBus, KafkaConfig, Limits, LivenessBy, News, Observations,
    OnClientLost, OnSuspicion, OpId, Predicate, Properties, PropertyError, Readiness,
    ReadinessBuilder, Record, RecordError, RecordOptions, Recording, Report, RoundTally, Runtime,
    ServeError, ServiceHandle, ServiceNameError, ServiceView, Services, Settings, Status,
    StatusChange, Time, UnknownService, code_name,
};
pub use runtime::TokioRuntime;

/// Builds the supervision of one bus on tokio.
pub type Builder<B = KafkaBus<TokioRuntime>> = livebus_runner::Builder<TokioRuntime, B>;

/// A supervision that runs on tokio.
pub type Handle<B = KafkaBus<TokioRuntime>> = livebus_runner::Handle<B>;

/// The example of the README is a test.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
