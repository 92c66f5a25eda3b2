//! Where golden answers and what is seen differ, with a few lines around it.

use std::fmt::Write as _;

/// How many lines are shown before and after, and how many of each side.
const AROUND: usize = 3;
const SIDE: usize = 12;

/// The first and the last difference, and what is between; nothing when there is none.
pub(super) fn diff(golden: &[String], seen: &[String]) -> Option<String> {
    if golden == seen {
        return None;
    }
    let same = |(a, b): &(&String, &String)| a == b;
    let head = golden.iter().zip(seen).take_while(same).count();
    let (golden_rest, seen_rest) = (&golden[head..], &seen[head..]);
    let backwards = golden_rest.iter().rev().zip(seen_rest.iter().rev());
    let tail = backwards.take_while(same).count();
    let mut text = String::new();
    let before = &golden[head.saturating_sub(AROUND)..head];
    write(&mut text, ' ', before);
    write(&mut text, '-', &golden_rest[..golden_rest.len() - tail]);
    write(&mut text, '+', &seen_rest[..seen_rest.len() - tail]);
    let after = &golden[golden.len() - tail..];
    write(&mut text, ' ', &after[..after.len().min(AROUND)]);
    Some(text)
}

fn write(text: &mut String, mark: char, lines: &[String]) {
    for line in lines.iter().take(SIDE) {
        let _infallible = writeln!(text, "{mark} {line}");
    }
    if let Some(more) = lines.len().checked_sub(SIDE).filter(|more| *more > 0) {
        let _infallible = writeln!(text, "{mark} ... and {more} more");
    }
}
