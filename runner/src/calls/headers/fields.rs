//! The headers of a record, found by their names and checked.

use thiserror::Error;

use crate::calls::headers::{names, text};
use crate::handlers::Header;

/// What is wrong with the headers of a message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// A header that must be there is not.
    #[error("header {name} is missing: a {needed_by} needs it")]
    Missing {
        /// Its name.
        name: &'static str,
        /// What needs it.
        needed_by: &'static str,
    },
    /// A header is there twice.
    #[error("header {name} is there more than once: write it once")]
    Duplicate {
        /// Its name.
        name: &'static str,
    },
    /// A header has no value.
    #[error("header {name} has no value: give it one, or leave it away")]
    NoValue {
        /// Its name.
        name: &'static str,
    },
    /// A header is longer than it may be.
    #[error("header {name} has {length} bytes: at most {max} are allowed")]
    TooLong {
        /// Its name.
        name: &'static str,
        /// How long it is.
        length: usize,
        /// How long it may be.
        max: usize,
    },
    /// A header has a value that means nothing.
    #[error("header {name} is \"{value}\": it must be {expected}")]
    Malformed {
        /// Its name.
        name: &'static str,
        /// Its value, escaped and cut.
        value: String,
        /// What it must be.
        expected: &'static str,
    },
    /// The message has a version that is not known.
    #[error(
        "header livebus.version is {found}: only version {known} is known, so the other side must write that, or this one be updated"
    )]
    UnknownVersion {
        /// Its version.
        found: u32,
        /// The version that is known.
        known: u32,
    },
    /// The message is of another type.
    #[error(
        "header livebus.type is {found}, where only {expected} is read: one of the two sides uses the wrong topic"
    )]
    OtherType {
        /// Its type.
        found: &'static str,
        /// The types that are expected.
        expected: &'static str,
    },
}

/// The value of one header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    name: &'static str,
    value: &'a [u8],
}

impl<'a> Field<'a> {
    pub(super) const fn new(name: &'static str, value: &'a [u8]) -> Self {
        Self { name, value }
    }

    /// Reads the value with a function that returns `None` for what means nothing.
    pub(super) fn read<T>(
        self,
        max: usize,
        expected: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, HeaderError> {
        self.bounded(max)?;
        let text = str::from_utf8(self.value).ok();
        text.and_then(read).ok_or_else(|| self.malformed(expected))
    }

    pub(super) fn topic(self) -> Result<&'a str, HeaderError> {
        let expected =
            "the name of a topic: letters, digits, dots, underscores and hyphens, not . or ..";
        self.read(text::MAX_TOPIC_BYTES, expected, |text| {
            text::is_topic(text).then_some(text)
        })
    }

    pub(super) fn partition(self) -> Result<i32, HeaderError> {
        let expected = "the number of a partition, from 0 to 2147483647";
        self.read(10, expected, |text| {
            text::read_number(text).filter(|number: &i32| *number >= 0)
        })
    }

    pub(super) fn idempotency_key(self) -> Result<&'a [u8], HeaderError> {
        self.bounded(text::MAX_KEY_BYTES)?;
        if self.value.is_empty() {
            return Err(self.malformed("at least one byte"));
        }
        Ok(self.value)
    }

    pub(super) fn method(self) -> Result<&'a str, HeaderError> {
        let expected = "text in UTF-8 that is not empty";
        self.read(text::MAX_METHOD_BYTES, expected, |text| {
            (!text.is_empty()).then_some(text)
        })
    }

    pub(super) fn traceparent(self) -> Result<&'a str, HeaderError> {
        let expected = "a traceparent of W3C's Trace Context: version, trace id, parent id, flags";
        self.read(text::MAX_TRACEPARENT_BYTES, expected, |text| {
            text::is_traceparent(text).then_some(text)
        })
    }

    fn bounded(self, max: usize) -> Result<(), HeaderError> {
        if self.value.len() <= max {
            return Ok(());
        }
        Err(HeaderError::TooLong {
            name: self.name,
            length: self.value.len(),
            max,
        })
    }

    fn malformed(self, expected: &'static str) -> HeaderError {
        // A reason is text of the application: none of it is shown.
        let shown = if self.name == names::REASON {
            &[]
        } else {
            &self.value[..self.value.len().min(64)]
        };
        HeaderError::Malformed {
            name: self.name,
            value: shown.escape_ascii().to_string(),
            expected,
        }
    }
}

/// What was found of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found<'a> {
    Nothing,
    Once(Option<&'a [u8]>),
    Again,
}

/// The headers of one record that this wire knows. All others are ignored, so that later versions can add some.
#[derive(Debug)]
pub(super) struct Fields<'a>([Found<'a>; names::ALL.len()]);

impl<'a> Fields<'a> {
    /// Finds them, and checks the version.
    pub(super) fn of(headers: impl Iterator<Item = Header<'a>>) -> Result<Self, HeaderError> {
        let mut fields = Self([Found::Nothing; names::ALL.len()]);
        for header in headers {
            let index = names::ALL.iter().position(|name| *name == header.name);
            let Some(index) = index else { continue };
            fields.0[index] = match fields.0[index] {
                Found::Nothing => Found::Once(header.value),
                Found::Once(_) | Found::Again => Found::Again,
            };
        }
        let version = fields.needed(names::VERSION, "message")?;
        let found = version.read(10, "the number of a version", text::read_number)?;
        let known = names::KNOWN_VERSION;
        if found != known {
            return Err(HeaderError::UnknownVersion { found, known });
        }
        Ok(fields)
    }

    /// Returns a header that must be there.
    pub(super) fn needed(
        &self,
        name: &'static str,
        needed_by: &'static str,
    ) -> Result<Field<'a>, HeaderError> {
        let field = self.optional(name)?;
        field.ok_or(HeaderError::Missing { name, needed_by })
    }

    /// Returns a header that may be there.
    pub(super) fn optional(&self, name: &'static str) -> Result<Option<Field<'a>>, HeaderError> {
        let index = names::ALL.iter().position(|known| *known == name);
        match index.map_or(Found::Nothing, |index| self.0[index]) {
            Found::Nothing => Ok(None),
            Found::Once(Some(value)) => Ok(Some(Field { name, value })),
            Found::Once(None) => Err(HeaderError::NoValue { name }),
            Found::Again => Err(HeaderError::Duplicate { name }),
        }
    }
}
