//! gRPC in tests: a client on a runtime of its own, and a service with a unary and a streaming method.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::channel::oneshot;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};
use http::uri::PathAndQuery;
use hyper_util::rt::{TokioExecutor, TokioIo};
use livebus_grpc::Transport;
use tokio::net::TcpStream;
use tokio::runtime;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codegen::BoxFuture;
use tonic::server::{NamedService, ServerStreamingService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower_service::Service;

use crate::WAIT_LIMIT;

/// The path of the unary method of [`Echo`].
pub const SAY: &str = "/livebus.test.Echo/Say";
/// The path of its streaming method.
pub const REPEAT: &str = "/livebus.test.Echo/Repeat";

/// Runs `client` with a connection to `address`, on a runtime of its own, and blocks until it is done.
///
/// # Panics
///
/// When it cannot connect, or takes longer than [`WAIT_LIMIT`].
pub fn with_client<T, F>(address: SocketAddr, client: impl FnOnce(Transport) -> F) -> T
where
    F: Future<Output = T>,
{
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the system provides a runtime");
    runtime.block_on(async {
        let client = async { client(connect(address).await).await };
        let done = tokio::time::timeout(WAIT_LIMIT, client).await;
        done.expect("the client takes too long")
    })
}

/// Connects to `address`.
///
/// # Panics
///
/// When it cannot.
pub async fn connect(address: SocketAddr) -> Transport {
    let stream = TcpStream::connect(address).await;
    let stream = TokioIo::new(stream.expect("the server listens"));
    let authority = address.to_string().parse().expect("an address is one");
    let begun = Transport::begin(stream, TokioExecutor::new(), authority).await;
    let (transport, driver) = begun.expect("it speaks HTTP/2");
    tokio::spawn(driver);
    transport
}

/// Calls the unary method of [`Echo`].
///
/// # Errors
///
/// The status of the call.
pub async fn say(transport: &Transport, text: &str) -> Result<String, Status> {
    let mut grpc = ready(transport).await?;
    let path = PathAndQuery::from_static(SAY);
    let request = Request::new(text.to_owned());
    let answer: Response<String> = grpc.unary(request, path, codec()).await?;
    Ok(answer.into_inner())
}

/// Calls the streaming method of [`Echo`]. Returns the messages, until the call ends.
///
/// # Errors
///
/// The status of the call.
pub async fn repeat(
    transport: &Transport,
    text: &str,
) -> Result<BoxStream<'static, Result<String, Status>>, Status> {
    let mut grpc = ready(transport).await?;
    let path = PathAndQuery::from_static(REPEAT);
    let request = Request::new(text.to_owned());
    let answer = grpc.server_streaming(request, path, codec()).await?;
    Ok(answer.into_inner().boxed())
}

async fn ready(transport: &Transport) -> Result<Grpc<Transport>, Status> {
    let mut grpc = Grpc::new(transport.clone());
    let ready = grpc.ready().await;
    ready.map_err(|error| Status::unavailable(error.to_string()))?;
    Ok(grpc)
}

fn codec() -> ProstCodec<String, String> {
    ProstCodec::default()
}

/// A service that echoes: once, or every ten milliseconds until the client ends the call. `google.protobuf.StringValue` has the same
/// encoding as its messages.
#[derive(Debug, Clone, Copy, Default)]
pub struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "livebus.test.Echo";
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<http::Response<Body>, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let mut grpc = tonic::server::Grpc::new(codec());
        match request.uri().path() {
            SAY => Box::pin(async move { Ok(grpc.unary(Self, request).await) }),
            REPEAT => Box::pin(async move { Ok(grpc.server_streaming(Self, request).await) }),
            _ => Box::pin(async { Ok(Status::unimplemented("no such method").into_http()) }),
        }
    }
}

impl UnaryService<String> for Echo {
    type Response = String;
    type Future = BoxFuture<Response<String>, Status>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        Box::pin(async move { Ok(Response::new(request.into_inner())) })
    }
}

impl ServerStreamingService<String> for Echo {
    type Response = String;
    type ResponseStream = BoxStream<'static, Result<String, Status>>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let text = request.into_inner();
        let repeated = stream::unfold(text, |text| async {
            pause(Duration::from_millis(10)).await;
            Some((Ok(text.clone()), text))
        });
        Box::pin(async move { Ok(Response::new(repeated.boxed())) })
    }
}

/// Waits on a thread, so that it works on any runtime.
fn pause(duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    let (done, waited) = oneshot::channel();
    std::thread::spawn(move || {
        std::thread::sleep(duration);
        done.send(())
    });
    waited.map(drop).boxed()
}
