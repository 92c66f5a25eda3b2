//! The probes over HTTP/1.1, by hyper, on any async runtime.
//!
//! - [`Server`] accepts connections and answers their requests from [`Probes`](crate::Probes).
//! - [`Probes`](crate::Probes) is itself a [`Service`](hyper::service::Service) of hyper, and with the feature `tower` one of tower, to
//!   be mounted in an existing server. That server has limits of its own.
//! - [`Listener`] is implemented for each runtime, together with hyper's own [`Timer`](hyper::rt::Timer) and
//!   [`Executor`](hyper::rt::Executor).
//! - [`Limits`] bounds the resources that clients can use. In this module a client is an HTTP client.
//!
//! With the feature `http2`, a server can also serve any service of tower over HTTP/2 ([`Server::start_http2`]).
//!
//! Each connection is one task. One of HTTP/1.1 answers at most one request per poll, for fairness, and none while an earlier answer waits for
//! the client to read. At the maximum number of connections, the server
//! evicts one that was already answered, or else the oldest; over HTTP/2 one that was never called, or else the oldest.

mod accept;
mod connection;
mod connections;
mod discard;
#[cfg(feature = "http2")]
mod http2;
mod limits;
mod listener;
mod progress;
mod respond;
mod server;
mod service;
mod shared;
mod stream;

#[cfg(feature = "http2")]
pub use http2::{Http2Body, Http2Service};
pub use limits::Limits;
pub use listener::{Listener, Task, listen};
pub use server::Server;
