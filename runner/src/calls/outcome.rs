//! What the author of a call receives for an outcome.

use livebus_core::FailureClass;
use livebus_core::calls::{self, Outcome};

use crate::calls::error::CallError;
use crate::calls::received::{CallResult, ReceivedReply};
use crate::calls::wire::ReadReply;
use crate::handlers::Record;

/// A reply that was delivered, with the record that carried it.
pub(super) struct Arrived {
    record: Record,
    reply: ReadReply,
}

impl Arrived {
    pub(super) const fn new(record: Record, reply: ReadReply) -> Self {
        Self { record, reply }
    }

    /// Returns what the state machine needs to know of it.
    pub(super) const fn for_machine(&self) -> calls::Reply {
        match &self.reply {
            ReadReply::Done(_) | ReadReply::Failed(_) => calls::Reply::Done,
            ReadReply::Refused {
                refusal,
                never_began,
            } => calls::Reply::Refused {
                refusal: *refusal,
                never_began: *never_began,
            },
        }
    }

    fn into_result(self) -> CallResult {
        match self.reply {
            ReadReply::Done(payload) => Ok(ReceivedReply::new(self.record, payload)),
            ReadReply::Failed(error) => Err(CallError::Failed(error)),
            ReadReply::Refused { refusal, .. } => Err(CallError::Refused(refusal)),
        }
    }
}

/// Returns the result of a call that ended; `arrived` is the reply that ended it, if one did.
pub(super) fn result_of(outcome: Outcome, arrived: Option<Arrived>) -> CallResult {
    match outcome {
        // A call is replied by the reply that was delivered last.
        Outcome::Replied => match arrived {
            Some(arrived) => arrived.into_result(),
            None => Err(CallError::lost(FailureClass::Other.into())),
        },
        Outcome::Refused(refusal) => Err(CallError::Refused(refusal)),
        Outcome::NotSent(reason) => Err(CallError::NotSent(reason)),
        Outcome::SentUnknown(reason) => Err(CallError::SentUnknown(reason)),
        Outcome::Expired => Err(CallError::Expired),
        // It has cancelled the call, so nobody receives it.
        Outcome::Cancelled | Outcome::ShuttingDown => Err(CallError::ShuttingDown),
    }
}
