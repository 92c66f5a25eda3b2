//! The interface traits of a runtime: a listener, and tasks.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};

use futures::future::BoxFuture;
use hyper::rt::{Read, Write};

/// A future for a runtime to run in the background, on any of its threads.
pub type Task = BoxFuture<'static, ()>;

/// A listening socket of any async runtime.
pub trait Listener: Send + Sync + 'static {
    /// A connection. Dropping it closes its descriptor.
    type Stream: Read + Write + Send + Unpin + 'static;

    /// Returns the address where it listens, with the port that was chosen for port 0.
    ///
    /// # Errors
    ///
    /// When the system does not return it.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// Accepts a connection.
    ///
    /// # Errors
    ///
    /// When the system cannot accept one. The server retries.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// The maximum number of clients that wait to be accepted, if the system allows it. Further clients retry after a second.
const BACKLOG: i32 = 4_096;

/// Listens on `address`, without blocking calls, for a runtime to take over.
///
/// # Errors
///
/// When the system does not allow it.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    // The standard library's own backlog is 128. A second call of `listen` changes it.
    #[cfg(unix)]
    rustix::net::listen(&listener, BACKLOG)?;
    Ok(listener)
}
