//! The server of the probes.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::select;
use hyper::rt::{Executor, Timer};

use crate::Probes;
use crate::http::accept::Acceptor;
use crate::http::connection::Http1;
use crate::http::connections::Connections;
#[cfg(feature = "http2")]
use crate::http::http2::{Http2, Http2Service};
use crate::http::limits::Limits;
use crate::http::listener::{Listener, Task};
use crate::http::shared::{Protocol, Shared};

/// A server of probes, or of another service. On drop, closes the listener and all connections.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    /// Never used: the server ends when it is dropped.
    _cancel_guard: oneshot::Sender<Infallible>,
}

impl Server {
    /// Answers the HTTP clients that connect to `listener` from `probes`, in the background, until the server is dropped.
    ///
    /// It uses `timer` for its deadlines, and `executor` runs every connection as a task. The limit of the process's descriptors
    /// is read once, now.
    ///
    /// # Errors
    ///
    /// When the system does not return the address of the listener.
    pub fn start(
        listener: impl Listener,
        timer: impl Timer + Send + Sync + 'static,
        executor: impl Executor<Task> + Send + Sync + 'static,
        probes: Probes,
        limits: Limits,
    ) -> io::Result<Self> {
        let probes = Arc::new(probes);
        let (protocol, executor) = (Http1 { probes }, Arc::new(executor));
        Self::serve(listener, timer, &executor, protocol, limits, "the probes")
    }

    /// Serves `service` over HTTP/2 to the clients that connect to `listener`, as [`start`](Self::start) serves the probes. It has no
    /// TLS. `what` names the service in the log.
    ///
    /// # Errors
    ///
    /// When the system does not return the address of the listener.
    #[cfg(feature = "http2")]
    pub fn start_http2(
        listener: impl Listener,
        timer: impl Timer + Send + Sync + 'static,
        executor: impl Executor<Task> + Send + Sync + 'static,
        service: impl Http2Service,
        limits: Limits,
        what: &'static str,
    ) -> io::Result<Self> {
        let executor = Arc::new(executor);
        let protocol = Http2::new(service, Arc::clone(&executor));
        Self::serve(listener, timer, &executor, protocol, limits, what)
    }

    fn serve<E, P>(
        listener: impl Listener,
        timer: impl Timer + Send + Sync + 'static,
        executor: &Arc<E>,
        protocol: P,
        limits: Limits,
        what: &'static str,
    ) -> io::Result<Self>
    where
        E: Executor<Task> + Send + Sync + 'static,
        P: Protocol,
    {
        let address = listener.local_addr()?;
        let max_connections = limits.connections_here();
        tracing::info!(%address, max_connections, "serving {what}");
        let (cancel_guard, cancel) = oneshot::channel();
        let shared = Arc::new(Shared {
            address,
            limits,
            timer: Arc::new(timer),
            connections: Arc::new(Connections::new(P::EVICTION_ORDER)),
        });
        let closing = CloseOnDrop(Arc::clone(&shared.connections));
        let acceptor = Acceptor {
            listener,
            executor: Arc::clone(executor),
            shared,
            protocol,
            max_connections,
        };
        let accepting = async move {
            let _closing = closing;
            drop(select(cancel, pin!(acceptor.run())).await);
        };
        executor.execute(accepting.boxed());
        Ok(Self {
            address,
            _cancel_guard: cancel_guard,
        })
    }

    /// Returns the address where it listens, with the port that was chosen for port 0.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// On drop, closes all connections: whatever ends the acceptor.
struct CloseOnDrop(Arc<Connections>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}
