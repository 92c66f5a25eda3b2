//! Messages that are read from headers.

use std::sync::Arc;

use livebus_core::calls::Correlation;

use crate::calls::correlation::parse_correlation;
use crate::calls::headers::fields::{Field, Fields, HeaderError};
use crate::calls::headers::{names, text};
use crate::calls::wire::{
    ApplicationError, Incoming, IncomingReply, IncomingRequest, Payload, ReadReply, ReplyAddress,
};

/// The type of a message.
enum Type {
    Request,
    Cancel,
    Reply,
}

impl Type {
    fn of(fields: &Fields<'_>) -> Result<Self, HeaderError> {
        let field = fields.needed(names::TYPE, "message")?;
        field.read(16, "request, cancel or reply", |word| match word {
            text::REQUEST => Some(Self::Request),
            text::CANCEL => Some(Self::Cancel),
            text::REPLY => Some(Self::Reply),
            _ => None,
        })
    }
}

/// Reads a request or a cancel record.
pub(super) fn read_incoming(fields: &Fields<'_>) -> Result<Incoming, HeaderError> {
    match Type::of(fields)? {
        Type::Request => Ok(Incoming::Request(Box::new(read_request(fields)?))),
        Type::Cancel => Ok(Incoming::Cancel(read_correlation(fields)?)),
        Type::Reply => Err(HeaderError::OtherType {
            found: text::REPLY,
            expected: "request or cancel",
        }),
    }
}

/// Reads a reply.
pub(super) fn read_outcome(fields: &Fields<'_>) -> Result<IncomingReply, HeaderError> {
    let other = |found| HeaderError::OtherType {
        found,
        expected: text::REPLY,
    };
    match Type::of(fields)? {
        Type::Request => return Err(other(text::REQUEST)),
        Type::Cancel => return Err(other(text::CANCEL)),
        Type::Reply => {}
    }
    Ok(IncomingReply {
        to: read_correlation(fields)?,
        reply: read_result(fields)?,
    })
}

fn read_correlation(fields: &Fields<'_>) -> Result<Correlation, HeaderError> {
    let field = fields.needed(names::CORRELATION, "message")?;
    let expected = "instance, epoch and call, each as 16 lowercase hexadecimal digits, with hyphens between them";
    field.read(50, expected, parse_correlation)
}

fn read_request(fields: &Fields<'_>) -> Result<IncomingRequest, HeaderError> {
    let correlation = read_correlation(fields)?;
    let time = fields.needed(names::TIME, text::REQUEST)?;
    let expected = "milliseconds, from 0 to 1000000000000";
    let time = time.read(13, expected, text::read_millis)?;
    let attempt = fields.needed(names::ATTEMPT, text::REQUEST)?;
    let attempt = attempt.read(10, "a number from 1 to 4294967295", |text| {
        text::read_number(text).filter(|attempt| *attempt >= 1)
    })?;
    let key = fields.optional(names::IDEMPOTENCY_KEY)?;
    let key = key.map(Field::idempotency_key).transpose()?;
    let method = fields.optional(names::METHOD)?;
    let method = method.map(Field::method).transpose()?;
    // Others write it too: their mistakes end the trace, and not the request, as W3C wants it.
    let traceparent = fields.optional(names::TRACEPARENT).ok().flatten();
    let traceparent = traceparent.and_then(|field| field.traceparent().ok());
    Ok(IncomingRequest {
        correlation,
        id: None,
        attempt,
        reply_to: read_reply_address(fields)?,
        time: Some(time),
        timestamp: None,
        idempotency_key: key.map(<[u8]>::to_vec),
        method: method.map(str::to_owned),
        traceparent: traceparent.map(str::to_owned),
        payload: Payload::OfRecord,
    })
}

fn read_reply_address(fields: &Fields<'_>) -> Result<Option<ReplyAddress>, HeaderError> {
    let partition = fields.optional(names::REPLY_PARTITION)?;
    let partition = partition.map(Field::partition).transpose()?;
    match fields.optional(names::REPLY_TOPIC)? {
        Some(topic) => Ok(Some(ReplyAddress {
            topic: Arc::from(topic.topic()?),
            partition,
        })),
        None if partition.is_some() => Err(HeaderError::Missing {
            name: names::REPLY_TOPIC,
            needed_by: "request with livebus.reply.partition",
        }),
        None => Ok(None),
    }
}

/// What became of a request.
enum Ended {
    Done,
    Failed,
    Refused,
}

fn read_result(fields: &Fields<'_>) -> Result<ReadReply, HeaderError> {
    let result = fields.needed(names::RESULT, text::REPLY)?;
    let result = result.read(16, "done, failed or refused", |word| match word {
        text::DONE => Some(Ended::Done),
        text::FAILED => Some(Ended::Failed),
        text::REFUSED => Some(Ended::Refused),
        _ => None,
    })?;
    match result {
        Ended::Done => Ok(ReadReply::Done(Payload::OfRecord)),
        Ended::Failed => read_failed(fields),
        Ended::Refused => read_refused(fields),
    }
}

fn read_failed(fields: &Fields<'_>) -> Result<ReadReply, HeaderError> {
    let needed_by = "reply with livebus.result failed";
    let code = fields.needed(names::CODE, needed_by)?;
    let code = code.read(
        11,
        "a number from -2147483648 to 2147483647",
        text::read_number,
    )?;
    let reason = fields.needed(names::REASON, needed_by)?;
    let reason = reason.read(text::MAX_REASON_BYTES, "text in UTF-8", Some)?;
    Ok(ReadReply::Failed(ApplicationError {
        code,
        reason: reason.to_owned(),
    }))
}

fn read_refused(fields: &Fields<'_>) -> Result<ReadReply, HeaderError> {
    let needed_by = "reply with livebus.result refused";
    let refusal = fields.needed(names::REFUSAL, needed_by)?;
    let expected = "too_late, unsupported, overloaded or unavailable";
    let refusal = refusal.read(16, expected, text::read_refusal)?;
    let never_began = fields.needed(names::NEVER_BEGAN, needed_by)?;
    let never_began = never_began.read(5, "true or false", text::read_flag)?;
    // For people: a callee may leave it away.
    if let Some(age) = fields.optional(names::AGE)? {
        let expected = "milliseconds, from 0 to 1000000000000";
        age.read(13, expected, text::read_millis)?;
    }
    Ok(ReadReply::Refused {
        refusal,
        never_began,
    })
}
