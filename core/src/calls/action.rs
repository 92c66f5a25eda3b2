//! What comes out of `Calls`.

use std::time::Instant;

use crate::calls::ids::{AssignmentId, CallId, Correlation};
use crate::calls::outcome::Outcome;
use crate::failure::Failure;

/// Something that the runner must do, from [`Calls::poll_action`](crate::calls::Calls::poll_action).
///
/// Exhaustive on purpose: a new action must break the build of every runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Ask for the end of the reply partition and assign it from there on, both before the answer. Where it was assigned before, assign it
    /// behind the newest record that was fetched, so that no reply is missed.
    AssignReplies {
        /// To be answered by [`Event::RepliesAssigned`](crate::calls::Event::RepliesAssigned).
        id: AssignmentId,
        /// Counts the attempts since the partition was last assigned, from 1.
        attempt: u32,
        /// When the answer must be there. One that comes later is stale.
        deadline: Instant,
    },
    /// Send a request, and answer with [`Event::SendAnswered`](crate::calls::Event::SendAnswered). At most one send of a call is in flight
    /// while the call is.
    Send {
        /// What the request carries. It names the call.
        correlation: Correlation,
        /// How many times the request was sent before, plus one. It travels with the request.
        attempt: u32,
        /// When the call ends. The time that remains travels with the request.
        deadline: Instant,
    },
    /// Send a record to the partition of the request that asks the callee not to run it. Best effort, not answered.
    SendCancel {
        /// The request.
        correlation: Correlation,
    },
    /// A call ended. For [`Outcome::Replied`] with the reply that was delivered last. Everything that is held for the call can go.
    End {
        /// The call.
        call: CallId,
        /// How it ended.
        outcome: Outcome,
    },
    /// The health of the replies changed.
    SetHealth(Health),
    /// All calls ended, and no request will be sent. Calls that come later end at once.
    Stopped,
}

/// Whether replies can be read. It begins with [`Health::Starting`], which is not reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Health {
    /// The reply partition was not assigned yet. Calls wait for that.
    Starting,
    /// It can be read.
    Working,
    /// It cannot: a cause of its own, though liveness messages may succeed.
    RepliesFailed(Failure),
}
