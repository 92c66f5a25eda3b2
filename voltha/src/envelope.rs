//! A message around its body, whatever the form of its timestamp.

use std::time::SystemTime;

use prost::Message;

use crate::error::{VolthaError, shown};
use crate::messages::{
    Any, Header, InterContainerMessage, MessageType, NumericHeader, NumericInterContainerMessage,
};
use crate::timestamp::{of_message, of_millis, of_nanos, to_message, to_millis, to_nanos};
use crate::timestamp_form::TimestampForm;

/// The longest id of a request.
const MAX_ID_BYTES: usize = 255;
/// The longest name of a topic that Kafka has.
const MAX_TOPIC_BYTES: usize = 249;

/// A message around its body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Envelope {
    pub(crate) id: String,
    pub(crate) kind: MessageType,
    pub(crate) from_topic: String,
    pub(crate) to_topic: String,
    pub(crate) timestamp: Option<SystemTime>,
    pub(crate) body: Any,
}

impl Envelope {
    pub(crate) fn encode(self, form: TimestampForm) -> Result<Vec<u8>, VolthaError> {
        let number = |number: Result<i64, VolthaError>| {
            Ok::<_, VolthaError>(NumericHeader {
                id: self.id.clone(),
                r#type: self.kind.into(),
                from_topic: self.from_topic.clone(),
                to_topic: self.to_topic.clone(),
                key_topic: String::new(),
                timestamp: number?,
            })
        };
        let header = match form {
            TimestampForm::Message => {
                let message = InterContainerMessage {
                    header: Some(Header {
                        timestamp: self.timestamp.map(to_message).transpose()?,
                        id: self.id,
                        r#type: self.kind.into(),
                        from_topic: self.from_topic,
                        to_topic: self.to_topic,
                        key_topic: String::new(),
                    }),
                    body: Some(self.body),
                };
                return Ok(message.encode_to_vec());
            }
            TimestampForm::Nanoseconds => number(self.timestamp.map_or(Ok(0), to_nanos))?,
            TimestampForm::Milliseconds => number(self.timestamp.map_or(Ok(0), to_millis))?,
        };
        let message = NumericInterContainerMessage {
            header: Some(header),
            body: Some(self.body),
        };
        Ok(message.encode_to_vec())
    }

    pub(crate) fn decode(payload: Option<&[u8]>, form: TimestampForm) -> Result<Self, VolthaError> {
        let payload = payload.ok_or(VolthaError::NoPayload)?;
        let parts = match form {
            TimestampForm::Message => Parts::with_message(payload)?,
            TimestampForm::Nanoseconds => Parts::with_number(payload, form, of_nanos)?,
            TimestampForm::Milliseconds => Parts::with_number(payload, form, of_millis)?,
        };
        parts.check()
    }
}

/// What was decoded, before its check.
struct Parts {
    id: String,
    kind: i32,
    from_topic: String,
    to_topic: String,
    timestamp: Option<SystemTime>,
    body: Option<Any>,
}

const WHAT: &str = "InterContainerMessage";
const NO_HEADER: VolthaError = VolthaError::Missing {
    field: "header",
    remedy: "write an InterContainerMessage with its header",
};

impl Parts {
    fn with_message(payload: &[u8]) -> Result<Self, VolthaError> {
        let message = InterContainerMessage::decode(payload).map_err(|error| {
            if NumericInterContainerMessage::decode(payload).is_ok() {
                VolthaError::OtherTimestamp {
                    found: "a number",
                    chosen: TimestampForm::Message,
                }
            } else {
                VolthaError::Malformed { what: WHAT, error }
            }
        })?;
        let header = message.header.ok_or(NO_HEADER)?;
        Ok(Self {
            id: header.id,
            kind: header.r#type,
            from_topic: header.from_topic,
            to_topic: header.to_topic,
            timestamp: header.timestamp.map(of_message).transpose()?,
            body: message.body,
        })
    }

    fn with_number(
        payload: &[u8],
        form: TimestampForm,
        read: fn(i64) -> Result<SystemTime, VolthaError>,
    ) -> Result<Self, VolthaError> {
        let message = NumericInterContainerMessage::decode(payload).map_err(|error| {
            if InterContainerMessage::decode(payload).is_ok() {
                VolthaError::OtherTimestamp {
                    found: "a message",
                    chosen: form,
                }
            } else {
                VolthaError::Malformed { what: WHAT, error }
            }
        })?;
        let header = message.header.ok_or(NO_HEADER)?;
        // A number that is not there reads as zero.
        let timestamp = Some(header.timestamp).filter(|number| *number != 0);
        Ok(Self {
            id: header.id,
            kind: header.r#type,
            from_topic: header.from_topic,
            to_topic: header.to_topic,
            timestamp: timestamp.map(read).transpose()?,
            body: message.body,
        })
    }

    fn check(self) -> Result<Envelope, VolthaError> {
        let Ok(kind) = MessageType::try_from(self.kind) else {
            return Err(VolthaError::Invalid {
                field: "header.type",
                value: self.kind.to_string(),
                expected: "0 (REQUEST), 1 (RESPONSE) or 2 (DEVICE_DISCOVERED)",
            });
        };
        if self.id.is_empty() {
            return Err(VolthaError::Missing {
                field: "header.id",
                remedy: "give each request an id of its own",
            });
        }
        bounded("header.id", &self.id, MAX_ID_BYTES)?;
        bounded("header.from_topic", &self.from_topic, MAX_TOPIC_BYTES)?;
        bounded("header.to_topic", &self.to_topic, MAX_TOPIC_BYTES)?;
        let body = self.body.ok_or(VolthaError::Missing {
            field: "body",
            remedy: "write an InterContainerMessage with its body",
        })?;
        Ok(Envelope {
            id: self.id,
            kind,
            from_topic: self.from_topic,
            to_topic: self.to_topic,
            timestamp: self.timestamp,
            body,
        })
    }
}

/// Checks the length of a field.
pub(crate) fn bounded(field: &'static str, value: &str, max: usize) -> Result<(), VolthaError> {
    let length = value.len();
    if length > max {
        return Err(VolthaError::TooLong { field, length, max });
    }
    Ok(())
}

/// Checks the name of a topic.
pub(crate) fn check_topic(field: &'static str, topic: &str) -> Result<(), VolthaError> {
    bounded(field, topic, MAX_TOPIC_BYTES)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if topic.is_empty() || matches!(topic, "." | "..") || !topic.bytes().all(allowed) {
        return Err(VolthaError::Invalid {
            field,
            value: shown(topic),
            expected: "the name of a topic: letters, digits, dots, underscores and hyphens, not . or ..",
        });
    }
    Ok(())
}
