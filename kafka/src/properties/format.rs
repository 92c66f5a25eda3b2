//! The format of `java.util.Properties`.

use std::iter::Peekable;
use std::str::Chars;

/// The error of a text that is not in the format.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FormatError {
    /// From 1: the line on which the property begins.
    pub(super) line: usize,
    pub(super) problem: &'static str,
}

/// A property of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: String,
    /// From 1: the line on which it begins.
    pub(super) line: usize,
}

/// Returns the properties in `text`, in their order, without spaces around the values.
pub(super) fn parse(text: &str) -> Result<Vec<Entry>, FormatError> {
    logical_lines(text)
        .into_iter()
        .map(|(line, text)| match entry(&text) {
            Ok((key, value)) => Ok(Entry { key, value, line }),
            Err(problem) => Err(FormatError { line, problem }),
        })
        .collect()
}

/// Returns the lines with a property, with their numbers. Joins continued lines, and skips comments and blank lines.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines = Vec::new();
    let mut natural = text.split('\n').zip(1..);
    while let Some((first, number)) = natural.next() {
        let first = first.trim_start_matches(is_space);
        // A comment is not continued, also if it ends with a backslash.
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = first.to_owned();
        while is_continued(&logical) {
            logical.pop();
            let Some((next, _)) = natural.next() else {
                break;
            };
            logical.push_str(next.trim_start_matches(is_space));
        }
        lines.push((number, logical));
    }
    lines
}

/// Returns whether the next line continues this one: an even number of backslashes escape each other.
fn is_continued(line: &str) -> bool {
    let backslashes = line.chars().rev().take_while(|c| *c == '\\').count();
    backslashes % 2 == 1
}

fn entry(line: &str) -> Result<(String, String), &'static str> {
    let mut chars = line.chars().peekable();
    let key = unescape(&mut chars, |c| is_space(c) || is_separator(c))?;
    if key.is_empty() {
        return Err("expected a key before the `=` or `:`");
    }
    let spaced = skip_spaces(&mut chars);
    let separated = chars.next_if(|c| is_separator(*c)).is_some();
    skip_spaces(&mut chars);
    if !separated && (!spaced || chars.peek().is_none()) {
        return Err("expected `key=value`; for an empty value, write `key=`");
    }
    let value = unescape(&mut chars, |_| false)?;
    Ok((key, value.trim().to_owned()))
}

/// Returns the text up to the first unescaped character that is an `end`, or to the end of the line.
fn unescape(
    chars: &mut Peekable<Chars<'_>>,
    end: impl Fn(char) -> bool,
) -> Result<String, &'static str> {
    let mut text = String::new();
    while let Some(c) = chars.next_if(|c| !end(*c)) {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('t') => text.push('\t'),
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('f') => text.push('\u{c}'),
            Some('u') => text.push(unicode(chars)?),
            Some(other) => text.push(other),
            None => {}
        }
    }
    Ok(text)
}

/// Returns the character after `\u`: Java writes characters beyond `\uffff` as two, a surrogate pair.
fn unicode(chars: &mut Peekable<Chars<'_>>) -> Result<char, &'static str> {
    const PROBLEM: &str =
        "expected four hexadecimal digits after `\\u`, or two such halves of a pair";

    let first = code_unit(chars).ok_or(PROBLEM)?;
    let mut units = vec![first];
    if (0xd800..0xdc00).contains(&first) {
        chars.next_if_eq(&'\\').ok_or(PROBLEM)?;
        chars.next_if_eq(&'u').ok_or(PROBLEM)?;
        units.push(code_unit(chars).ok_or(PROBLEM)?);
    }
    let text = String::from_utf16(&units).map_err(|_| PROBLEM)?;
    text.chars().next().ok_or(PROBLEM)
}

fn code_unit(chars: &mut Peekable<Chars<'_>>) -> Option<u16> {
    (0..4).try_fold(0, |unit, _| {
        let digit = chars.next()?.to_digit(16)?;
        Some(unit * 16 + u16::try_from(digit).ok()?)
    })
}

fn skip_spaces(chars: &mut Peekable<Chars<'_>>) -> bool {
    let mut any = false;
    while chars.next_if(|c| is_space(*c)).is_some() {
        any = true;
    }
    any
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

fn is_separator(c: char) -> bool {
    matches!(c, '=' | ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> (String, String) {
        let mut entries = parse(text).expect("is in the format");
        assert_eq!(entries.len(), 1, "{entries:?}");
        let entry = entries.remove(0);
        (entry.key, entry.value)
    }

    #[test]
    fn the_separator_is_an_equals_sign_a_colon_or_a_space() {
        for line in [
            "key=value",
            "key = value",
            "key:value",
            "  key : value  ",
            "key value",
            "key\tvalue",
            "key=value\r\n",
            "\u{feff}key=value",
        ] {
            assert_eq!(one(line), ("key".into(), "value".into()), "{line:?}");
        }
    }

    #[test]
    fn only_the_first_separator_separates() {
        assert_eq!(one("a=b=c:d e").1, "b=c:d e");
        assert_eq!(one("a:=b").1, "=b");
        assert_eq!(one(r"a\=b\ c=d").0, "a=b c");
    }

    #[test]
    fn comments_and_blank_lines_are_skipped() {
        let text = "# a=1\\\n! b=2\n\n \t\n  # c=3\nd=4#5\n";
        let entry = Entry {
            key: "d".into(),
            value: "4#5".into(),
            line: 6,
        };
        assert_eq!(parse(text), Ok(vec![entry]));
    }

    #[test]
    fn a_backslash_continues_a_line_and_two_do_not() {
        assert_eq!(one("a=1,\\\n   2,\\\n\t3").1, "1,2,3");
        assert_eq!(one("a=1\\").1, "1");
        let two = parse("a=1\\\\\nb=2").expect("is in the format");
        let two: Vec<_> = two.iter().map(|it| (&*it.key, &*it.value)).collect();
        assert_eq!(two, [("a", "1\\"), ("b", "2")]);
    }

    #[test]
    fn escapes_are_those_of_java() {
        assert_eq!(one(r"a=x\ty\u0041\:\q").1, "x\tyA:q");
        assert_eq!(one(r"a=\ud83d\ude00").1, "😀");
    }

    #[test]
    fn an_empty_value_is_written_with_a_separator() {
        assert_eq!(one("a=").1, "");
        assert_eq!(one("a :").1, "");
    }

    #[test]
    fn errors_have_the_line_on_which_the_property_begins() {
        for (text, line) in [
            ("a=1\nb", 2),
            ("a=1\n\nb ", 3),
            ("=1", 1),
            ("a=1,\\\n2\nb=\\u12", 3),
            ("a=\\\n\\ud83d", 1),
            ("a=\\u12g4", 1),
        ] {
            assert_eq!(parse(text).expect_err(text).line, line, "{text:?}");
        }
    }

    #[test]
    fn a_code_unit_has_four_hexadecimal_digits() {
        let unit = |text: &str| code_unit(&mut text.chars().peekable());
        assert_eq!(unit("12ab"), Some(0x12ab));
        assert_eq!(unit("ffff"), Some(0xffff));
        assert_eq!(unit("12a"), None);
    }
}
