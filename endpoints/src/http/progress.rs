//! How one connection gets on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::http::limits::Limits;
use crate::http::limits::after;

/// How one connection gets on. Clones share it: they are held by the parts of a connection, which all run in its task.
#[derive(Debug, Clone)]
pub(crate) struct Progress(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// When it got on last: it was accepted, or the client took bytes, or ceased to.
    since: Instant,
    /// Whether an answer waits for the client to read.
    stalled: bool,
    /// Whether a request was answered since the task was polled last.
    answered: bool,
    /// Whether there was a request with a body, which is not read.
    had_body: bool,
}

impl Progress {
    /// Of a connection that is accepted at `now`.
    pub(crate) fn new(now: Instant) -> Self {
        Self(Arc::new(Mutex::new(State {
            since: now,
            stalled: false,
            answered: false,
            had_body: false,
        })))
    }

    /// The task is polled.
    pub(crate) fn begin_turn(&self) {
        self.state().answered = false;
    }

    /// Whether a request may be answered before the task is polled again. If it may, it is.
    pub(crate) fn answers(&self) -> bool {
        !std::mem::replace(&mut self.state().answered, true)
    }

    /// A request has a body.
    pub(crate) fn has_body(&self) {
        self.state().had_body = true;
    }

    /// The client took bytes.
    pub(crate) fn wrote(&self, now: Instant) {
        let mut state = self.state();
        state.since = now;
        state.stalled = false;
    }

    /// The client takes no bytes now.
    pub(crate) fn stalled(&self, now: Instant) {
        let mut state = self.state();
        if !state.stalled {
            state.stalled = true;
            state.since = now;
        }
    }

    /// When the client must have gone on: sent a request, or read an answer.
    pub(crate) fn deadline(&self, limits: &Limits) -> Instant {
        let state = self.state();
        let timeout = if state.stalled {
            limits.write_timeout
        } else {
            limits.head_timeout
        };
        after(state.since, timeout)
    }

    pub(crate) fn had_body(&self) -> bool {
        self.state().had_body
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every call leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
