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

use crate::http::connections::Place;
use crate::http::discard::Discard;
use crate::http::limits::Limits;
use crate::http::limits::after;
use crate::http::progress::Progress;
use crate::http::respond::Respond;
use crate::http::shared::Shared;
use crate::http::stream::Stream;

/// What hyper's buffers may not be smaller than.
const MIN_BUFFER: usize = 8 * 1024;

/// Serves one connection. Ready when it is done with, whatever the reason.
pub(crate) struct Connection<S: Read + Write + Unpin> {
    stage: Stage<S>,
    progress: Progress,
    shared: Arc<Shared>,
    /// When it is too old.
    expires: Instant,
    /// Whether it is, and may only end what is under way.
    expired: bool,
    sleep: Pin<Box<dyn Sleep>>,
    /// What `sleep` waits for: the deadline, or an earlier instant.
    armed: Instant,
    /// Last, so that it is dropped last: the descriptor is closed by then.
    place: Place,
}

#[expect(
    clippy::large_enum_variant,
    reason = "it is boxed with its task, and nearly always the large one"
)]
enum Stage<S: Read + Write + Unpin> {
    Serving(http1::Connection<Stream<S>, Respond>),
    Closing(Discard<Stream<S>>, Instant),
    Closed,
}

impl<S: Read + Write + Unpin + 'static> Connection<S> {
    /// Of a stream that is accepted at `now`.
    pub(crate) fn new(io: S, now: Instant, shared: Arc<Shared>, place: Place) -> Self {
        let Shared { limits, timer, .. } = &*shared;
        let progress = Progress::new(now);
        let respond = Respond {
            probes: Arc::clone(&shared.probes),
            timer: Arc::clone(timer),
            progress: progress.clone(),
            answered: Arc::clone(place.answered()),
        };
        let stream = Stream::new(io, progress.clone(), Arc::clone(timer));
        // No timeout of hyper's: the deadlines are kept here, by one timer for each connection.
        let serving = http1::Builder::new()
            .header_read_timeout(None)
            .max_buf_size(limits.head_size.max(MIN_BUFFER))
            .max_header_size(limits.head_size)
            .max_headers(limits.head_fields)
            // A client that has said all may shut down its half before it is answered.
            .half_close(true)
            .serve_connection(stream, respond);
        let armed = progress.deadline(limits);
        Self {
            stage: Stage::Serving(serving),
            progress,
            expires: after(now, limits.lifetime),
            expired: false,
            sleep: timer.sleep_until(armed),
            armed,
            place,
            shared,
        }
    }

    fn poll_stage(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Stage::Serving(serving) = &mut self.stage {
            let served = ready!(Pin::new(serving).poll(cx));
            let refused = served.as_ref().is_err_and(hyper::Error::is_parse);
            if served.is_err() && !refused {
                // The client went away. That is none of the service's troubles.
                return Poll::Ready(());
            }
            self.begin_closing(refused);
        }
        match &mut self.stage {
            Stage::Closing(discard, _) => discard.poll(cx),
            Stage::Serving(_) | Stage::Closed => Poll::Ready(()),
        }
    }

    /// hyper has sent all, and shut down our half.
    fn begin_closing(&mut self, refused: bool) {
        self.place.answered().store(true, Ordering::Relaxed);
        let Shared { limits, timer, .. } = &*self.shared;
        if let Stage::Serving(serving) = mem::replace(&mut self.stage, Stage::Closed) {
            let sends_more = refused || self.progress.had_body();
            let discard = Discard::new(serving.into_parts().io, limits.discard_size, sends_more);
            self.stage = Stage::Closing(discard, after(timer.now(), limits.discard_timeout));
        }
    }

    /// Ready when a deadline has passed that ends the connection.
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
            // Each answer moves the deadline away. The timer is left as it is, and set again when it rings.
            if next < self.armed {
                self.arm(&*timer, next);
            }
            ready!(self.sleep.as_mut().poll(cx));
            self.arm(&*timer, next);
        }
    }

    /// When the connection ends, if the client does nothing.
    fn deadline(&self) -> Instant {
        let Limits { write_timeout, .. } = self.shared.limits;
        let deadline = match &self.stage {
            Stage::Serving(_) => self.progress.deadline(&self.shared.limits),
            Stage::Closing(_, deadline) => *deadline,
            Stage::Closed => self.expires,
        };
        if self.expired {
            deadline.min(after(self.expires, write_timeout))
        } else {
            deadline
        }
    }

    /// Ends it after the answer that is under way, or at once if there is none.
    fn expire(&mut self, cx: &Context<'_>) {
        self.expired = true;
        if let Stage::Serving(serving) = &mut self.stage {
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
        this.progress.begin_turn();
        if this.poll_stage(cx).is_ready() {
            return Poll::Ready(());
        }
        // After the turn, so that a request which has arrived is answered.
        if this.place.evicted().poll_unpin(cx).is_ready() {
            return Poll::Ready(());
        }
        this.poll_deadline(cx)
    }
}
