//! What callers and the supervision send to the loop of a caller.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use livebus_core::Cause;
use livebus_core::calls::{CallId, Limits, NotSent};

use crate::calls::received::CallResult;
use crate::calls::shown::ShownCalls;
use crate::lock::lock;
use crate::loops::{Command, Commands, Wake};

/// A message to the loop of a caller.
pub(crate) enum CallMessage {
    /// Somebody calls.
    Called(CallId, Box<NewCall>),
    /// The caller of this does not want the reply any more.
    Cancelled(CallId),
    /// From the supervision.
    Command(Command),
}

/// A call that is to be made.
pub(crate) struct NewCall {
    pub(crate) deadline: Instant,
    pub(crate) topic: Arc<str>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) payload: Vec<u8>,
    pub(crate) idempotency_key: Option<Vec<u8>>,
    pub(crate) method: Option<Box<str>>,
    pub(crate) traceparent: Option<Box<str>>,
    pub(crate) result: oneshot::Sender<CallResult>,
}

impl NewCall {
    /// Ends it. Without effect if its caller does not want the result any more.
    pub(crate) fn end(self, result: CallResult) {
        let _ = self.result.send(result);
    }

    /// Returns what it occupies in memory, in bytes.
    pub(crate) fn bytes(&self) -> u32 {
        let of = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        let of_key = |key: &Option<Vec<u8>>| key.as_ref().map_or(0, Vec::len);
        let keys = of_key(&self.key) + of_key(&self.idempotency_key);
        let bytes = self.payload.len() + keys + of(&self.method) + of(&self.traceparent);
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

/// The messages that the loop has not taken yet. They are as many as the limits of the calls in flight, at most.
pub(crate) struct CallMailbox {
    state: Mutex<State>,
    limits: Limits,
    overload_hint: Duration,
    wake: Wake,
    thread: Arc<OnceLock<Thread>>,
    shown: Arc<ShownCalls>,
}

struct State {
    phase: Phase,
    messages: Vec<CallMessage>,
    /// The number of the newest call.
    newest: u64,
    /// Of the calls among the messages.
    calls: u32,
    bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No supervision has it.
    NotStarted,
    Started,
    Ended,
}

/// The caller is a part of a supervision already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AlreadyStarted;

impl CallMailbox {
    pub(crate) fn new(limits: Limits, overload_hint: Duration) -> Self {
        let thread = Arc::default();
        Self {
            state: Mutex::new(State {
                phase: Phase::NotStarted,
                messages: Vec::new(),
                newest: 0,
                calls: 0,
                bytes: 0,
            }),
            limits,
            overload_hint,
            wake: Wake::of_thread(&thread),
            thread,
            shown: Arc::default(),
        }
    }

    /// Takes calls from now on.
    pub(crate) fn start(&self) -> Result<(), AlreadyStarted> {
        let mut state = lock(&self.state);
        match state.phase {
            Phase::NotStarted => {
                state.phase = Phase::Started;
                Ok(())
            }
            Phase::Started | Phase::Ended => Err(AlreadyStarted),
        }
    }

    /// Gives a call to the loop.
    ///
    /// # Errors
    ///
    /// Why it cannot be made, if that is known here.
    pub(crate) fn call(&self, call: NewCall) -> Result<CallId, NotSent> {
        let bytes = u64::from(call.bytes());
        let id = {
            let mut state = lock(&self.state);
            match state.phase {
                Phase::NotStarted => return Err(NotSent::Bus(Cause::Unreported)),
                Phase::Started => {}
                Phase::Ended => return Err(NotSent::ShuttingDown),
            }
            if bytes > u64::from(self.limits.call_bytes) {
                return Err(NotSent::TooLarge);
            }
            if state.calls >= self.limits.calls || state.bytes + bytes > self.limits.bytes {
                return Err(NotSent::Overloaded {
                    retry_after: self.overload_hint,
                });
            }
            state.newest += 1;
            state.calls += 1;
            state.bytes += bytes;
            let id = CallId(state.newest);
            state.messages.push(CallMessage::Called(id, Box::new(call)));
            id
        };
        self.wake.wake();
        Ok(id)
    }

    /// Gives a message to the loop; after its end it has no effect.
    pub(crate) fn send(&self, message: CallMessage) {
        {
            let mut state = lock(&self.state);
            match state.phase {
                Phase::NotStarted | Phase::Started => state.messages.push(message),
                Phase::Ended => return,
            }
        }
        self.wake.wake();
    }

    /// Exchanges the messages for an empty list, whose memory is used again.
    pub(crate) fn take(&self, into: &mut Vec<CallMessage>) {
        debug_assert!(into.is_empty(), "messages of the last turn are left");
        let mut state = lock(&self.state);
        state.calls = 0;
        state.bytes = 0;
        std::mem::swap(&mut state.messages, into);
    }

    /// Refuses all calls from now on. Returns the messages that are left.
    pub(crate) fn end(&self) -> Vec<CallMessage> {
        let mut state = lock(&self.state);
        state.phase = Phase::Ended;
        std::mem::take(&mut state.messages)
    }

    pub(crate) const fn wake(&self) -> &Wake {
        &self.wake
    }

    /// What is shown of the calls.
    pub(crate) const fn shown(&self) -> &Arc<ShownCalls> {
        &self.shown
    }

    pub(crate) const fn thread(&self) -> &Arc<OnceLock<Thread>> {
        &self.thread
    }
}

impl fmt::Debug for CallMailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallMailbox").finish_non_exhaustive()
    }
}

impl Commands for CallMailbox {
    fn command(&self, command: Command) {
        self.send(CallMessage::Command(command));
    }
}
