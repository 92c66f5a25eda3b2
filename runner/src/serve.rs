//! What a runner brings to serve the probes.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use livebus_endpoints::Probes;
use livebus_endpoints::http::{Limits, Server};

use crate::runner::Runner;

/// A runner that can serve the probes over HTTP.
pub trait Serve: Runner {
    /// Listens on `address`, and [starts](Server::start) to answer from `probes`.
    ///
    /// # Errors
    ///
    /// When the system does not let it listen there.
    fn serve(
        address: SocketAddr,
        probes: Probes,
        limits: Limits,
    ) -> impl Future<Output = io::Result<Server>> + Send;
}

/// The probes cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Somebody else listens there.
    #[error("the port is in use: {address}; choose another for the probes, or 0 for any")]
    InUse {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// The system does not let us listen there.
    #[error("cannot listen on {address} for the probes: {source}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl ServeError {
    /// From what the system said about listening on `address`.
    pub(crate) fn new(address: SocketAddr, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::AddrInUse {
            Self::InUse { address }
        } else {
            Self::Listen { address, source }
        }
    }
}
