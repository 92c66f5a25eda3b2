//! A request that runs, and how its function ends.

use std::any::Any;
use std::sync::{Arc, Mutex};

use livebus_core::calls::RequestId;

use crate::calls::call_handler::request::NotReplied;
use crate::calls::call_handler::state::State;
use crate::calls::wire::Reply;
use crate::lock::lock;

/// How a function ended.
pub(super) enum Ended {
    Returned(Result<Vec<u8>, NotReplied>),
    Panicked(String),
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

/// Returns the text of a panic.
pub(super) fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a text").to_owned()
}
