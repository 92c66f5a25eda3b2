//! What a runtime brings: connections that are accepted, and tasks.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};

use futures::future::BoxFuture;
use hyper::rt::{Read, Write};

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
