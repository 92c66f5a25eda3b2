//! A writer of SVG: shapes with tooltips, with all text escaped.

use std::fmt::Write;

/// A rectangle, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// The anchor of a text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
}

/// The shapes, from the back to the front.
#[derive(Debug, Default)]
pub(super) struct Canvas(String);

impl Canvas {
    pub(super) fn rect(&mut self, class: &str, area: Area, corner: f64, title: &str) {
        let Area {
            x,
            y,
            width,
            height,
        } = area;
        self.add(format_args!(
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="{corner}""#
        ));
        self.close("rect", title);
    }

    /// Adds a path; `data` is SVG path data.
    pub(super) fn path(&mut self, class: &str, data: &str, title: &str) {
        self.add(format_args!(r#"<path class="{class}" d="{data}""#));
        self.close("path", title);
    }

    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.add(format_args!(
            r#"<line class="{class}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/>"#
        ));
        self.add(format_args!("\n"));
    }

    pub(super) fn text(&mut self, class: &str, anchor: Anchor, at: (f64, f64), text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
        };
        let (x, y) = at;
        self.add(format_args!(
            r#"<text class="{class}" text-anchor="{anchor}" x="{x:.1}" y="{y:.1}">{}</text>"#,
            escape(text)
        ));
        self.add(format_args!("\n"));
    }

    /// Adds text from the bottom to the top, with its middle at `at`.
    pub(super) fn upright(&mut self, class: &str, at: (f64, f64), text: &str) {
        let (x, y) = at;
        self.add(format_args!(
            r#"<text class="{class}" text-anchor="middle" transform="translate({x:.1} {y:.1}) rotate(-90)">{}</text>"#,
            escape(text)
        ));
        self.add(format_args!("\n"));
    }

    /// Returns the whole file.
    pub(super) fn finish(self, width: f64, height: f64, title: &str, style: &str) -> String {
        let title = escape(title);
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0}" width="{width}" height="{height:.0}" role="img">
<title>{title}</title>
<style>{style}</style>
<rect class="paper" width="{width}" height="{height:.0}"/>
{}</svg>
"#,
            self.0
        )
    }

    fn close(&mut self, element: &str, title: &str) {
        if title.is_empty() {
            self.add(format_args!("/>\n"));
        } else {
            self.add(format_args!(
                "><title>{}</title></{element}>\n",
                escape(title)
            ));
        }
    }

    fn add(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.0.write_fmt(text);
    }
}

/// Returns the maximum width of a text in the fonts of browsers.
pub(super) fn width_of(text: &str, size: f64) -> f64 {
    let ems: f64 = text
        .chars()
        .map(|c| if c.is_ascii() { 0.64 } else { 1.1 })
        .sum();
    ems * size
}

/// Escapes text for XML elements and attributes.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            // XML does not allow these, not even escaped.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        assert_eq!(
            escape("<b a=\"1\">&\u{0}\u{ffff}é"),
            "&lt;b a=&quot;1&quot;&gt;&amp;\u{fffd}\u{fffd}é"
        );
    }
}
