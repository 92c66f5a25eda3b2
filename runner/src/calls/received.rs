//! How a call ends.

use std::fmt;

use crate::calls::error::CallError;
use crate::calls::wire::Payload;
use crate::handlers::Record;

/// How a call ends.
pub(crate) type CallResult = Result<ReceivedReply, CallError>;

/// The reply to a request that was run.
#[derive(Clone)]
pub struct ReceivedReply {
    record: Record,
    payload: Payload,
}

impl ReceivedReply {
    pub(super) const fn new(record: Record, payload: Payload) -> Self {
        Self { record, payload }
    }

    /// Returns the result.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        match &self.payload {
            Payload::OfRecord => self.record.payload().unwrap_or_default(),
            Payload::Owned(bytes) => bytes,
        }
    }

    /// Returns the record that carried it.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }
}

impl fmt::Debug for ReceivedReply {
    /// Shows where the record is, and not what is in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceivedReply")
            .field("record", &self.record)
            .finish_non_exhaustive()
    }
}
