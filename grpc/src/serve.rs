//! A server of gRPC services, on any runtime.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use livebus_endpoints::http::{self, Http2Service, Limits, Server};
use livebus_runner::Runner;

/// A runner that can serve a service over HTTP/2.
pub trait ServeHttp2: Runner {
    /// [Starts](Server::start_http2) a server that answers the clients of `listener` from `service`. The calls of `listener` do not
    /// block. Called where the runner launches.
    ///
    /// # Errors
    ///
    /// When the runtime cannot take the listener over.
    fn serve_http2(
        listener: TcpListener,
        service: impl Http2Service,
        limits: Limits,
        what: &'static str,
    ) -> io::Result<Server>;
}

/// Serves a gRPC service, such as a [`Health`](crate::Health) or the `Routes` of tonic, at `address` until the server is dropped: over
/// HTTP/2, without TLS. Port 0 means any free port ([`Server::address`]).
///
/// Connections live as long as their clients want. Above seven eighths of [`Limits::connections`], a new one evicts the oldest without a
/// call so far, or else the oldest, whose calls have one second to end.
///
/// # Errors
///
/// [`ServeError`] when the system does not allow it.
pub fn serve<R: ServeHttp2>(
    address: SocketAddr,
    service: impl Http2Service,
) -> Result<Server, ServeError> {
    let limits = Limits {
        lifetime: Duration::MAX,
        ..Limits::default()
    };
    let served = http::listen(address)
        .and_then(|listener| R::serve_http2(listener, service, limits, "gRPC"));
    served.map_err(|source| ServeError::new(address, source))
}

/// A gRPC service cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Another process listens there.
    #[error("the port is in use: {address}; choose another for gRPC, or 0 for any")]
    InUse {
        /// The address that was requested.
        address: SocketAddr,
    },
    /// The system rejects listening there.
    #[error("cannot listen on {address} for gRPC: choose an address of this host")]
    Listen {
        /// The address that was requested.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
}

impl ServeError {
    fn new(address: SocketAddr, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::AddrInUse {
            Self::InUse { address }
        } else {
            Self::Listen { address, source }
        }
    }
}
