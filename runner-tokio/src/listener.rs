//! What the HTTP servers need of the runtime: connections, a timer, tasks.

use std::io;
use std::net::{self, SocketAddr};

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use livebus_endpoints::Probes;
use livebus_endpoints::http::{Limits, Listener, Server};
use livebus_runner::Serve;
use tokio::net::{TcpListener, TcpStream};

use crate::runtime::TokioRuntime;

impl Serve for TokioRuntime {
    fn serve(listener: net::TcpListener, probes: Probes, limits: Limits) -> io::Result<Server> {
        let listener = TokioListener(TcpListener::from_std(listener)?);
        let (timer, executor) = (TokioTimer::new(), TokioExecutor::new());
        Server::start(listener, timer, executor, probes, limits)
    }
}

#[cfg(feature = "grpc")]
impl livebus_grpc::ServeHttp2 for TokioRuntime {
    fn serve_http2(
        listener: net::TcpListener,
        service: impl livebus_endpoints::http::Http2Service,
        limits: Limits,
        what: &'static str,
    ) -> io::Result<Server> {
        let listener = TokioListener(TcpListener::from_std(listener)?);
        let (timer, executor) = (TokioTimer::new(), TokioExecutor::new());
        Server::start_http2(listener, timer, executor, service, limits, what)
    }
}

struct TokioListener(TcpListener);

impl Listener for TokioListener {
    type Stream = TokioIo<TcpStream>;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    async fn accept(&self) -> io::Result<Self::Stream> {
        let (stream, _) = self.0.accept().await?;
        Ok(TokioIo::new(stream))
    }
}
