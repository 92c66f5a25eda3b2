//! What other threads send to the loop of a handler.

use std::sync::Mutex;

use livebus_core::dispatch::{RunEnd, RunId};

use crate::handlers::failed::Failed;
use crate::lock::lock;
use crate::loops::{Command, Commands, Wake};

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
    /// From the supervision.
    Command(Command),
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

impl Commands for Mailbox {
    fn command(&self, command: Command) {
        self.send(LoopMessage::Command(command));
    }
}
