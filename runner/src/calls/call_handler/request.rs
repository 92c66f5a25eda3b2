//! What the function of a call handler receives, and what it returns in place of a reply.

use std::fmt;
use std::future::Future;
use std::time::Instant;

use livebus_core::calls::{Correlation, Refusal};

use crate::calls::wire::{ApplicationError, IncomingRequest, Payload};
use crate::handlers::{Context, Record};

/// A request, as the function of a call handler receives it.
#[derive(Clone)]
pub struct Request {
    pub(super) record: Record,
    pub(super) incoming: std::sync::Arc<IncomingRequest>,
}

impl Request {
    /// Returns what the caller sent.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        match &self.incoming.payload {
            Payload::OfRecord => self.record.payload().unwrap_or_default(),
            Payload::Owned(bytes) => bytes,
        }
    }

    /// Returns the key of the call.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.record.key()
    }

    /// Returns what is called; `None` if the caller did not name it.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        self.incoming.method.as_deref()
    }

    /// Returns by what the request is known again, if it is idempotent.
    #[must_use]
    pub fn idempotency_key(&self) -> Option<&[u8]> {
        self.incoming.idempotency_key.as_deref()
    }

    /// Returns the trace to which the request belongs, as W3C's `traceparent` has it.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.incoming.traceparent.as_deref()
    }

    /// Returns how often the caller sent it, this time included.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.incoming.attempt
    }

    /// Returns who called, and the number of the call.
    #[must_use]
    pub fn correlation(&self) -> Correlation {
        self.incoming.correlation
    }

    /// Returns the record that carried it.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }
}

impl fmt::Debug for Request {
    /// Shows where the request is, and not what is in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("record", &self.record)
            .field("method", &self.incoming.method)
            .finish_non_exhaustive()
    }
}

/// What the function of a call handler knows beside its request. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CallContext {
    pub(super) deadline: Instant,
    pub(super) run: Context,
}

impl CallContext {
    /// Returns when the caller does not wait any more, with the tolerance for clocks that differ. The function is dropped then.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Returns whether the function was cancelled because its partition was taken away, or by a shutdown. For tasks that it has spawned.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.run.is_cancelled()
    }

    /// Waits until the function is cancelled because its partition was taken away, or by a shutdown.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static {
        self.run.cancelled()
    }
}

/// What a function returns in place of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReplied {
    /// The request was run and failed: the caller receives the error.
    Failed(ApplicationError),
    /// The function has done nothing, and may be called again: the caller receives a refusal. It is up to the function that this is true.
    Refused(Refusal),
}

impl From<ApplicationError> for NotReplied {
    fn from(error: ApplicationError) -> Self {
        Self::Failed(error)
    }
}

impl From<Refusal> for NotReplied {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
