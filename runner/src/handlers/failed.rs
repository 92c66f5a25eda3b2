//! What a function returns for a record that it could not handle.

use std::error::Error;
use std::fmt;

use livebus_core::dispatch::RecordFailure;

/// The failure of a function with a record. Its class decides what follows; its text is logged, and written into a dead letter.
///
/// An error that is returned with `?` is [transient](Self::transient). The text should not contain parts of the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    pub(crate) class: RecordFailure,
    pub(crate) text: String,
    /// Whether a log line about it is written elsewhere.
    pub(crate) is_logged: bool,
}

impl Failed {
    /// The function may succeed when it is called with the record again.
    pub fn transient(reason: impl fmt::Display) -> Self {
        Self::new(RecordFailure::Transient, reason)
    }

    /// The function will fail each time: the record itself is wrong.
    pub fn permanent(reason: impl fmt::Display) -> Self {
        Self::new(RecordFailure::Permanent, reason)
    }

    /// Returns the class.
    #[must_use]
    pub const fn class(&self) -> RecordFailure {
        self.class
    }

    pub(crate) fn new(class: RecordFailure, reason: impl fmt::Display) -> Self {
        let text = bounded(reason.to_string());
        Self {
            class,
            text,
            is_logged: false,
        }
    }

    /// Keeps it out of the log, where it is already.
    pub(crate) fn logged(self) -> Self {
        Self {
            is_logged: true,
            ..self
        }
    }
}

impl<E: Error> From<E> for Failed {
    /// A transient failure, with the error and its sources as its text.
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::transient(text)
    }
}

/// The most bytes of a text that are kept: it may be held for each record that failed.
const MAX_TEXT: usize = 500;

fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_transient_and_shows_its_sources() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot store the order")]
        struct Outer(#[source] std::fmt::Error);

        let failed = Failed::from(Outer(std::fmt::Error));
        assert_eq!(failed.class(), RecordFailure::Transient);
        assert!(
            failed.text.starts_with("cannot store the order: an error"),
            "{failed:?}"
        );
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let failed = Failed::permanent("ä".repeat(1_000));
        assert!(
            (490..=MAX_TEXT).contains(&failed.text.len()),
            "{}",
            failed.text.len()
        );
    }
}
