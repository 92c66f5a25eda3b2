//! The probes over HTTP/1.1, by hyper, on any async runtime.
//!
//! - [`Server`] accepts connections and answers their requests from [`Probes`](livebus_readiness::Probes).
//! - [`Listener`] is what a runtime brings, together with hyper's own [`Timer`](hyper::rt::Timer) and
//!   [`Executor`](hyper::rt::Executor).
//! - [`Limits`] bounds what clients can cost the process.
//!
//! Each connection is one task. It answers one request each time it is polled, so that all connections get on alike, and it
//! answers nothing while an earlier answer waits for the client to read. Beyond the greatest number of connections, one that was
//! already answered makes room, or else the one that has sent no request for the longest time.

mod accept;
mod connection;
mod connections;
mod discard;
mod limits;
mod listener;
mod progress;
mod respond;
mod server;
mod shared;
mod stream;

pub use limits::Limits;
pub use listener::{Listener, Task, listen};
pub use server::Server;
