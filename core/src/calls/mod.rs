//! Requests and replies: how each call over the bus ends, when it is tried again, and what becomes of a reply.
//!
//! [`Calls`] is the third state machine of this crate, for one client that calls over request topics and reads its replies from partitions
//! of a reply topic. It has the four calls of the [`Supervisor`](crate::Supervisor), no clock and no IO, and payloads never enter it. It receives that
//! somebody calls, that a request was sent and that a reply was fetched ([`Event`]), and returns which request to send and how each call
//! ends ([`Action`]). [`Callee`] is the part of the other side that needs memory: which request runs, and which is dropped or answered from
//! the window of old replies.
//!
//! # What it decides
//!
//! **Each call ends exactly once**, with one [`Outcome`], and never later than its deadline. What an outcome means for the execution of the
//! request is [`Outcome::execution`]: a call that was refused or not sent was never executed, and this is claimed only where it is known.
//!
//! **A call fails at once** while the bus cannot be used, with the bus's cause; while the replies cannot be read, with that cause; and over
//! a limit, with a hint when to try again. Nothing is queued but what waits for the first assignment of the reply partition.
//!
//! **No hidden retry.** A request is sent once, unless the call is idempotent: then again after a failed send or without a reply, within its
//! deadline.
//!
//! **Replies** are matched by instance, epoch and call. What belongs to nobody here, to an earlier epoch, or to a call that is over is counted and
//! dropped.
//!
//! **Shutdown** ends every call within [`Settings::drain`].

mod action;
mod call;
mod callee;
#[cfg(feature = "__verify")]
mod canonical;
mod config;
mod counters;
mod event;
mod ids;
mod machine;
mod outcome;
mod remembered;
mod replies;
mod settings;
mod snapshot;
mod table;
#[cfg(test)]
mod tests;

pub use action::{Action, Health};
pub use callee::{
    Arrival, Callee, CalleeConfig, CalleeCounters, CalleeSettings, Decision, RequestId,
};
pub use config::Config;
pub use counters::Counters;
pub use event::{Event, Reply, Request, Sent};
pub use ids::{AssignmentId, CallId, Correlation, Identity};
pub use machine::Calls;
pub use outcome::{Execution, NotSent, Outcome, Refusal, Unknown};
pub use settings::{Limits, Settings};
