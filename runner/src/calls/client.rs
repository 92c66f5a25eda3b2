//! The interface between the loop of a caller and the client library that carries its requests and replies.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use livebus_core::Failure;
use livebus_core::calls::{AssignmentId, CallId, Sent};
use livebus_readiness::Explanation;

use crate::bus::Bus;
use crate::calls::replies::ReplySubscription;
use crate::handlers::{Batch, Polled, Subscription, Wake};

/// A bus over which livebus can call and reply.
pub trait CallBus: Bus {
    /// Checks what only this bus knows: the name of the reply topic, the properties.
    ///
    /// # Errors
    ///
    /// What is wrong, with its value and the remedy.
    fn check_caller(&self, replies: &ReplySubscription) -> Result<(), String>;

    /// Makes the clients of a caller. Does not wait for the bus: what comes later is reported by [`CallClient::poll`], after a call of
    /// `wake`.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when they cannot be made. It is tried again after a back-off.
    fn open_call_client(
        &self,
        replies: &ReplySubscription,
        wake: Wake,
    ) -> Result<Box<dyn CallClient>, Failure>;

    /// Makes the client that sends the replies of a call handler. Does not wait for the bus. `on_failure` is called for each reply that was
    /// handed over and did not arrive, from any thread.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when it cannot be made. It is tried again with the next reply.
    fn open_reply_client(
        &self,
        subscription: &Subscription,
        on_failure: Arc<dyn Fn(Failure) + Send + Sync>,
    ) -> Result<Arc<dyn ReplyClient>, Failure>;

    /// As [`Bus::explain`], for a failure of a caller: where a right is missing, say, it is another one. The default is the same.
    fn explain_caller(&self, failure: Failure) -> Explanation {
        self.explain(failure)
    }
}

/// The clients of one caller, as its loop uses them. No call waits for the bus.
pub trait CallClient: Send {
    /// Adds what has happened to `inputs`, in its order.
    ///
    /// Called again and again: a client library must be polled, or it counts as dead.
    fn poll(&mut self, now: Instant, inputs: &mut Vec<CallInput>) -> Polled;

    /// Finds the reply partitions, asks for their ends, and assigns them from there on; one that was assigned before is assigned behind the
    /// newest record that was fetched of it. To be answered by the deadline with [`CallInput::RepliesAssigned`]; a new one replaces what is
    /// in progress.
    fn assign_replies(&mut self, id: AssignmentId, deadline: Instant);

    /// Sends a request. To be answered with [`CallInput::SendAnswered`].
    fn send(&mut self, call: CallId, attempt: u32, record: OutgoingRecord);

    /// Sends a record whose fate is not reported.
    fn send_unanswered(&mut self, record: OutgoingRecord);

    /// Closes the clients; what is queued may still leave. Waits for that at most until the deadline; the rest happens in the background.
    fn close(self: Box<Self>, deadline: Instant);
}

/// Sends the replies of one call handler, from any thread.
pub trait ReplyClient: Send + Sync {
    /// Hands a reply over. Does not wait.
    ///
    /// # Errors
    ///
    /// A [`Failure`] when it was not taken. It was not sent then.
    fn send(&self, record: OutgoingRecord) -> Result<(), Failure>;

    /// Waits until everything that was handed over is acknowledged, or has failed; at most until the deadline. Blocks its thread.
    fn flush(&self, deadline: Instant);
}

/// A record that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingRecord {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its partition; `None`: by its key, or any without one.
    pub partition: Option<i32>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its payload.
    pub payload: Vec<u8>,
    /// Its headers, in their order.
    pub headers: Vec<(&'static str, Vec<u8>)>,
    /// When it was written, by the clock of this machine.
    pub timestamp: SystemTime,
}

/// Something that happened to the clients of a caller.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallInput {
    /// Answers [`CallClient::assign_replies`].
    RepliesAssigned {
        /// The id of the assignment.
        id: AssignmentId,
        /// The partition at which replies are to arrive; `None`: at any.
        result: Result<Option<i32>, Failure>,
    },
    /// Answers [`CallClient::send`].
    SendAnswered {
        /// The call.
        call: CallId,
        /// Its attempt.
        attempt: u32,
        /// What is known about the request.
        result: Sent,
        /// The partition of its topic, if it is known.
        partition: Option<i32>,
    },
    /// Records of the reply topic were fetched, in the order of their offsets.
    Fetched(Batch),
    /// A reply partition that is assigned cannot be read. Shown until [`RepliesReachable`](Self::RepliesReachable).
    RepliesUnreachable(Failure),
    /// All of them can be read again.
    RepliesReachable,
    /// Something failed that may pass. Shown until the reply partitions are assigned.
    Failed(Failure),
    /// A client is beyond repair: others are made after a back-off. Requests in flight are not answered any more.
    ClientLost(Failure),
}
