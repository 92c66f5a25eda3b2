//! The text of a live line, made to fit the terminal.

use unicode_width::UnicodeWidthStr;

/// What a live line says: its head, and parts in the order of their importance. Each part is shown whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LiveText {
    head: Painted,
    parts: Vec<Part>,
}

/// A text, plain and with colours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Painted {
    pub(crate) plain: String,
    pub(crate) painted: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    text: String,
    /// What is shown where the text has no room.
    short: Option<String>,
}

const SEPARATOR: &str = " · ";
/// Stands for the parts that have no room.
const MORE: &str = " …";

impl LiveText {
    pub(crate) const fn new(head: Painted) -> Self {
        Self {
            head,
            parts: Vec::new(),
        }
    }

    /// Adds a part.
    pub(crate) fn push(&mut self, text: String) {
        self.parts.push(Part { text, short: None });
    }

    /// Adds a part that has a short form.
    pub(crate) fn push_or(&mut self, text: String, short: String) {
        let short = Some(short);
        self.parts.push(Part { text, short });
    }

    /// Returns the line for a terminal of so many columns. It leaves the last column free: a terminal that is at its right edge
    /// may begin a new line.
    pub(crate) fn fit(&self, columns: usize) -> String {
        let room = columns.saturating_sub(1);
        let mut width = self.head.plain.width();
        if width > room {
            // Too narrow for a word.
            return String::new();
        }
        let mut line = self.head.painted.clone();
        let mut is_complete = true;
        let mut separator = " ";
        for (index, part) in self.parts.iter().enumerate() {
            // Room for `MORE`, which any part but the last may need.
            let is_last = is_complete && index + 1 == self.parts.len();
            let reserved = if is_last { 0 } else { MORE.width() };
            let fits = |text: &&String| width + separator.width() + text.width() + reserved <= room;
            let short = part.short.as_ref();
            if let Some(text) = Some(&part.text).filter(fits).or(short.filter(fits)) {
                width += separator.width() + text.width();
                line.push_str(separator);
                line.push_str(text);
                separator = SEPARATOR;
            } else {
                is_complete = false;
            }
        }
        if !is_complete && width + MORE.width() <= room {
            line.push_str(MORE);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> LiveText {
        let head = Painted {
            plain: "● NotReady".to_owned(),
            painted: "\x1b[31m● NotReady\x1b[0m".to_owned(),
        };
        let mut text = LiveText::new(head);
        text.push("for 1.0 s".to_owned());
        text.push_or(
            "Unreachable: 127.0.0.1:9092: Connection refused".to_owned(),
            "Unreachable".to_owned(),
        );
        text.push("next check in 1.00 s".to_owned());
        text
    }

    fn plain(columns: usize) -> String {
        let line = text().fit(columns);
        line.replace("\x1b[31m", "").replace("\x1b[0m", "")
    }

    #[test]
    fn parts_are_shown_whole_in_short_or_not_at_all() {
        assert_eq!(
            plain(200),
            "● NotReady for 1.0 s · Unreachable: 127.0.0.1:9092: Connection refused · next check in 1.00 s"
        );
        assert_eq!(
            plain(80),
            "● NotReady for 1.0 s · Unreachable: 127.0.0.1:9092: Connection refused …"
        );
        assert_eq!(
            plain(60),
            "● NotReady for 1.0 s · Unreachable · next check in 1.00 s"
        );
        assert_eq!(plain(40), "● NotReady for 1.0 s · Unreachable …");
        assert_eq!(plain(20), "● NotReady …");
        assert_eq!(plain(11), "● NotReady");
        assert_eq!(plain(10), "");
    }

    #[test]
    fn no_width_is_exceeded() {
        for columns in 0..220 {
            let width = plain(columns).width();
            assert!(width <= columns.saturating_sub(1), "{columns}: {width}");
        }
    }
}
