//! One call: what its author sets, and the future that ends with its result.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use livebus_core::calls::CallId;
use livebus_core::{Config, FailureClass};

use crate::calls::error::CallError;
use crate::calls::mailbox::{CallMailbox, CallMessage, NewCall};
use crate::calls::received::CallResult;
use crate::loops::Clock;

/// A call that is made when it is awaited: from [`Caller::call`](crate::calls::Caller::call).
#[must_use = "a call is made when it is awaited"]
pub struct Call {
    pub(super) mailbox: Arc<CallMailbox>,
    pub(super) clock: Arc<OnceLock<Clock>>,
    pub(super) topic: Arc<str>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) payload: Vec<u8>,
    pub(super) timeout: Duration,
    pub(super) idempotency_key: Option<Vec<u8>>,
    pub(super) method: Option<Box<str>>,
    pub(super) traceparent: Option<Box<str>>,
}

impl Call {
    /// Sets how long the call may take, from the instant at which it is first awaited. It ends by then, whatever happens. The callee does not
    /// begin a request that is older, but for a tolerance.
    pub fn deadline(self, after: Duration) -> Self {
        Self {
            timeout: after,
            ..self
        }
    }

    /// Lets the request be sent again, within the deadline, when a send fails or no reply comes: the callee knows it again by this key, and
    /// sends the reply of the first run once more.
    ///
    /// The key also chooses the partition, in place of that of the call, so that all requests with it go to one callee. The callee keeps
    /// a bounded number of replies, for as long as it has the partition: after a crash or a rebalance a request may run again.
    pub fn idempotent(self, key: impl Into<Vec<u8>>) -> Self {
        let key = key.into();
        Self {
            key: Some(key.clone()),
            idempotency_key: Some(key),
            ..self
        }
    }

    /// Names what is called, for a callee with several methods.
    pub fn method(self, name: impl Into<Box<str>>) -> Self {
        Self {
            method: Some(name.into()),
            ..self
        }
    }

    /// Lets the request carry the trace to which it belongs, as W3C's `traceparent` has it.
    pub fn traceparent(self, traceparent: impl Into<Box<str>>) -> Self {
        Self {
            traceparent: Some(traceparent.into()),
            ..self
        }
    }

    fn make(self) -> Result<InFlight, CallError> {
        let now = self.clock.get().map_or_else(Instant::now, Clock::now);
        let (result, received) = oneshot::channel();
        let made = self.mailbox.call(NewCall {
            deadline: now + self.timeout.min(Config::MAX_DURATION),
            topic: self.topic,
            key: self.key,
            payload: self.payload,
            idempotency_key: self.idempotency_key,
            method: self.method,
            traceparent: self.traceparent,
            result,
        });
        let id = made.map_err(|reason| {
            self.mailbox.shown().count_refused(1);
            CallError::NotSent(reason)
        })?;
        Ok(InFlight {
            id,
            received,
            mailbox: self.mailbox,
            is_over: false,
        })
    }
}

impl IntoFuture for Call {
    type Output = CallResult;
    type IntoFuture = CallFuture;

    fn into_future(self) -> CallFuture {
        CallFuture(State::New(Box::new(self)))
    }
}

/// A call that is made when it is polled. It ends by its deadline; polled after its end, it never completes.
///
/// Dropping it cancels the call: the callee is asked not to run the request.
#[derive(Debug)]
#[must_use = "a call is made when it is awaited"]
pub struct CallFuture(State);

#[derive(Debug)]
enum State {
    New(Box<Call>),
    InFlight(InFlight),
    Over,
}

/// A call that the loop has. On drop, cancels it unless it is over.
#[derive(Debug)]
struct InFlight {
    id: CallId,
    received: oneshot::Receiver<CallResult>,
    mailbox: Arc<CallMailbox>,
    is_over: bool,
}

impl Future for CallFuture {
    type Output = CallResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CallResult> {
        let mut call = match std::mem::replace(&mut self.0, State::Over) {
            State::New(call) => match call.make() {
                Ok(call) => call,
                Err(error) => return Poll::Ready(Err(error)),
            },
            State::InFlight(call) => call,
            State::Over => return Poll::Pending,
        };
        let polled = call.poll(cx);
        if polled.is_pending() {
            self.0 = State::InFlight(call);
        }
        polled
    }
}

impl InFlight {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<CallResult> {
        let result = ready!(Pin::new(&mut self.received).poll(cx));
        self.is_over = true;
        // Without a result, the thread of the loop has panicked.
        let lost = |_| Err(CallError::lost(FailureClass::ClientFatal.into()));
        Poll::Ready(result.unwrap_or_else(lost))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.is_over {
            self.mailbox.send(CallMessage::Cancelled(self.id));
        }
    }
}

impl fmt::Debug for Call {
    /// Shows where the request goes, and not what is in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("topic", &self.topic)
            .field("method", &self.method)
            .field("deadline", &self.timeout)
            .finish_non_exhaustive()
    }
}
