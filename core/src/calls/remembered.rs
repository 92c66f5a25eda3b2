//! The calls that ended with a reply, a bounded number of them.

mod snapshot;

use std::collections::VecDeque;

use crate::calls::ids::CallId;

/// The newest calls that ended with a reply.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Remembered {
    calls: VecDeque<CallId>,
    max: usize,
}

impl Remembered {
    pub(super) fn new(max: u32) -> Self {
        Self {
            calls: VecDeque::new(),
            max: usize::try_from(max).unwrap_or(usize::MAX),
        }
    }

    pub(super) fn add(&mut self, call: CallId) {
        if self.calls.len() == self.max {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    /// Returns whether a call ended with a reply. A scan: it is asked for replies to calls that are over, which are few.
    pub(super) fn has(&self, call: CallId) -> bool {
        self.calls.contains(&call)
    }
}
