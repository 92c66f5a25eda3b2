//! The wire.

use std::sync::Arc;

use livebus_core::calls::Correlation;
use livebus_runner::calls::{
    Incoming, IncomingReply, IncomingRequest, Payload, ReplyAddress, ReplyToWrite, RequestToWrite,
    Wire, WireError, Written,
};
use livebus_runner::handlers::Record;
use prost::{Message, Name};

use crate::any::{pack, unpack_field};
use crate::arguments;
use crate::envelope::{Envelope, bounded, check_topic};
use crate::error::{VolthaError, shown};
use crate::ids::{correlation_of, id_of};
use crate::messages::{
    Any, InterContainerRequestBody, InterContainerResponseBody, MessageType, RequestEnvelope,
};
use crate::replies;
use crate::timestamp_form::TimestampForm;

/// The longest name of a method.
const MAX_METHOD_BYTES: usize = 255;

/// The wire of VOLTHA's inter-container protocol.
///
/// The payload of a request are its [`Arguments`](crate::Arguments), and its method must be named. The payload of a reply is what
/// [`encode_result`](crate::encode_result) makes. The original replies to any partition of the reply topic: a caller must read all of them
/// ([`ReplyPartitions::All`](livebus_runner::calls::ReplyPartitions::All)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolthaWire {
    form: TimestampForm,
}

impl VolthaWire {
    /// Makes the wire. The form of the timestamp is that of the services at the other side.
    #[must_use]
    pub const fn new(form: TimestampForm) -> Self {
        Self { form }
    }

    /// Returns the form of the timestamp.
    #[must_use]
    pub const fn timestamp_form(self) -> TimestampForm {
        self.form
    }

    fn request(self, request: RequestToWrite<'_>) -> Result<Written, VolthaError> {
        if request.idempotency_key.is_some() {
            return Err(VolthaError::Unsupported {
                part: "an idempotency key",
                remedy: "call without one, and so without repetitions",
            });
        }
        let method = request.method.ok_or(VolthaError::Missing {
            field: "rpc",
            remedy: "name the method of the call",
        })?;
        check_method(method)?;
        let reply_topic = &*request.reply_to.topic;
        check_topic("header.from_topic", reply_topic)?;
        // The payload is the body without what the wire knows. Of a field that is there twice, the last one counts.
        let mut body = request.payload;
        arguments::check(&body)?;
        let envelope = RequestEnvelope {
            rpc: method.to_owned(),
            response_required: true,
            reply_to_topic: reply_topic.to_owned(),
        };
        body.extend(envelope.encode_to_vec());
        let envelope = Envelope {
            id: id_of(request.correlation),
            kind: MessageType::Request,
            from_topic: reply_topic.to_owned(),
            to_topic: request.topic.to_owned(),
            timestamp: Some(request.timestamp),
            body: Any {
                type_url: InterContainerRequestBody::type_url(),
                value: body,
            },
        };
        Ok(written(envelope.encode(self.form)?))
    }

    fn reply(self, reply: ReplyToWrite<'_>) -> Result<Written, VolthaError> {
        let request = reply.request;
        let body = replies::encode(reply.reply, request.method.as_deref())?;
        let id = match &request.id {
            Some(id) => id.to_string(),
            None => id_of(request.correlation),
        };
        let to_topic = request.reply_to.as_ref();
        let envelope = Envelope {
            id,
            kind: MessageType::Response,
            from_topic: reply.topic.to_owned(),
            to_topic: to_topic.map_or_else(String::new, |to| to.topic.to_string()),
            timestamp: Some(reply.timestamp),
            body: pack(&body),
        };
        Ok(written(envelope.encode(self.form)?))
    }

    fn incoming(self, record: &Record) -> Result<IncomingRequest, VolthaError> {
        let envelope = self.envelope(record, MessageType::Request, "REQUEST on this topic")?;
        // Checks the name of the type, and leaves the arguments where they are.
        let name = InterContainerRequestBody::full_name();
        if envelope.body.type_url.rsplit('/').next() != Some(name.as_str()) {
            return Err(VolthaError::OtherType {
                field: "body".to_owned(),
                found: shown(&envelope.body.type_url),
                expected: name,
            });
        }
        let body = envelope.body.value;
        arguments::check(&body)?;
        let request = RequestEnvelope::decode(&*body);
        let request = request.map_err(VolthaError::malformed("InterContainerRequestBody"))?;
        check_method(&request.rpc)?;
        let reply_to = if request.response_required {
            check_topic("header.from_topic", &envelope.from_topic)?;
            // Not `reply_to_topic`: the original does not read it.
            Some(ReplyAddress {
                topic: Arc::from(envelope.from_topic.as_str()),
                partition: None,
            })
        } else {
            None
        };
        Ok(IncomingRequest {
            correlation: correlation_of(&envelope.id, &envelope.from_topic),
            id: Some(Arc::from(envelope.id)),
            attempt: 1,
            reply_to,
            time: None,
            timestamp: envelope.timestamp,
            idempotency_key: None,
            method: Some(request.rpc),
            traceparent: None,
            payload: Payload::Owned(body),
        })
    }

    fn outcome(self, record: &Record) -> Result<IncomingReply, VolthaError> {
        let envelope = self.envelope(record, MessageType::Response, "RESPONSE on this topic")?;
        let body: InterContainerResponseBody = unpack_field(&envelope.body, || "body".to_owned())?;
        Ok(IncomingReply {
            to: correlation_of(&envelope.id, &envelope.to_topic),
            reply: replies::decode(body)?,
        })
    }

    fn envelope(
        self,
        record: &Record,
        kind: MessageType,
        expected: &'static str,
    ) -> Result<Envelope, VolthaError> {
        let envelope = Envelope::decode(record.payload(), self.form)?;
        if envelope.kind != kind {
            return Err(VolthaError::Invalid {
                field: "header.type",
                value: envelope.kind.as_str_name().to_owned(),
                expected,
            });
        }
        Ok(envelope)
    }
}

fn check_method(method: &str) -> Result<(), VolthaError> {
    if method.is_empty() {
        return Err(VolthaError::Missing {
            field: "rpc",
            remedy: "name the method of the call",
        });
    }
    bounded("rpc", method, MAX_METHOD_BYTES)
}

/// A record without headers.
const fn written(payload: Vec<u8>) -> Written {
    Written {
        payload,
        headers: Vec::new(),
    }
}

impl Wire for VolthaWire {
    /// The deadline, the attempt and the trace are not written: the protocol has no place for them.
    fn write_request(&self, request: RequestToWrite<'_>) -> Result<Written, WireError> {
        Ok(self.request(request)?)
    }

    fn write_cancel(&self, _: Correlation) -> Option<Written> {
        None
    }

    fn write_reply(&self, reply: ReplyToWrite<'_>) -> Result<Written, WireError> {
        Ok(self.reply(reply)?)
    }

    fn read_request(&self, record: &Record) -> Result<Incoming, WireError> {
        Ok(Incoming::Request(Box::new(self.incoming(record)?)))
    }

    fn read_reply(&self, record: &Record) -> Result<IncomingReply, WireError> {
        Ok(self.outcome(record)?)
    }
}
