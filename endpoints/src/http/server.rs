//! What a service holds while its probes are served.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::select;
use hyper::rt::{Executor, Timer};
use livebus_readiness::Probes;

use crate::http::accept::Acceptor;
use crate::http::connections::Connections;
use crate::http::limits::Limits;
use crate::http::listener::{Listener, Task};
use crate::http::shared::Shared;

/// A server of probes. Dropping it ends it and its connections.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    /// Held and never used: the serving ends when it is dropped.
    _owner: oneshot::Sender<Infallible>,
}

impl Server {
    /// Answers the clients that connect to `listener` from `probes`, in the background, until the server is dropped.
    ///
    /// It waits by `timer`, and every connection is a task for `executor`. How many descriptors the process may open is looked
    /// at now, and not again.
    ///
    /// # Errors
    ///
    /// When the system does not say where it listens.
    pub fn start(
        listener: impl Listener,
        timer: impl Timer + Send + Sync + 'static,
        executor: impl Executor<Task> + Send + Sync + 'static,
        probes: Probes,
        limits: Limits,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let max_connections = limits.connections_here();
        tracing::info!(%address, max_connections, "serving /livez and /readyz");
        let (owner, dropped) = oneshot::channel();
        let executor = Arc::new(executor);
        let shared = Arc::new(Shared {
            address,
            probes: Arc::new(probes),
            limits,
            timer: Arc::new(timer),
            connections: Arc::default(),
        });
        let closing = CloseOnDrop(Arc::clone(&shared.connections));
        let acceptor = Acceptor {
            listener,
            executor: Arc::clone(&executor),
            shared,
            max_connections,
        };
        let accepting = async move {
            let _closing = closing;
            drop(select(dropped, pin!(acceptor.run())).await);
        };
        executor.execute(accepting.boxed());
        Ok(Self {
            address,
            _owner: owner,
        })
    }

    /// Where it listens: with the port that was chosen for port 0.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Ends all connections, whatever ends the accepting.
struct CloseOnDrop(Arc<Connections>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}
