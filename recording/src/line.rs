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
    /// The instant of the input; of an action and of the end, the newest instant of an input.
    pub at: Instant,
    /// The content.
    pub content: Content,
}

/// The content of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// An input or an action.
    Entry(Entry),
    /// The recording ended.
    End(End),
}

/// Why a recording ended. A recording without an end was ended by a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The supervisor stopped.
    Stopped,
    /// The supervisor was dropped before it stopped.
    ForcedStop,
    /// The file was full: the next one continues.
    Continued {
        /// The number of actions that were not polled: the next file begins with them.
        queued: u64,
    },
    /// The disk was too slow.
    TooSlow,
    /// Writing failed, for this reason.
    Failed(String),
}

impl End {
    /// Returns whether everything until the end was recorded.
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

/// The error when a line cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
#[non_exhaustive]
pub struct Damage {
    /// What is wrong with the line.
    pub what: String,
    /// The column, in bytes from 1, if it is known.
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
        let suffix = format!(" at line {} column {}", error.line(), error.column());
        Self {
            what: text.strip_suffix(&suffix).unwrap_or(&text).to_owned(),
            column: (error.column() > 0).then_some(error.column()),
        }
    }
}

impl Line {
    /// Appends the line to `into`, with its line break. Instants are counted from `epoch`.
    ///
    /// # Errors
    ///
    /// None in practice: a line can always be written.
    pub fn encode(&self, epoch: Epoch, into: &mut Vec<u8>) -> io::Result<()> {
        serde_json::to_writer(&mut *into, &Wire::from_line(self, epoch))?;
        into.push(b'\n');
        Ok(())
    }

    /// Reads a line, with or without its line break.
    ///
    /// # Errors
    ///
    /// [`Damage`] for everything that [`encode`](Self::encode) does not write, except for spaces and the order of fields.
    pub fn decode(text: &[u8], epoch: Epoch) -> Result<Self, Damage> {
        serde_json::from_slice::<Wire<'_>>(object(text)?)?.into_line(epoch)
    }
}

/// Returns a line without its line break, if it begins like an object; serde would accept an array as well.
pub(crate) fn object(text: &[u8]) -> Result<&[u8], Damage> {
    match text.strip_suffix(b"\n").unwrap_or(text) {
        object @ [b'{', ..] => Ok(object),
        _ => Err(Damage::new("it is not a JSON object")),
    }
}

/// A line as JSON. It has the fields of all kinds of lines, and each kind has some of them.
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
