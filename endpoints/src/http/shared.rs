//! The state that the acceptor and all connections of a server share.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::rt::Timer;

use crate::Probes;
use crate::http::connections::Connections;
use crate::http::limits::Limits;

/// The state that the acceptor and all connections of a server share.
pub(crate) struct Shared {
    pub(crate) address: SocketAddr,
    pub(crate) probes: Arc<Probes>,
    pub(crate) limits: Limits,
    pub(crate) timer: Arc<dyn Timer + Send + Sync>,
    pub(crate) connections: Arc<Connections>,
}
