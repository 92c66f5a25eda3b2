//! What the probes are served with: connections, a timer, tasks.

use std::io;
use std::net::SocketAddr;

use async_std::net::{TcpListener, TcpStream};
use hyper::rt::Executor;
use livebus_endpoints::Probes;
use livebus_endpoints::http::{Limits, Listener, Server, Task};
use livebus_runner::Serve;
use smol_hyper::rt::{FuturesIo, SmolTimer};

use crate::runtime::AsyncStdRuntime;

impl Serve for AsyncStdRuntime {
    async fn serve(address: SocketAddr, probes: Probes, limits: Limits) -> io::Result<Server> {
        let listener = AsyncStdListener(TcpListener::bind(address).await?);
        let (timer, executor) = (SmolTimer::new(), AsyncStdExecutor);
        Server::start(listener, timer, executor, probes, limits)
    }
}

struct AsyncStdListener(TcpListener);

impl Listener for AsyncStdListener {
    type Stream = FuturesIo<TcpStream>;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    async fn accept(&self) -> io::Result<Self::Stream> {
        let (stream, _) = self.0.accept().await?;
        Ok(FuturesIo::new(stream))
    }
}

struct AsyncStdExecutor;

impl Executor<Task> for AsyncStdExecutor {
    fn execute(&self, task: Task) {
        async_std::task::spawn(task);
    }
}
