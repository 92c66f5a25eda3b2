//! The scale from time to pixels, and the ticks of the axis.

use std::time::{Duration, Instant};

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLISECOND;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The maximum number of steps between ticks on the axis.
const MAX_STEPS: u64 = 11;

/// The steps that are round numbers in their unit.
const UNITS: [(u64, &str, &[u64]); 6] = [
    (1_000, "µs", &[1, 2, 5, 10, 20, 50, 100, 200, 500]),
    (MILLISECOND, "ms", &[1, 2, 5, 10, 20, 50, 100, 200, 500]),
    (SECOND, "s", &[1, 2, 5, 10, 15, 30]),
    (MINUTE, "min", &[1, 2, 5, 10, 15, 30]),
    (HOUR, "h", &[1, 2, 3, 6, 12]),
    (
        DAY,
        "d",
        &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000],
    ),
];

/// The range of time that is drawn, and its position in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) from: Instant,
    span: Duration,
    pub(super) left: f64,
    pub(super) width: f64,
}

/// A tick of the axis.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tick {
    /// The time since the recording began.
    pub(super) elapsed: Duration,
    pub(super) label: String,
}

impl Scale {
    pub(super) fn new(from: Instant, to: Instant, left: f64, width: f64) -> Self {
        Self {
            from,
            span: to
                .saturating_duration_since(from)
                .max(Duration::from_millis(1)),
            left,
            width,
        }
    }

    /// Returns the position of an instant; clamped to the edges.
    pub(super) fn x(&self, at: Instant) -> f64 {
        let part = at.saturating_duration_since(self.from).as_secs_f64() / self.span.as_secs_f64();
        self.left + part.min(1.0) * self.width
    }

    pub(super) fn right(&self) -> f64 {
        self.left + self.width
    }

    /// Returns the ticks, counted from `began`.
    pub(super) fn ticks(&self, began: Instant) -> Vec<Tick> {
        let first = self.from.saturating_duration_since(began);
        ticks(nanos(first), nanos(first.saturating_add(self.span)))
    }

    pub(super) const fn span(&self) -> Duration {
        self.span
    }
}

fn ticks(from: u64, to: u64) -> Vec<Tick> {
    let (step, unit, name) = step_for(to.saturating_sub(from));
    let first = from.div_ceil(step);
    (first..=to / step)
        .map(|tick| {
            let number = tick * step / unit;
            let label = if unit == MILLISECOND && step >= SECOND / 10 {
                format!("{}.{} s", number / 1_000, number / 100 % 10)
            } else {
                format!("{number} {name}")
            };
            Tick {
                elapsed: Duration::from_nanos(tick * step),
                label,
            }
        })
        .collect()
}

/// Returns the smallest round step that gives at most [`MAX_STEPS`] steps, with its unit.
fn step_for(span: u64) -> (u64, u64, &'static str) {
    let steps = UNITS.iter().flat_map(|(unit, name, numbers)| {
        let step = move |number: &u64| (number * unit, *unit, *name);
        numbers.iter().map(step)
    });
    steps
        .into_iter()
        .find(|(step, ..)| span / step <= MAX_STEPS)
        .unwrap_or((5_000 * DAY, DAY, "d"))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(from: Duration, to: Duration) -> Vec<String> {
        let ticks = ticks(nanos(from), nanos(to));
        ticks.into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round_in_the_unit_of_the_span() {
        let to = |to| labels(Duration::ZERO, to);
        assert_eq!(to(Duration::from_secs(20))[..3], ["0 s", "2 s", "4 s"]);
        assert_eq!(
            to(Duration::from_mins(3))[..3],
            ["0 s", "30 s", "60 s"][..3]
        );
        assert_eq!(
            to(Duration::from_hours(1))[..3],
            ["0 min", "10 min", "20 min"][..3]
        );
        assert_eq!(to(Duration::from_hours(72))[..3], ["0 h", "12 h", "24 h"]);
        assert_eq!(to(Duration::from_hours(24 * 9))[..3], ["0 d", "1 d", "2 d"]);
        assert_eq!(
            to(Duration::from_millis(3))[..3],
            ["0 µs", "500 µs", "1000 µs"]
        );
    }

    #[test]
    fn a_range_that_begins_late_begins_with_its_first_round_time() {
        let from = Duration::from_millis(61_500);
        assert_eq!(
            labels(from, from + Duration::from_secs(5))[..2],
            ["61.5 s", "62.0 s"]
        );
    }

    #[test]
    fn the_number_of_ticks_is_bounded() {
        for exponent in 0..62 {
            let ticks = ticks(0, 1 << exponent);
            assert!(ticks.len() <= 13, "{ticks:?}");
        }
    }
}
