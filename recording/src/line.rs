//! Every line but the first: an input, an action, or the end.

use std::fmt;
use std::time::Instant;

use crate::machine::{OwnedEntry, Recorded};

/// One line of a recording, after the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<M: Recorded> {
    /// The instant of the input; of an action and of the end, the newest instant of an input.
    pub at: Instant,
    /// The content.
    pub content: Content<M>,
}

/// The content of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content<M: Recorded> {
    /// An input or an action.
    Entry(OwnedEntry<M>),
    /// The recording ended.
    End(End),
}

/// Why a recording ended. A recording without an end was ended by a crash, or by a disk that had no room for the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The state machine stopped.
    Stopped,
    /// The state machine was dropped before it stopped.
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

impl End {
    /// Returns this end if it is an early one, else the other.
    pub(crate) fn in_place_of(self, other: Self) -> Self {
        if self.is_in_order() { other } else { self }
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

/// Returns a line without its line break, if it begins like an object; serde would accept an array as well.
pub(crate) fn object(text: &[u8]) -> Result<&[u8], Damage> {
    match text.strip_suffix(b"\n").unwrap_or(text) {
        object @ [b'{', ..] => Ok(object),
        _ => Err(Damage::new("it is not a JSON object")),
    }
}
