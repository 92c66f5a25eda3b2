//! Answers requests, one per poll of the connection.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::body::{Body as _, Incoming};
use hyper::http::request::Parts;
use hyper::rt::Timer;
use hyper::service::Service;
use hyper::{Request, Response};

use crate::Probes;
use crate::http::progress::Progress;
use crate::http::service::response;

/// Answers the requests of one connection. Clones share everything.
#[derive(Clone)]
pub(crate) struct Respond {
    pub(crate) probes: Arc<Probes>,
    pub(crate) timer: Arc<dyn Timer + Send + Sync>,
    pub(crate) progress: Progress,
    /// Whether this connection was answered: it is evicted first then.
    pub(crate) answered: Arc<AtomicBool>,
}

impl Service<Request<Incoming>> for Respond {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        let (request, body) = request.into_parts();
        if !body.is_end_stream() {
            self.progress.set_had_body();
        }
        // This drops the body. hyper closes a connection if it would have to read the body to find the next request.
        Answer {
            request,
            respond: self.clone(),
        }
    }
}

/// An answer that waits until the connection may answer.
pub(crate) struct Answer {
    request: Parts,
    respond: Respond,
}

impl Future for Answer {
    type Output = Result<Response<String>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.respond.progress.try_answer() {
            Poll::Ready(Ok(self.respond.respond(&self.request)))
        } else {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }
}

impl Respond {
    fn respond(&self, request: &Parts) -> Response<String> {
        self.answered.store(true, Ordering::Relaxed);
        let now = self.timer.now();
        response(&self.probes, request, now)
    }
}
