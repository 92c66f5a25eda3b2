//! What goes into `Calls`.

use std::time::Instant;

use crate::calls::ids::{AssignmentId, CallId, Correlation};
use crate::calls::outcome::Refusal;
use crate::failure::Failure;
use crate::status::Cause;

/// Something that happened, the input of [`Calls::handle_event`](crate::calls::Calls::handle_event).
///
/// What names a call, a send or an assignment that is over is stale: counted and ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// Somebody calls.
    Called {
        /// Greater than the number of each call before; else the event is stale.
        call: CallId,
        /// The request.
        request: Request,
    },
    /// Answers [`Action::Send`](crate::calls::Action::Send).
    SendAnswered {
        /// The action's call.
        call: CallId,
        /// The action's attempt.
        attempt: u32,
        /// What is known about the request.
        result: Sent,
    },
    /// A reply was fetched from the reply partition.
    ReplyFetched {
        /// What the reply carries.
        to: Correlation,
        /// What it says.
        reply: Reply,
    },
    /// The caller does not want the reply any more: its future was dropped.
    Cancelled {
        /// The call.
        call: CallId,
    },
    /// The bus can be used, as the supervisor has it.
    BusReady,
    /// The bus cannot be used. So it is in the beginning, with [`Cause::Starting`].
    BusNotReady(Cause),
    /// Answers [`Action::AssignReplies`](crate::calls::Action::AssignReplies).
    RepliesAssigned {
        /// The action's id.
        id: AssignmentId,
        /// Whether the partition is assigned from its position on.
        result: Result<(), Failure>,
    },
    /// The assignment is gone: the client that had it is beyond repair.
    RepliesLost(Failure),
    /// The reply partition cannot be read, though it is assigned: its leader is away. Has no meaning while it is not assigned.
    RepliesUnreachable(Failure),
    /// It can be read again. Has no meaning while it is not assigned.
    RepliesReachable,
    /// The service requests the shutdown.
    Shutdown,
}

/// A request, without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Request {
    /// When the call ends at the latest, counted from when the caller called.
    pub deadline: Instant,
    /// What the request occupies in memory, in bytes.
    pub bytes: u32,
    /// Whether the request carries a key by which the callee knows it again, so that it may be sent several times.
    pub is_idempotent: bool,
}

/// What the client library knows about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sent {
    /// The brokers acknowledged it.
    Acknowledged,
    /// It did not leave, and will not.
    NotSent(Failure),
    /// It may have left: a delivery that timed out, for one.
    Unknown(Failure),
}

/// What a reply says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reply {
    /// The request was executed; the payload is the result, or an error of the application.
    Done,
    /// The callee did not run the request that it answers.
    Refused {
        /// Why not.
        refusal: Refusal,
        /// Whether the callee knows that no earlier run of this request began, before a crash or a rebalance.
        never_began: bool,
    },
}
