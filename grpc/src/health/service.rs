//! The health service over gRPC.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{Stream, StreamExt as _};
use tonic::body::Body;
use tonic::codegen::{Body as HttpBody, BoxFuture, Service, StdError, http};
use tonic::server::{Grpc, NamedService, ServerStreamingService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use crate::health::Health;
use crate::messages::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse,
};

/// The maximum size of a request, which has a name.
const MAX_REQUEST: usize = 4 * 1024;

impl NamedService for Health {
    const NAME: &'static str = "grpc.health.v1.Health";
}

/// For a server of tonic, or any other that speaks HTTP/2.
impl<B> Service<http::Request<B>> for Health
where
    B: HttpBody + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<http::Response<Body>, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let health = self.clone();
        match request.uri().path() {
            "/grpc.health.v1.Health/Check" => {
                Box::pin(async move { Ok(grpc().unary(Check(health), request).await) })
            }
            "/grpc.health.v1.Health/List" => {
                Box::pin(async move { Ok(grpc().unary(List(health), request).await) })
            }
            "/grpc.health.v1.Health/Watch" => {
                Box::pin(async move { Ok(grpc().server_streaming(Watch(health), request).await) })
            }
            _ => Box::pin(async { Ok(Status::unimplemented("no such method").into_http()) }),
        }
    }
}

fn grpc<A, Q>() -> Grpc<ProstCodec<A, Q>>
where
    A: prost::Message + Send + 'static,
    Q: prost::Message + Default + Send + 'static,
{
    let grpc = Grpc::new(ProstCodec::default());
    grpc.apply_max_message_size_config(Some(MAX_REQUEST), None)
}

struct Check(Health);

impl UnaryService<HealthCheckRequest> for Check {
    type Response = HealthCheckResponse;
    type Future = Ready<Result<Response<HealthCheckResponse>, Status>>;

    fn call(&mut self, request: Request<HealthCheckRequest>) -> Self::Future {
        let status = self.0.status(&request.get_ref().service);
        let unknown = || Status::not_found("unknown service");
        ready(
            status
                .map(|it| Response::new(it.into()))
                .ok_or_else(unknown),
        )
    }
}

struct List(Health);

impl UnaryService<HealthListRequest> for List {
    type Response = HealthListResponse;
    type Future = Ready<Result<Response<HealthListResponse>, Status>>;

    fn call(&mut self, _: Request<HealthListRequest>) -> Self::Future {
        let Some(statuses) = self.0.statuses() else {
            let error = "there are more than 100 services: check each by its name";
            return ready(Err(Status::resource_exhausted(error)));
        };
        let statuses = statuses.into_iter().map(|(name, it)| (name, it.into()));
        let statuses = statuses.collect();
        ready(Ok(Response::new(HealthListResponse { statuses })))
    }
}

struct Watch(Health);

impl ServerStreamingService<HealthCheckRequest> for Watch {
    type Response = HealthCheckResponse;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;
    type Future = Ready<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<HealthCheckRequest>) -> Self::Future {
        let statuses = self.0.watch(request.into_inner().service);
        ready(Ok(Response::new(statuses.map(|it| Ok(it.into())).boxed())))
    }
}
