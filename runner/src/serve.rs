//! What a runner brings to serve the probes.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use futures::channel::oneshot;
use livebus_readiness::Probes;

use crate::owner::{OwnerGone, owner};
use crate::runner::Runner;

/// A runner that can serve the probes over HTTP.
pub trait Serve: Runner {
    /// Listens on `address` and answers from `probes`, in the background, until the server is dropped.
    ///
    /// # Errors
    ///
    /// [`ServeError`] when the system does not let it listen there.
    fn serve(
        address: SocketAddr,
        probes: Probes,
    ) -> impl Future<Output = Result<Server, ServeError>> + Send;
}

/// A server of probes. Dropping it ends it and its connections.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    /// Held and never used: the serving ends when it is dropped.
    _owner: oneshot::Sender<()>,
}

impl Server {
    /// A server that listens on `address`, and what ends when it is to end.
    pub fn new(address: SocketAddr) -> (Self, OwnerGone) {
        tracing::info!(%address, "serving /livez and /readyz");
        let (owner, dropped) = owner();
        let server = Self {
            address,
            _owner: owner,
        };
        (server, dropped)
    }

    /// Where it listens: with the port that was chosen for port 0.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The probes cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
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
    #[must_use]
    pub fn new(address: SocketAddr, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::AddrInUse {
            Self::InUse { address }
        } else {
            Self::Listen { address, source }
        }
    }
}
