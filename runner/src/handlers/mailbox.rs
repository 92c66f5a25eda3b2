//! What other threads send to the loop of a handler.

use std::fmt;
use std::sync::{Arc, Mutex};

use livebus_core::dispatch::{RunEnd, RunId};

use crate::handlers::failed::Failed;
use crate::lock::lock;

/// Wakes the loop of a handler, from any thread. Costs nothing while the loop is awake.
#[derive(Clone)]
pub struct Wake(Arc<dyn Fn() + Send + Sync>);

impl Wake {
    /// Returns what calls `wake`.
    #[must_use]
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(wake))
    }

    /// Lets the loop look at everything again, soon.
    pub fn wake(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wake").finish_non_exhaustive()
    }
}

/// A message to the loop of a handler.
#[derive(Debug)]
pub(crate) enum LoopMessage {
    /// The function waits with record number `done` of the run.
    Pending { run: RunId, done: u32 },
    /// A run is over, with the failure if there was one.
    Ended {
        run: RunId,
        end: RunEnd,
        failed: Option<Failed>,
    },
    /// Consume, unless it does already.
    Open,
    /// The client of the bus was discarded: stop consuming.
    Discard,
    /// Whether the bus can be used.
    BusUsable(bool),
    /// Stop in order.
    Shutdown,
    /// Stop at once.
    Close,
}

/// The messages that the loop has not taken yet.
#[derive(Debug)]
pub(crate) struct Mailbox {
    messages: Mutex<Vec<LoopMessage>>,
    wake: Wake,
}

impl Mailbox {
    pub(crate) fn new(wake: Wake) -> Self {
        Self {
            messages: Mutex::default(),
            wake,
        }
    }

    pub(crate) fn send(&self, message: LoopMessage) {
        lock(&self.messages).push(message);
        self.wake.wake();
    }

    /// Exchanges the messages for an empty list, whose memory is used again.
    pub(crate) fn take(&self, into: &mut Vec<LoopMessage>) {
        debug_assert!(into.is_empty(), "messages of the last turn are left");
        std::mem::swap(&mut *lock(&self.messages), into);
    }

    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.messages).is_empty()
    }

    pub(crate) const fn wake(&self) -> &Wake {
        &self.wake
    }
}
