//! From a request to its answer, when its turn has come.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::rt::Timer;
use hyper::service::Service;
use hyper::{Request, Response, StatusCode};

use crate::http::progress::{Progress, Turn};
use crate::probes::Probes;

/// Answers the requests of one connection.
pub(crate) struct Respond {
    pub(crate) probes: Arc<Probes>,
    pub(crate) timer: Arc<dyn Timer + Send + Sync>,
    pub(crate) progress: Progress,
    /// Whether this connection was answered, for those who decide which one has to go.
    pub(crate) answered: Arc<AtomicBool>,
}

impl Service<Request<Incoming>> for Respond {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        // The body is dropped with the request: nobody reads it.
        let has_body = !request.body().is_end_stream();
        let (head, _) = request.into_parts();
        Answer {
            method: head.method,
            uri: head.uri,
            has_body,
            probes: Arc::clone(&self.probes),
            timer: Arc::clone(&self.timer),
            progress: self.progress.clone(),
            answered: Arc::clone(&self.answered),
        }
    }
}

/// An answer that waits for its turn, and is made then.
pub(crate) struct Answer {
    method: hyper::Method,
    uri: hyper::Uri,
    has_body: bool,
    probes: Arc<Probes>,
    timer: Arc<dyn Timer + Send + Sync>,
    progress: Progress,
    answered: Arc<AtomicBool>,
}

impl Future for Answer {
    type Output = Result<Response<String>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.progress.turn() {
            Turn::Now => Poll::Ready(Ok(self.make())),
            Turn::Next => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            // The write that goes on wakes the task.
            Turn::Stalled => Poll::Pending,
        }
    }
}

impl Answer {
    fn make(&self) -> Response<String> {
        let now = self.timer.now();
        self.progress.answered(now, self.has_body);
        self.answered.store(true, Ordering::Relaxed);
        let (method, path, query) = (self.method.as_str(), self.uri.path(), self.uri.query());
        let answer = self.probes.respond(method, path, query, now);
        let headers = answer.headers();
        let mut response = Response::new(answer.body);
        *response.status_mut() =
            StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in headers {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        if self.has_body {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        response
    }
}
