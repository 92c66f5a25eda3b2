//! The probes over HTTP.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use livebus_readiness::Probes;
use livebus_runner::{OwnerGone, Serve, ServeError, Server};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::runtime::TokioRuntime;

/// How long a client may take to send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait when the system cannot accept a connection (out of descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl Serve for TokioRuntime {
    async fn serve(address: SocketAddr, probes: Probes) -> Result<Server, ServeError> {
        let refused = |source| ServeError::new(address, source);
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let (server, owner) = Server::new(listener.local_addr().map_err(refused)?);
        tokio::spawn(accept(listener, probes, owner));
        Ok(server)
    }
}

async fn accept(listener: TcpListener, probes: Probes, mut owner: OwnerGone) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut owner => break,
        };
        match accepted {
            Ok((stream, _)) => drop(connections.spawn(connection(stream, probes.clone()))),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, probes: Probes) {
    let service = service_fn(|request| {
        let response = respond(&probes, &request);
        async { Ok::<_, Infallible>(response) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    // A client that goes away, or is silent, is none of the service's troubles.
    let _ = served.await;
}

fn respond(probes: &Probes, request: &Request<Incoming>) -> Response<String> {
    let (method, uri) = (request.method().as_str(), request.uri());
    let answer = probes.respond(method, uri.path(), uri.query(), Instant::now());
    let headers = answer.headers();
    let mut response = Response::new(answer.body);
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
