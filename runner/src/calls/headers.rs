//! The wire of livebus: the payload is the user's, everything else is in headers.

mod fields;
mod names;
mod reading;
#[cfg(test)]
mod tests;
mod text;

use std::fmt::Display;

use livebus_core::calls::Correlation;

use crate::calls::correlation::format_correlation;
use crate::calls::headers::fields::{Field, Fields};
use crate::calls::headers::reading::{read_incoming, read_outcome};
use crate::calls::wire::{
    Incoming, IncomingReply, Reply, ReplyToWrite, RequestToWrite, Wire, WireError, Written,
};
use crate::handlers::Record;

pub use fields::HeaderError;

/// The wire of livebus: the payload of a record is that of the request or the reply, everything else is in its headers. `docs/wire.md`
/// describes it for those who write a caller or a callee in another language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeaderWire;

impl HeaderWire {
    /// The version that it writes, and the only one that it reads.
    pub const VERSION: u32 = names::KNOWN_VERSION;

    /// The names of the headers that it writes.
    pub const HEADERS: [&'static str; 16] = names::ALL;
}

/// The headers of a message, as they are collected.
type Headers = Vec<(&'static str, Vec<u8>)>;

fn headers(kind: &str, correlation: Correlation) -> Headers {
    vec![
        (names::VERSION, HeaderWire::VERSION.to_string().into_bytes()),
        (names::TYPE, kind.as_bytes().to_vec()),
        (
            names::CORRELATION,
            format_correlation(correlation).into_bytes(),
        ),
    ]
}

fn text_of(value: impl Display) -> Vec<u8> {
    value.to_string().into_bytes()
}

impl Wire for HeaderWire {
    fn write_request(&self, request: RequestToWrite<'_>) -> Result<Written, WireError> {
        let mut headers = headers(text::REQUEST, request.correlation);
        let topic = Field::new(names::REPLY_TOPIC, request.reply_to.topic.as_bytes());
        headers.push((names::REPLY_TOPIC, topic.topic()?.as_bytes().to_vec()));
        if let Some(partition) = request.reply_to.partition {
            let partition = partition.to_string();
            Field::new(names::REPLY_PARTITION, partition.as_bytes()).partition()?;
            headers.push((names::REPLY_PARTITION, partition.into_bytes()));
        }
        headers.push((names::TIME, text_of(text::millis(request.time))));
        headers.push((names::ATTEMPT, text_of(request.attempt.max(1))));
        if let Some(key) = request.idempotency_key {
            let key = Field::new(names::IDEMPOTENCY_KEY, key).idempotency_key()?;
            headers.push((names::IDEMPOTENCY_KEY, key.to_vec()));
        }
        if let Some(method) = request.method {
            let method = Field::new(names::METHOD, method.as_bytes()).method()?;
            headers.push((names::METHOD, method.as_bytes().to_vec()));
        }
        if let Some(traceparent) = request.traceparent {
            let traceparent = Field::new(names::TRACEPARENT, traceparent.as_bytes());
            let traceparent = traceparent.traceparent()?;
            headers.push((names::TRACEPARENT, traceparent.as_bytes().to_vec()));
        }
        Ok(Written {
            payload: request.payload,
            headers,
        })
    }

    fn write_cancel(&self, cancels: Correlation) -> Option<Written> {
        Some(Written {
            payload: Vec::new(),
            headers: headers(text::CANCEL, cancels),
        })
    }

    fn write_reply(&self, reply: ReplyToWrite<'_>) -> Result<Written, WireError> {
        let mut headers = headers(text::REPLY, reply.request.correlation);
        let mut word = |name, word: &str| headers.push((name, word.as_bytes().to_vec()));
        let payload = match reply.reply {
            Reply::Done(payload) => {
                word(names::RESULT, text::DONE);
                payload
            }
            Reply::Failed(error) => {
                word(names::RESULT, text::FAILED);
                word(names::CODE, &error.code.to_string());
                word(names::REASON, text::cut(&error.reason));
                Vec::new()
            }
            Reply::Refused {
                refusal,
                never_began,
                age,
            } => {
                word(names::RESULT, text::REFUSED);
                word(names::REFUSAL, text::write_refusal(refusal));
                word(names::NEVER_BEGAN, text::write_flag(never_began));
                word(names::AGE, &text::millis(age).to_string());
                Vec::new()
            }
        };
        Ok(Written { payload, headers })
    }

    fn read_request(&self, record: &Record) -> Result<Incoming, WireError> {
        Ok(read_incoming(&Fields::of(record.headers())?)?)
    }

    fn read_reply(&self, record: &Record) -> Result<IncomingReply, WireError> {
        Ok(read_outcome(&Fields::of(record.headers())?)?)
    }
}
