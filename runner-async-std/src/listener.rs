//! What the HTTP servers need of the runtime: connections, a timer, tasks.

use std::io;
use std::net::{self, Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use async_std::net::{TcpListener, TcpStream};
use hyper::rt::{Executor, Read, ReadBufCursor, Write};
use livebus_endpoints::Probes;
use livebus_endpoints::http::{Limits, Listener, Server, Task};
use livebus_runner::Serve;
use pin_project::pin_project;
use smol_hyper::rt::{FuturesIo, SmolTimer};

use crate::runtime::AsyncStdRuntime;

impl Serve for AsyncStdRuntime {
    fn serve(listener: net::TcpListener, probes: Probes, limits: Limits) -> io::Result<Server> {
        let listener = AsyncStdListener(TcpListener::from(listener));
        let (timer, executor) = (SmolTimer::new(), AsyncStdExecutor);
        Server::start(listener, timer, executor, probes, limits)
    }
}

#[cfg(feature = "grpc")]
impl livebus_grpc::ServeHttp2 for AsyncStdRuntime {
    fn serve_http2(
        listener: net::TcpListener,
        service: impl livebus_endpoints::http::Http2Service,
        limits: Limits,
        what: &'static str,
    ) -> io::Result<Server> {
        let listener = AsyncStdListener(TcpListener::from(listener));
        let (timer, executor) = (SmolTimer::new(), AsyncStdExecutor);
        Server::start_http2(listener, timer, executor, service, limits, what)
    }
}

struct AsyncStdListener(TcpListener);

impl Listener for AsyncStdListener {
    type Stream = AsyncStdStream;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    async fn accept(&self) -> io::Result<Self::Stream> {
        let (stream, _) = self.0.accept().await?;
        Ok(AsyncStdStream(FuturesIo::new(stream)))
    }
}

/// A stream that shuts its socket down. Closing a stream of async-std does nothing before it is dropped.
#[pin_project]
struct AsyncStdStream(#[pin] FuturesIo<TcpStream>);

impl Read for AsyncStdStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.project().0.poll_read(cx, buffer)
    }
}

impl Write for AsyncStdStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().0.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().0.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.get_ref().shutdown(Shutdown::Write))
    }
}

struct AsyncStdExecutor;

impl Executor<Task> for AsyncStdExecutor {
    fn execute(&self, task: Task) {
        async_std::task::spawn(task);
    }
}
