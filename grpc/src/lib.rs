//! gRPC for livebus: the health service, and a gate in front of the calls of a service.
//!
//! - [`Health`] is the service `grpc.health.v1`, which load balancers, Kubernetes and clients ask. It reads the memory of
//!   `livebus-readiness`.
//! - [`Gate`] is a layer of tower. While the process is not ready, it refuses every call with UNAVAILABLE, and tells the client why, and
//!   when to come back.
//! - [`HealthClient`] asks a health service.
//! - [`serve`] serves gRPC services over HTTP/2, on any runtime.
//!
//! ```
//! # use livebus_runner::{Bus, Handle};
//! # use livebus_grpc::{Gate, Gated, Health};
//! # fn services<B: Bus, S>(bus: &Handle<B>, orders: S) -> (Health, Gated<S>) {
//! // With tonic: `Server::builder().layer(Gate::of(&bus)).add_service(Health::of(&bus)).add_service(orders)`
//! let health = Health::of(bus);
//! let gated = Gate::of(bus).layer(orders);
//! # (health, gated)
//! # }
//! ```
//!
//! Nothing here depends on a runtime. Of tonic it has the code that generated services use, and not the transport.

mod client;
mod gate;
mod health;
mod messages;
mod serve;
#[cfg(feature = "client")]
mod transport;

pub use client::{HealthClient, Statuses};
pub use gate::{ExemptError, Gate, GateBody, GateFuture, Gated};
pub use health::{Health, RegisterError, WatchStream};
pub use messages::ServingStatus;
pub use serve::{ServeError, ServeHttp2, serve};
#[cfg(feature = "client")]
pub use transport::Transport;
