//! One connection, from its first request to its end.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use futures::FutureExt as _;
use hyper::rt::{Read, Sleep, Timer, Write};
use hyper::server::conn::http1;

use crate::Probes;
use crate::http::connections::{EvictionOrder, Slot};
use crate::http::discard::Discard;
use crate::http::limits::Limits;
use crate::http::limits::after;
use crate::http::listener::Task;
use crate::http::progress::Progress;
use crate::http::respond::Respond;
use crate::http::shared::{Protocol, Shared};
use crate::http::stream::Stream;

/// The minimum size of hyper's buffers.
const MIN_BUFFER: usize = 8_192;

/// The probes over HTTP/1.1.
pub(crate) struct Http1 {
    pub(crate) probes: Arc<Probes>,
}

impl Protocol for Http1 {
    const EVICTION_ORDER: EvictionOrder = EvictionOrder::AnsweredFirst;

    fn serve<S>(&self, stream: S, now: Instant, shared: Arc<Shared>, slot: Slot) -> Task
    where
        S: Read + Write + Send + Unpin + 'static,
    {
        Connection::new(stream, now, Arc::clone(&self.probes), shared, slot).boxed()
    }
}

/// Serves one connection. Ready when the connection has ended, whatever the reason.
pub(crate) struct Connection<S: Read + Write + Unpin> {
    state: State<S>,
    progress: Progress,
    shared: Arc<Shared>,
    /// The instant at which it is too old.
    expires: Instant,
    /// Whether it is too old, and only the current answer is finished.
    expired: bool,
    sleep: Pin<Box<dyn Sleep>>,
    /// The instant that `sleep` waits for: the deadline, or an earlier one.
    armed: Instant,
    /// The last field, so that it is dropped last: the descriptor is closed by then.
    slot: Slot,
}

#[expect(
    clippy::large_enum_variant,
    reason = "it is boxed with its task, and nearly always in the large state"
)]
enum State<S: Read + Write + Unpin> {
    Serving(http1::Connection<Stream<S>, Respond>),
    Closing(Discard<Stream<S>>, Instant),
    Closed,
}

impl<S: Read + Write + Unpin + 'static> Connection<S> {
    /// Makes the connection of a stream that is accepted at `now`.
    pub(crate) fn new(
        io: S,
        now: Instant,
        probes: Arc<Probes>,
        shared: Arc<Shared>,
        slot: Slot,
    ) -> Self {
        let Shared { limits, timer, .. } = &*shared;
        let progress = Progress::new(now);
        let respond = Respond {
            probes,
            timer: Arc::clone(timer),
            progress: progress.clone(),
            answered: Arc::clone(slot.answered()),
        };
        let stream = Stream::new(io, progress.clone(), Arc::clone(timer));
        // Without hyper's timeouts: this connection keeps its deadlines with one timer.
        let serving = http1::Builder::new()
            .header_read_timeout(None)
            .max_buf_size(limits.head_size.max(MIN_BUFFER))
            .max_header_size(limits.head_size)
            .max_headers(limits.head_fields)
            // A client may shut down its half before it is answered.
            .half_close(true)
            .serve_connection(stream, respond);
        let armed = progress.deadline(limits);
        Self {
            state: State::Serving(serving),
            progress,
            expires: after(now, limits.lifetime),
            expired: false,
            sleep: timer.sleep_until(armed),
            armed,
            slot,
            shared,
        }
    }

    fn poll_state(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let State::Serving(serving) = &mut self.state {
            let served = ready!(Pin::new(serving).poll(cx));
            let rejected = served.as_ref().is_err_and(hyper::Error::is_parse);
            if served.is_err() && !rejected {
                // The client closed the connection. That is no error of the service.
                return Poll::Ready(());
            }
            self.begin_closing(rejected);
        }
        match &mut self.state {
            State::Closing(discard, _) => discard.poll(cx),
            State::Serving(_) | State::Closed => Poll::Ready(()),
        }
    }

    /// Begins to close: hyper has sent everything, and shut down our half.
    fn begin_closing(&mut self, rejected: bool) {
        self.slot.answered().store(true, Ordering::Relaxed);
        let Shared { limits, timer, .. } = &*self.shared;
        if let State::Serving(serving) = mem::replace(&mut self.state, State::Closed) {
            let sends_more = rejected || self.progress.had_body();
            let discard = Discard::new(serving.into_parts().io, limits.discard_size, sends_more);
            self.state = State::Closing(discard, after(timer.now(), limits.discard_timeout));
        }
    }

    /// Ready when the deadline of the connection has passed.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timer = Arc::clone(&self.shared.timer);
        loop {
            let now = timer.now();
            if now >= self.expires && !self.expired {
                self.expire(cx);
            }
            let deadline = self.deadline();
            if now >= deadline {
                return Poll::Ready(());
            }
            let next = if self.expired {
                deadline
            } else {
                deadline.min(self.expires)
            };
            // Each answer extends the deadline. The timer is not changed then, and is reset when it elapses.
            if next < self.armed {
                self.arm(&*timer, next);
            }
            ready!(self.sleep.as_mut().poll(cx));
            self.arm(&*timer, next);
        }
    }

    /// Returns when the connection ends, if the client does nothing.
    fn deadline(&self) -> Instant {
        let Limits { write_timeout, .. } = self.shared.limits;
        let deadline = match &self.state {
            State::Serving(_) => self.progress.deadline(&self.shared.limits),
            State::Closing(_, deadline) => *deadline,
            State::Closed => self.expires,
        };
        if self.expired {
            deadline.min(after(self.expires, write_timeout))
        } else {
            deadline
        }
    }

    /// Ends it after the current answer, or at once if there is none.
    fn expire(&mut self, cx: &Context<'_>) {
        self.expired = true;
        if let State::Serving(serving) = &mut self.state {
            Pin::new(serving).graceful_shutdown();
            cx.waker().wake_by_ref();
        }
    }

    fn arm(&mut self, timer: &dyn Timer, deadline: Instant) {
        timer.reset(&mut self.sleep, deadline);
        self.armed = deadline;
    }
}

impl<S: Read + Write + Unpin + 'static> Future for Connection<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.progress.begin_poll();
        if this.poll_state(cx).is_ready() {
            return Poll::Ready(());
        }
        // After the poll of the state, so that a request that has arrived is answered.
        if this.slot.evicted().poll_unpin(cx).is_ready() {
            return Poll::Ready(());
        }
        this.poll_deadline(cx)
    }
}
