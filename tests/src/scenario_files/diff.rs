//! The difference between expected and actual results, with a few lines of context.

use std::fmt::Write as _;

/// How many lines of context are shown before and after, and at most how many lines of each side.
const CONTEXT: usize = 3;
const MAX_LINES: usize = 12;

/// Returns the lines from the first to the last difference; `None` if there is none.
pub(super) fn diff(expected: &[String], actual: &[String]) -> Option<String> {
    if expected == actual {
        return None;
    }
    let same = |(a, b): &(&String, &String)| a == b;
    let head = expected.iter().zip(actual).take_while(same).count();
    let (expected_rest, actual_rest) = (&expected[head..], &actual[head..]);
    let backwards = expected_rest.iter().rev().zip(actual_rest.iter().rev());
    let tail = backwards.take_while(same).count();
    let mut text = String::new();
    let before = &expected[head.saturating_sub(CONTEXT)..head];
    write(&mut text, ' ', before);
    write(&mut text, '-', &expected_rest[..expected_rest.len() - tail]);
    write(&mut text, '+', &actual_rest[..actual_rest.len() - tail]);
    let after = &expected[expected.len() - tail..];
    write(&mut text, ' ', &after[..after.len().min(CONTEXT)]);
    Some(text)
}

fn write(text: &mut String, mark: char, lines: &[String]) {
    for line in lines.iter().take(MAX_LINES) {
        let _infallible = writeln!(text, "{mark} {line}");
    }
    if let Some(more) = lines.len().checked_sub(MAX_LINES).filter(|more| *more > 0) {
        let _infallible = writeln!(text, "{mark} ... and {more} more");
    }
}
