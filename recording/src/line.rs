//! Every line but the first: an input, an action, or the end.

mod decode;
mod encode;

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::epoch::Epoch;
use livebus_runner::Entry;

/// One line of a recording, after the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The instant that the supervisor was told; of an action and of the end, the newest that it was told.
    pub at: Instant,
    /// What it says.
    pub content: Content,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Something went into the supervisor or came out of it.
    Entry(Entry),
    /// The recording ended.
    End(End),
}

/// Why a recording ended. One without an end was cut by a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The supervisor came to its end.
    Stopped,
    /// The supervisor was dropped before its end.
    ForcedStop,
    /// The file was full: the next one goes on.
    Continued {
        /// How many actions the supervisor had yet to give: the next file begins with them.
        queued: u64,
    },
    /// The disk could not keep up.
    TooSlow,
    /// Writing failed, for this reason.
    Failed(String),
}

impl End {
    /// Whether all that happened until then was written down.
    #[must_use]
    pub const fn is_in_order(&self) -> bool {
        match self {
            Self::Stopped | Self::ForcedStop | Self::Continued { .. } => true,
            Self::TooSlow | Self::Failed(_) => false,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("stopped"),
            Self::ForcedStop => f.write_str("forced stop"),
            Self::Continued { .. } => f.write_str("continued"),
            Self::TooSlow => f.write_str("too slow"),
            Self::Failed(reason) => write!(f, "failed: {reason}"),
        }
    }
}

/// Why a line cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
#[non_exhaustive]
pub struct Damage {
    /// What is wrong with it.
    pub what: String,
    /// Where, in bytes from 1, as far as that can be told.
    pub column: Option<usize>,
}

impl Damage {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            column: None,
        }
    }
}

impl From<serde_json::Error> for Damage {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        Self {
            what: text.strip_suffix(&place).unwrap_or(&text).to_owned(),
            column: (error.column() > 0).then_some(error.column()),
        }
    }
}

impl Line {
    /// Appends it to `into` with its line break, instants counted from `epoch`.
    ///
    /// # Errors
    ///
    /// None that a line can cause; the formatter has the right to one.
    pub fn encode(&self, epoch: Epoch, into: &mut Vec<u8>) -> io::Result<()> {
        serde_json::to_writer(&mut *into, &Wire::from_line(self, epoch))?;
        into.push(b'\n');
        Ok(())
    }

    /// Reads it back, with or without its line break.
    ///
    /// # Errors
    ///
    /// [`Damage`] for everything that [`encode`](Self::encode) would not have written, spaces and the order of fields
    /// aside.
    pub fn decode(text: &[u8], epoch: Epoch) -> Result<Self, Damage> {
        serde_json::from_slice::<Wire<'_>>(object(text)?)?.into_line(epoch)
    }
}

/// The text of a line without its line break, if it begins as an object does; serde would take an array for one as well.
pub(crate) fn object(text: &[u8]) -> Result<&[u8], Damage> {
    match text.strip_suffix(b"\n").unwrap_or(text) {
        object @ [b'{', ..] => Ok(object),
        _ => Err(Damage::new("it is no JSON object")),
    }
}

/// A line as JSON: the fields of all kinds of lines, of which each has some.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    ns: i64,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    end: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handler: Option<usize>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    failure: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i32>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    warning: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queued: Option<u64>,
}

#[cfg(test)]
mod tests;
