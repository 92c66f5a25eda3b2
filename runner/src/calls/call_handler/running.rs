//! A request that runs or is refused, and how its function ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use livebus_core::calls::{Refusal, RequestId};

use crate::calls::call_handler::request::NotReplied;
use crate::calls::call_handler::state::State;
use crate::calls::wire::Reply;
use crate::lock::lock;

/// Why a request is not run.
pub(super) struct Refused {
    pub(super) refusal: Refusal,
    /// Whether no earlier run of it began.
    pub(super) never_began: bool,
    pub(super) age: Duration,
}

impl Refused {
    pub(super) fn into_reply(self) -> Reply {
        let Self {
            refusal,
            never_began,
            age,
        } = self;
        Reply::Refused {
            refusal,
            never_began,
            age,
        }
    }
}

/// How a function ended.
pub(super) enum Ended {
    Returned(Result<Vec<u8>, NotReplied>),
    Panicked(String),
    /// It took longer than any function may.
    TimedOut,
    /// Its caller has cancelled the call.
    Cancelled,
    /// Its caller does not wait any more.
    TooLate,
}

/// A request that runs. On drop the run is over, whatever it was: a partition that is taken away drops it, too.
pub(super) struct Running<'a> {
    pub(super) state: &'a Mutex<State>,
    pub(super) id: RequestId,
    pub(super) reply: Option<Arc<Reply>>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        lock(self.state).ran(self.id, self.reply.as_ref());
    }
}
