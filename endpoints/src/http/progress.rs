//! How one connection gets on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::http::Limits;

/// How one connection gets on. Clones share it: they are held by the parts of a connection, which all run in its task.
#[derive(Debug, Clone)]
pub(crate) struct Progress(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// When it got on last: it was accepted, answered, or the client took bytes. While stalled, also when that began.
    since: Instant,
    /// Whether an answer waits for the client to read.
    stalled: bool,
    /// Whether a request was answered since the task was polled last.
    answered: bool,
    /// Whether the client may go on to send after the last answer: a body that is not read.
    sends_more: bool,
}

/// Whether the next request may be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It may.
    Now,
    /// Not before the task is polled again.
    Next,
    /// Not before the client has read.
    Stalled,
}

impl Progress {
    /// Of a connection that is accepted at `now`.
    pub(crate) fn new(now: Instant) -> Self {
        Self(Arc::new(Mutex::new(State {
            since: now,
            stalled: false,
            answered: false,
            sends_more: false,
        })))
    }

    /// The task is polled.
    pub(crate) fn begin_turn(&self) {
        self.state().answered = false;
    }

    pub(crate) fn turn(&self) -> Turn {
        let state = self.state();
        match (state.stalled, state.answered) {
            (true, _) => Turn::Stalled,
            (false, true) => Turn::Next,
            (false, false) => Turn::Now,
        }
    }

    /// A request is answered; `sends_more` says whether it has a body, which nobody reads.
    pub(crate) fn answered(&self, now: Instant, sends_more: bool) {
        let mut state = self.state();
        state.since = now;
        state.answered = true;
        state.sends_more |= sends_more;
    }

    /// The client took bytes. Says whether it had not for a while.
    pub(crate) fn wrote(&self, now: Instant) -> bool {
        let mut state = self.state();
        state.since = now;
        std::mem::take(&mut state.stalled)
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
        state.since + timeout
    }

    pub(crate) fn sends_more(&self) -> bool {
        self.state().sends_more
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every call leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
