//! The probes as a service, to be mounted in an existing HTTP server.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::time::Instant;

use hyper::header::{ACCEPT, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::Service;
use hyper::{Request, Response, StatusCode};

use crate::Probes;

/// For a server on hyper. It is ready at once, and does not read the body of a request.
impl<B> Service<Request<B>> for Probes {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        let (request, _body) = request.into_parts();
        ready(Ok(response(self, &request, Instant::now())))
    }
}

/// For axum, and any other server of tower's services. As the service of hyper.
#[cfg(feature = "tower")]
impl<B> tower_service::Service<Request<B>> for Probes {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        Service::call(self, request)
    }
}

/// Returns the response to a request at `now`.
pub(crate) fn response(probes: &Probes, request: &Parts, now: Instant) -> Response<String> {
    let (method, uri) = (request.method.as_str(), &request.uri);
    let accept = accept(&request.headers);
    let answer = probes.respond(method, uri.path(), uri.query(), accept.as_deref(), now);
    let headers = answer.headers();
    let mut response = Response::new(answer.body);
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

/// Returns all values of `Accept` as one, without those that are not text.
fn accept(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    let values = headers.get_all(ACCEPT).into_iter();
    let values = values.filter_map(|value| value.to_str().ok());
    values
        .map(Cow::Borrowed)
        .reduce(|all, value| all + "," + value)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use hyper::Method;
    use livebus_readiness::Registry;

    use super::*;

    fn probes() -> Probes {
        let registry = Registry::builder().required("bus").build();
        Probes::new(registry.expect("one name").readiness())
    }

    fn request(method: Method, target: &str) -> Request<()> {
        let request = Request::builder().method(method).uri(target);
        request.body(()).expect("a valid request")
    }

    #[test]
    fn service_answers_as_the_server_does() {
        let probes = probes();
        for (method, target, status, body) in [
            (Method::GET, "/livez", 200, "ok"),
            (
                Method::HEAD,
                "/livez?verbose",
                200,
                "[+]ping ok\nlivez check passed\n",
            ),
            (Method::POST, "/livez", 405, "only GET and HEAD\n"),
        ] {
            let answered = Service::call(&probes, request(method, target));
            let Some(Ok(response)) = answered.now_or_never() else {
                panic!("it is ready at once");
            };
            assert_eq!(response.status(), status, "{target}");
            assert_eq!(response.body(), body, "{target}");
            let headers = response.headers();
            assert_eq!(headers["cache-control"], "no-store");
            assert_eq!(headers.get("allow").is_some(), status == 405);
        }
    }

    #[test]
    fn accept_decides_the_format_of_metrics() {
        let content_type = |accept: &[&str]| {
            let mut request = request(Method::GET, "/metrics?verbose");
            for value in accept {
                let value = HeaderValue::from_bytes(value.as_bytes()).expect("a valid value");
                request.headers_mut().append(ACCEPT, value);
            }
            let answered = Service::call(&probes(), request).now_or_never();
            let Some(Ok(response)) = answered else {
                panic!("it is ready at once");
            };
            assert_eq!(response.status(), 200);
            response.headers()["content-type"].clone()
        };
        let prometheus = "text/plain; version=0.0.4; charset=utf-8";
        let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert_eq!(content_type(&[]), prometheus);
        assert_eq!(content_type(&["*/*"]), prometheus);
        let accepted = "application/openmetrics-text;version=1.0.0;q=0.5";
        assert_eq!(content_type(&[accepted]), open_metrics);
        assert_eq!(
            content_type(&["text/plain;q=0.4", "é", accepted]),
            open_metrics
        );
        assert_eq!(content_type(&["text/plain;q=0.6", accepted]), prometheus);
    }

    #[cfg(feature = "tower")]
    #[test]
    fn service_of_tower_is_the_service_of_hyper() {
        let request = request(Method::GET, "/statusz");
        let answered = tower_service::Service::call(&mut probes(), request);
        let Some(Ok(response)) = answered.now_or_never() else {
            panic!("it is ready at once");
        };
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/json");
    }
}
