//! Equal lines of results at equal distances in time, written as one.

use std::time::Duration;

use super::words::millis;

/// From this number on, equal lines at equal distances in time are written as one.
const MIN_RUN: usize = 4;

/// A line, and its instant.
pub(crate) type Line = (Duration, String);

/// Returns the text of the lines.
pub(crate) fn in_runs(lines: &[Line]) -> Vec<String> {
    let (mut text, mut rest) = (Vec::new(), lines);
    while let [(at, line), next @ ..] = rest {
        let next_at = next.first().map_or(*at, |(next, _)| *next);
        let every = next_at.saturating_sub(*at);
        let mut due = *at;
        let run = rest.iter().take_while(|(at, other)| {
            let same = other == line && *at == due;
            due += every;
            same
        });
        let run = run.count();
        if run >= MIN_RUN && !every.is_zero() {
            let (every, at) = (millis(every), millis(*at));
            text.push(format!("every {every} from {at}, {run} times {line}"));
            rest = &rest[run..];
        } else {
            text.push(format!("{} {line}", millis(*at)));
            rest = next;
        }
    }
    text
}
