//! How a call ends, and what that says about the execution of its request.

use std::time::Duration;

use crate::failure::Failure;
use crate::status::Cause;

/// How a call ended. Each call ends exactly once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The callee replied; its reply may be an error of the application.
    Replied,
    /// The callee refused to run the request.
    Refused(Refusal),
    /// The request did not leave.
    NotSent(NotSent),
    /// The request may have left, and it will not be known what became of it.
    SentUnknown(Unknown),
    /// The deadline passed after the request was sent.
    Expired,
    /// The caller does not want the reply any more.
    Cancelled,
    /// The client was shut down after the request was sent.
    ShuttingDown,
}

/// Whether a request was executed. An execution may repeat, after a crash or a rebalance of the callee, unless the callee chose
/// [`at_most_once`](crate::calls::CalleeSettings::at_most_once).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Execution {
    /// It was, at least once.
    Done,
    /// It was not, and will not be.
    Never,
    /// It was, was not, or will be.
    Maybe,
}

impl Outcome {
    /// Returns what the outcome says about the execution of the request.
    #[must_use]
    pub const fn execution(self) -> Execution {
        match self {
            Self::Replied => Execution::Done,
            Self::Refused(_) | Self::NotSent(_) => Execution::Never,
            Self::SentUnknown(_) | Self::Expired | Self::Cancelled | Self::ShuttingDown => {
                Execution::Maybe
            }
        }
    }
}

/// Why a request did not leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotSent {
    /// The bus cannot be used; its cause.
    Bus(Cause),
    /// The reply partition cannot be read, though the bus may work: its leader is away, or it was not assigned.
    Replies(Failure),
    /// The send failed, and the client library knows that the request did not leave.
    Send(Failure),
    /// The deadline passed before the request could be sent.
    Deadline,
    /// The request is larger than [`Limits::call_bytes`](crate::calls::Limits::call_bytes).
    TooLarge,
    /// Too many calls, or too many of their bytes, are in flight.
    Overloaded {
        /// When to try again.
        retry_after: Duration,
    },
    /// The client is being shut down.
    ShuttingDown,
}

/// Why nothing more will be known about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unknown {
    /// The send failed or timed out, and the client library cannot say whether the request left.
    Send(Failure),
    /// The callee refused it, and an earlier run or attempt of it may have been executed.
    Refused(Refusal),
}

/// Why a callee refuses to run a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Refusal {
    /// Its deadline was over.
    TooLate,
    /// It has no such method.
    Unsupported,
    /// It has too much to do.
    Overloaded,
    /// It shuts down, or is not ready.
    Unavailable,
}
