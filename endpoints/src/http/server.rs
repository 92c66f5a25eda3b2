//! What a service holds while its probes are served, and what a runtime brings for it.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{BoxFuture, select};
use hyper::rt::{Executor, Read, Timer, Write};

use crate::http::Limits;
use crate::http::accept::Acceptor;
use crate::http::connections::Connections;
use livebus_readiness::Probes;

/// A future for a runtime to run in the background, on any of its threads.
pub type Task = BoxFuture<'static, ()>;

/// A socket that accepts connections, of any async runtime.
pub trait Listener: Send + Sync + 'static {
    /// A connection. Dropping it closes its descriptor.
    type Stream: Read + Write + Send + Unpin + 'static;

    /// Where it listens: with the port that was chosen for port 0.
    ///
    /// # Errors
    ///
    /// When the system does not say.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// Waits for a connection.
    ///
    /// # Errors
    ///
    /// When the system cannot accept one. The server tries again.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// How many clients may wait to be accepted, if the system allows so many. One more is not heard, and tries again after a second.
const BACKLOG: i32 = 4_096;

/// Listens on `address`, for a runtime to take over: accepting does not block.
///
/// # Errors
///
/// When the system does not allow it.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    // The standard library's own number is 128. Listening again changes it.
    #[cfg(unix)]
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener)
}

/// A server of probes. Dropping it ends it and its connections.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    /// Held and never used: the serving ends when it is dropped.
    _owner: oneshot::Sender<Infallible>,
}

/// What the accepting and all connections of one server share.
pub(crate) struct Shared {
    pub(crate) address: SocketAddr,
    pub(crate) probes: Arc<Probes>,
    pub(crate) limits: Limits,
    pub(crate) timer: Arc<dyn Timer + Send + Sync>,
    pub(crate) connections: Arc<Connections>,
}

impl Server {
    /// Answers whoever connects to `listener` from `probes`, in the background, until the server is dropped.
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
