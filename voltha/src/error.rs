//! What is wrong with a message.

use prost::DecodeError;
use thiserror::Error;

use crate::timestamp_form::TimestampForm;

/// What is wrong with a message of VOLTHA's protocol. The text names the field, and has no payload.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum VolthaError {
    /// A record has no payload.
    #[error("the record has no payload: this wire needs an InterContainerMessage there")]
    NoPayload,
    /// Bytes are not the message that they should be.
    #[error("{what} cannot be decoded: {error}")]
    Malformed {
        /// What they should be.
        what: &'static str,
        /// What is wrong, with the name of the field.
        error: DecodeError,
    },
    /// The timestamp has another form than the chosen one.
    #[error(
        "header.timestamp is {found}, but the chosen form is {chosen:?}: choose the form that the other side writes (docs/voltha-wire.md)"
    )]
    OtherTimestamp {
        /// What it is.
        found: &'static str,
        /// The form that was chosen.
        chosen: TimestampForm,
    },
    /// A timestamp is outside of what can be written or read.
    #[error("header.timestamp cannot be {value}: it must be between the years 1678 and 2262")]
    TimestampOutOfRange {
        /// What it is, or was to be.
        value: String,
    },
    /// A field that must be there is not.
    #[error("{field} is missing: {remedy}")]
    Missing {
        /// The field.
        field: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A field is longer than it may be.
    #[error("{field} has {length} bytes: at most {max} are allowed")]
    TooLong {
        /// The field.
        field: &'static str,
        /// How long it is.
        length: usize,
        /// How long it may be.
        max: usize,
    },
    /// A field has a value that means nothing.
    #[error("{field} is \"{value}\": it must be {expected}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// Its value, escaped and cut.
        value: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A message is packed where another one is expected.
    #[error("{field} has type {found}: it must have {expected}")]
    OtherType {
        /// The field.
        field: String,
        /// The name of its type, escaped and cut.
        found: String,
        /// The name of the expected type.
        expected: String,
    },
    /// A request has more arguments than are read.
    #[error("the request has {count} arguments: at most {max} are allowed")]
    TooManyArguments {
        /// How many it has.
        count: usize,
        /// How many it may have.
        max: usize,
    },
    /// A request has no argument of this name.
    #[error("argument {key} is missing: the caller must give it")]
    NoArgument {
        /// Its name.
        key: String,
    },
    /// This wire has no place for a part of a message.
    #[error("this wire cannot carry {part}: {remedy}")]
    Unsupported {
        /// The part.
        part: &'static str,
        /// What to do.
        remedy: &'static str,
    },
}

impl VolthaError {
    /// Makes the error of a decoder that was given bytes of the other side.
    pub(crate) const fn malformed(what: &'static str) -> impl FnOnce(DecodeError) -> Self {
        move |error| Self::Malformed { what, error }
    }
}

/// The beginning of a value, fit for an error.
pub(crate) fn shown(value: &str) -> String {
    let end = value.floor_char_boundary(64);
    value[..end].escape_default().to_string()
}
