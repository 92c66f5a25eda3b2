//! The transport of a client: one connection, over HTTP/2 without TLS.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::rt::bounds::Http2ClientConnExec;
use hyper::rt::{Read, Write};
use tonic::body::Body;
use tower_service::Service;

/// One connection to a server of gRPC. Clones share it.
#[derive(Debug, Clone)]
pub struct Transport {
    requests: SendRequest<Body>,
    authority: Authority,
}

impl Transport {
    /// Begins HTTP/2 on a connection that was made to `authority`. Returns the transport, and a future to spawn that drives the
    /// connection; it ends after the transport is dropped.
    ///
    /// # Errors
    ///
    /// When the connection fails.
    pub async fn begin<I, E>(
        connection: I,
        executor: E,
        authority: Authority,
    ) -> hyper::Result<(Self, impl Future<Output = ()>)>
    where
        I: Read + Write + Unpin + 'static,
        E: Http2ClientConnExec<Body, I> + Unpin + Clone,
    {
        let (requests, driver) = http2::handshake(executor, connection).await?;
        let transport = Self {
            requests,
            authority,
        };
        // Its errors are those of the calls too.
        Ok((transport, async move { drop(driver.await) }))
    }
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = hyper::Result<Response<Incoming>>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.requests.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.authority.clone());
        // With all three parts it is a valid URI; the client sets the path.
        *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
        Box::pin(self.requests.send_request(request))
    }
}
