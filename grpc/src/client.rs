//! A client of `grpc.health.v1`.

use std::collections::BTreeMap;

use http::uri::PathAndQuery;
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService};
use tonic::codegen::{Body as HttpBody, Bytes, StdError};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::messages::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse, ServingStatus,
};

/// Asks a health service, over any transport that is a service of tower.
#[derive(Debug, Clone)]
pub struct HealthClient<T> {
    grpc: Grpc<T>,
}

/// The statuses of a watch, in their order.
#[derive(Debug)]
pub struct Statuses(Streaming<HealthCheckResponse>);

impl<T> HealthClient<T>
where
    T: GrpcService<Body>,
    T::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
    <T::ResponseBody as HttpBody>::Error: Into<StdError> + Send,
{
    /// Makes a client of the health service that `transport` reaches.
    pub fn new(transport: T) -> Self {
        Self {
            grpc: Grpc::new(transport),
        }
    }

    /// Returns the status of a service; the empty name is that of the whole process.
    ///
    /// # Errors
    ///
    /// The status of the call, which is `NOT_FOUND` for an unknown name.
    pub async fn check(&mut self, service: &str) -> Result<ServingStatus, Status> {
        self.ready().await?;
        let service = service.to_owned();
        let request = Request::new(HealthCheckRequest { service });
        let path = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
        let codec = ProstCodec::default();
        let answer: Response<HealthCheckResponse> = self.grpc.unary(request, path, codec).await?;
        Ok(answer.get_ref().status())
    }

    /// Returns the status of every service, by name.
    ///
    /// # Errors
    ///
    /// The status of the call, which is `RESOURCE_EXHAUSTED` if there are too many.
    pub async fn list(&mut self) -> Result<BTreeMap<String, ServingStatus>, Status> {
        self.ready().await?;
        let request = Request::new(HealthListRequest {});
        let path = PathAndQuery::from_static("/grpc.health.v1.Health/List");
        let codec = ProstCodec::default();
        let answer: Response<HealthListResponse> = self.grpc.unary(request, path, codec).await?;
        let statuses = answer.into_inner().statuses.into_iter();
        Ok(statuses.map(|(name, it)| (name, it.status())).collect())
    }

    /// Watches the status of a service: the present one, and each change.
    ///
    /// # Errors
    ///
    /// The status of the call.
    pub async fn watch(&mut self, service: &str) -> Result<Statuses, Status> {
        self.ready().await?;
        let service = service.to_owned();
        let request = Request::new(HealthCheckRequest { service });
        let path = PathAndQuery::from_static("/grpc.health.v1.Health/Watch");
        let codec = ProstCodec::default();
        let answer = self.grpc.server_streaming(request, path, codec).await?;
        Ok(Statuses(answer.into_inner()))
    }

    async fn ready(&mut self) -> Result<(), Status> {
        let ready = self.grpc.ready().await;
        ready.map_err(|error| Status::unavailable(error.into().to_string()))
    }
}

impl Statuses {
    /// Returns the next status; `None` at the end.
    ///
    /// # Errors
    ///
    /// The status of the call, if it failed.
    pub async fn next(&mut self) -> Result<Option<ServingStatus>, Status> {
        let answer = self.0.message().await?;
        Ok(answer.map(|it| it.status()))
    }
}
