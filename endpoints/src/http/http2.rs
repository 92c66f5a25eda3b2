//! A service of tower over HTTP/2.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::{Either, select};
use hyper::body::{Body, Buf, Incoming};
use hyper::rt::{Executor, Read, Sleep, Timer, Write};
use hyper::server::conn::http2;
use hyper::{Request, Response};
use pin_project::pin_project;

use crate::http::connections::{EvictionOrder, Slot};
use crate::http::limits::{Limits, after};
use crate::http::listener::Task;
use crate::http::shared::{Protocol, Shared};

/// The maximum number of requests in flight on one connection. More wait at the client.
const MAX_STREAMS: u32 = 100;
/// The maximum number of bytes of requests that wait to be read, on one connection.
const RECEIVE_WINDOW: u32 = 64 * 1024;
/// The maximum number of bytes that wait to be sent on one stream.
const SEND_BUFFER: usize = 64 * 1024;
/// The time without traffic after which the client must answer a ping.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// The maximum time for which the calls of an evicted connection go on, after its client was asked to open another.
const EVICTION_TIMEOUT: Duration = Duration::from_secs(1);

/// A service of tower for [`Server::start_http2`](crate::http::Server::start_http2). Every service with these types is one.
pub trait Http2Service:
    tower_service::Service<
        Request<Incoming>,
        Response = Response<Self::Body>,
        Error = Infallible,
        Future: Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
    /// The body of its answers.
    type Body: Http2Body;
}

impl<S, B> Http2Service for S
where
    S: tower_service::Service<
            Request<Incoming>,
            Response = Response<B>,
            Error = Infallible,
            Future: Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static,
    B: Http2Body,
{
    type Body = B;
}

/// The body of an answer. Every body with these types is one.
pub trait Http2Body:
    Body<Data: Buf + Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static
{
}

impl<B> Http2Body for B where
    B: Body<Data: Buf + Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static
{
}

/// A service over HTTP/2.
pub(crate) struct Http2<S, E> {
    service: S,
    executor: Arc<E>,
}

impl<S, E> Http2<S, E> {
    pub(crate) const fn new(service: S, executor: Arc<E>) -> Self {
        Self { service, executor }
    }
}

impl<S, E> Protocol for Http2<S, E>
where
    S: Http2Service,
    E: Executor<Task> + Send + Sync + 'static,
{
    const EVICTION_ORDER: EvictionOrder = EvictionOrder::AnsweredLast;

    fn serve<I>(&self, stream: I, now: Instant, shared: Arc<Shared>, slot: Slot) -> Task
    where
        I: Read + Write + Send + Unpin + 'static,
    {
        let service = Called {
            service: self.service.clone(),
            was_called: Arc::clone(slot.answered()),
        };
        let limits = &shared.limits;
        let head_size = u32::try_from(limits.head_size).unwrap_or(u32::MAX);
        let serving = http2::Builder::new(Spawn(Arc::clone(&self.executor)))
            .timer(SharedTimer(Arc::clone(&shared.timer)))
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(head_size)
            .initial_stream_window_size(RECEIVE_WINDOW)
            .initial_connection_window_size(RECEIVE_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .keep_alive_interval(Some(PING_INTERVAL))
            .keep_alive_timeout(limits.write_timeout)
            .serve_connection(stream, service);
        run(serving, now, shared, slot).boxed()
    }
}

/// What is due at a deadline of a connection.
enum Due {
    /// Its first request.
    FirstRequest,
    /// The end of its lifetime: no further request is accepted.
    LastRequest,
    /// The end of its last answer.
    End,
}

/// Serves a connection until it ends, is evicted, makes no call in time, or is too old.
async fn run<I, S, E>(
    serving: http2::Connection<I, Called<S>, Spawn<E>>,
    now: Instant,
    shared: Arc<Shared>,
    mut slot: Slot,
) where
    I: Read + Write + Send + Unpin + 'static,
    S: Http2Service,
    E: Executor<Task> + Send + Sync + 'static,
{
    let Limits {
        head_timeout,
        lifetime,
        write_timeout,
        ..
    } = shared.limits;
    let expires = after(now, lifetime);
    let deadlines = [
        (after(now, head_timeout), Due::FirstRequest),
        (expires, Due::LastRequest),
        (after(expires, write_timeout), Due::End),
    ];
    let was_called = Arc::clone(slot.answered());
    let mut serving = pin!(serving);
    for (deadline, due) in deadlines {
        let limit = select(shared.timer.sleep_until(deadline), slot.evicted());
        match select(serving.as_mut(), limit).await {
            // An error is that of one client, and none of the service.
            Either::Left(_) => return,
            Either::Right((Either::Left(_), _)) => match due {
                Due::FirstRequest if was_called.load(Ordering::Relaxed) => {}
                Due::LastRequest => serving.as_mut().graceful_shutdown(),
                Due::FirstRequest | Due::End => return,
            },
            Either::Right((Either::Right((Ok(()), _)), _)) => {
                return leave(serving, was_called.load(Ordering::Relaxed), &shared).await;
            }
            // The server closes.
            Either::Right((Either::Right((Err(_), _)), _)) => return,
        }
    }
}

/// Asks the client of an evicted connection to open another (GOAWAY). Waits for the calls in flight, if there were any.
async fn leave<I, S, E>(
    mut serving: Pin<&mut http2::Connection<I, Called<S>, Spawn<E>>>,
    was_called: bool,
    shared: &Shared,
) where
    I: Read + Write + Send + Unpin + 'static,
    S: Http2Service,
    E: Executor<Task> + Send + Sync + 'static,
{
    serving.as_mut().graceful_shutdown();
    // Without a call it is polled once: a client that does nothing must not hold its slot.
    let timeout = if was_called {
        EVICTION_TIMEOUT
    } else {
        Duration::ZERO
    };
    let timer = &shared.timer;
    drop(select(serving, timer.sleep_until(timer.now() + timeout)).await);
}

/// A service that notes that it was called.
struct Called<S> {
    service: S,
    was_called: Arc<AtomicBool>,
}

impl<S: Http2Service> hyper::service::Service<Request<Incoming>> for Called<S> {
    type Response = Response<S::Body>;
    type Error = Infallible;
    type Future = Ready<S>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.was_called.store(true, Ordering::Relaxed);
        Ready::Waiting(self.service.clone(), Some(request))
    }
}

/// Waits until the service is ready, then calls it.
#[pin_project(project = ReadyProjection)]
#[expect(
    clippy::large_enum_variant,
    reason = "it is boxed with its task, and the future of a call is usually larger"
)]
pub(crate) enum Ready<S: tower_service::Service<Request<Incoming>>> {
    Waiting(S, Option<Request<Incoming>>),
    Called(#[pin] S::Future),
}

impl<S> Future for Ready<S>
where
    S: tower_service::Service<Request<Incoming>>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match self.as_mut().project() {
                ReadyProjection::Waiting(service, request) => {
                    ready!(service.poll_ready(cx))?;
                    let Some(request) = request.take() else {
                        // It is set until the service is called, and then the state is another.
                        return Poll::Pending;
                    };
                    let called = service.call(request);
                    self.set(Self::Called(called));
                }
                ReadyProjection::Called(called) => return called.poll(cx),
            }
        }
    }
}

/// Spawns the tasks of hyper.
struct Spawn<E>(Arc<E>);

impl<E> Clone for Spawn<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E, F> Executor<F> for Spawn<E>
where
    E: Executor<Task>,
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.execute(task.boxed());
    }
}

/// The timer of a server, for each of its connections.
struct SharedTimer(Arc<dyn Timer + Send + Sync>);

impl Timer for SharedTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.0.sleep(duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.0.sleep_until(deadline)
    }

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        self.0.reset(sleep, deadline);
    }
}
