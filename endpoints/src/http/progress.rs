//! The progress of one connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::http::limits::Limits;
use crate::http::limits::after;

/// The progress of one connection. Clones share it; the parts of a connection hold them, and all run in its task.
#[derive(Debug, Clone)]
pub(crate) struct Progress(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// The instant of the last progress: it was accepted, or the client took bytes, or stopped taking them.
    since: Instant,
    /// Whether an answer waits for the client to read.
    stalled: bool,
    /// Whether a request was answered in this poll of the task.
    answered: bool,
    /// Whether there was a request with a body, which is not read.
    had_body: bool,
}

impl Progress {
    /// Returns the progress of a connection that is accepted at `now`.
    pub(crate) fn new(now: Instant) -> Self {
        Self(Arc::new(Mutex::new(State {
            since: now,
            stalled: false,
            answered: false,
            had_body: false,
        })))
    }

    /// Begins a poll of the task.
    pub(crate) fn begin_poll(&self) {
        self.state().answered = false;
    }

    /// Returns whether a request may be answered in this poll, and counts it as answered then.
    pub(crate) fn try_answer(&self) -> bool {
        !std::mem::replace(&mut self.state().answered, true)
    }

    /// Records that a request has a body.
    pub(crate) fn set_had_body(&self) {
        self.state().had_body = true;
    }

    /// Records that the client took bytes.
    pub(crate) fn wrote(&self, now: Instant) {
        let mut state = self.state();
        state.since = now;
        state.stalled = false;
    }

    /// Records that the client takes no bytes.
    pub(crate) fn stalled(&self, now: Instant) {
        let mut state = self.state();
        if !state.stalled {
            state.stalled = true;
            state.since = now;
        }
    }

    /// Returns the deadline of the client's next step: to send a request, or to read an answer.
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
        // A panic while it is locked leaves it valid.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
