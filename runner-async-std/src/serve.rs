//! The probes over HTTP.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_std::net::{TcpListener, TcpStream};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, future, select};
use livebus_readiness::Probes;
use livebus_runner::{OwnerGone, Serve, ServeError, Server};
use trillium_http::{Conn, HttpContext};

use crate::runtime::AsyncStdRuntime;

/// How long a client may take to send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait when the system cannot accept a connection (out of descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl Serve for AsyncStdRuntime {
    async fn serve(address: SocketAddr, probes: Probes) -> Result<Server, ServeError> {
        let refused = |source| ServeError::new(address, source);
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let (server, owner) = Server::new(listener.local_addr().map_err(refused)?);
        async_std::task::spawn(accept(listener, probes, owner));
        Ok(server)
    }
}

async fn accept(listener: TcpListener, probes: Probes, mut owner: OwnerGone) {
    let mut connections = FuturesUnordered::new();
    let mut pause = Duration::ZERO;
    loop {
        let accept = async {
            async_std::task::sleep(pause).await;
            listener.accept().await
        };
        let accepted = select! {
            accepted = accept.fuse() => accepted,
            _ = connections.select_next_some() => continue,
            _ = &mut owner => break,
        };
        pause = match accepted {
            Ok((stream, _)) => {
                let connection = AssertUnwindSafe(connection(stream, probes.clone()));
                connections.push(connection.catch_unwind());
                Duration::ZERO
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                ACCEPT_PAUSE
            }
        };
    }
}

async fn connection(stream: TcpStream, probes: Probes) {
    let requests = AtomicU64::new(0);
    let served = Arc::new(HttpContext::default()).run(stream, |request| {
        requests.fetch_add(1, Ordering::Relaxed);
        future::ready(respond(&probes, request))
    });
    let idle = async {
        let mut before = None;
        while before != Some(requests.load(Ordering::Relaxed)) {
            before = Some(requests.load(Ordering::Relaxed));
            async_std::task::sleep(REQUEST_TIMEOUT).await;
        }
    };
    // A client that goes away, or is silent, is none of the service's troubles.
    let _ = future::select(pin!(served), pin!(idle)).await;
}

fn respond(probes: &Probes, mut request: Conn<TcpStream>) -> Conn<TcpStream> {
    let method = request.method();
    let query = Some(request.querystring());
    let answer = probes.respond(method.as_str(), request.path(), query, Instant::now());
    for (name, value) in answer.headers() {
        request.response_headers_mut().insert(name, value);
    }
    request.set_status(answer.status);
    request.set_response_body(answer.body);
    request
}
