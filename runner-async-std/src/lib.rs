//! livebus on async-std: keeps a service's readiness in step with whether its Kafka bus can be used.
//!
//! ```
//! # #[cfg(all(feature = "http", feature = "kafka"))]
//! #[async_std::main]
//! async fn main() -> anyhow::Result<()> {
//!     use livebus_async_std::Builder;
//!     use livebus_async_std::kafka::{EmbeddedCluster, KafkaConfig};
//!
//!     let cluster = EmbeddedCluster::start(1)?; // or KafkaConfig::new("localhost:9092".parse()?, Properties::new())?
//!     cluster.create_topic("livebus-liveness", 1)?;
//!     let bus = Builder::new(KafkaConfig::embedded(&cluster)?)
//!         .http("127.0.0.1:0".parse()?) // /livez, /readyz and more
//!         .start()
//!         .await?;
//!     bus.ready().await?; // from now on `bus.is_ready()` follows the bus
//!     # assert!(bus.is_ready());
//!     bus.shutdown().await; // NotReady first, then the drain, then the end
//!     Ok(())
//! }
//! # #[cfg(not(all(feature = "http", feature = "kafka")))]
//! # fn main() {}
//! ```
//!
//! The types are in these modules: [`core`] has the settings, the status and its causes, [`readiness`] the reporters and the
//! readers, `kafka` the bus, `endpoints` the HTTP server and its limits, `grpc` the health service and the gate, `recording` recordings and their replay, `voltha`
//! the wire of VOLTHA, [`handlers`] the
//! request handlers, [`calls`] requests and replies, [`runner`] the interface traits that a bus or a runner of your own implements. What depends on the runtime is here:
//! the loop (`run.rs`), the spawning (`execute.rs`), the connections of the probes (`listener.rs`), and what a bus and the loop need of a runtime (`runtime.rs`).
//!
//! A builder may be started anywhere: async-std has one executor for the whole process, with threads of its own.

mod execute;
#[cfg(feature = "http")]
mod listener;
mod run;
mod runtime;

pub use livebus_core as core;
#[cfg(feature = "http")]
pub use livebus_endpoints as endpoints;
#[cfg(feature = "grpc")]
pub use livebus_grpc as grpc;
#[cfg(feature = "kafka")]
pub use livebus_kafka as kafka;
pub use livebus_readiness as readiness;
#[cfg(feature = "recording")]
pub use livebus_recording as recording;
pub use livebus_runner as runner;
pub use livebus_runner::{calls, handlers};
#[cfg(feature = "voltha")]
pub use livebus_voltha as voltha;
pub use runtime::AsyncStdRuntime;

/// Builds the supervision of one bus on async-std.
pub type Builder<B> = livebus_runner::Builder<AsyncStdRuntime, B>;

/// A running supervision on async-std.
pub type Handle<B> = livebus_runner::Handle<B>;
