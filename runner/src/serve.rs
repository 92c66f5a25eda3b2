//! The interface trait of a runner that serves the probes.

use std::io;
use std::net::{SocketAddr, TcpListener};

use livebus_endpoints::Probes;
use livebus_endpoints::http::{Limits, Server};

use crate::runner::Runner;

/// A runner that can serve the probes over HTTP.
pub trait Serve: Runner {
    /// [Starts](Server::start) a server that answers the HTTP clients of `listener` from `probes`. The calls of `listener` do not
    /// block. Called where the runner launches.
    ///
    /// # Errors
    ///
    /// When the runtime cannot take the listener over.
    fn serve(listener: TcpListener, probes: Probes, limits: Limits) -> io::Result<Server>;
}

/// The probes cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Another process listens there.
    #[error("the port is in use: {address}; choose another for the probes, or 0 for any")]
    InUse {
        /// The address that was requested.
        address: SocketAddr,
    },
    /// The system rejects listening there.
    #[error("cannot listen on {address} for the probes: choose an address of this host")]
    Listen {
        /// The address that was requested.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
}

impl ServeError {
    /// Returns the error for `source`, the system's error for listening on `address`.
    pub(crate) fn new(address: SocketAddr, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::AddrInUse {
            Self::InUse { address }
        } else {
            Self::Listen { address, source }
        }
    }
}
