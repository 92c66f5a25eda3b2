//! The state that the acceptor and all connections of a server share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use hyper::rt::{Read, Timer, Write};

use crate::http::connections::{Connections, EvictionOrder, Slot};
use crate::http::limits::Limits;
use crate::http::listener::Task;

/// The state that the acceptor and all connections of a server share.
pub(crate) struct Shared {
    pub(crate) address: SocketAddr,
    pub(crate) limits: Limits,
    pub(crate) timer: Arc<dyn Timer + Send + Sync>,
    pub(crate) connections: Arc<Connections>,
}

/// What is spoken on the connections of a server.
pub(crate) trait Protocol: Send + Sync + 'static {
    /// Which of its connections are evicted first.
    const EVICTION_ORDER: EvictionOrder;

    /// Returns the task that serves a connection, which is accepted at `now`. Drops the slot last.
    fn serve<S>(&self, stream: S, now: Instant, shared: Arc<Shared>, slot: Slot) -> Task
    where
        S: Read + Write + Send + Unpin + 'static;
}
