//! Text in one line.

/// Returns whether the character begins a line, or changes the order or the look of the text after it.
pub(crate) fn breaks_lines(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns foreign text without characters that could forge another line, or change the look of the text after it.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.replace(breaks_lines, "\u{fffd}")
}
