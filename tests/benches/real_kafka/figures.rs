//! The table of figures.

use std::time::Instant;

/// Stands for something that did not happen within the time that was waited.
pub(crate) const NEVER: f64 = f64::INFINITY;

/// Prints the head of the table.
pub(crate) fn head() {
    println!("| what | unit | n | min | median | max | target |");
    println!("|---|---|---|---|---|---|---|");
}

/// Prints one row; none without figures.
pub(crate) fn row(what: &str, unit: &str, mut figures: Vec<f64>, target: &str) {
    figures.sort_by(f64::total_cmp);
    let (Some(&min), Some(&max)) = (figures.first(), figures.last()) else {
        return;
    };
    let middle = figures.len() / 2;
    let median = if figures.len().is_multiple_of(2) {
        f64::midpoint(figures[middle - 1], figures[middle])
    } else {
        figures[middle]
    };
    let [min, median, max] = [min, median, max].map(|figure| text(figure, unit));
    let count = figures.len();
    println!("| {what} | {unit} | {count} | {min} | {median} | {max} | {target} |");
}

fn text(figure: f64, unit: &str) -> String {
    let digits = match unit {
        "ms/s" => 2,
        "MiB" | "1/s" => 1,
        _ => 0,
    };
    if figure < NEVER {
        format!("{figure:.digits$}")
    } else {
        "never".to_owned()
    }
}

/// Returns the milliseconds from one instant to another; negative if the second is earlier.
pub(crate) fn millis(from: Instant, to: Instant) -> f64 {
    let forth = to.saturating_duration_since(from).as_secs_f64();
    let back = from.saturating_duration_since(to).as_secs_f64();
    (forth - back) * 1_000.0
}

/// Returns the milliseconds from one instant to another, or [`NEVER`].
pub(crate) fn millis_or_never(from: Instant, to: Option<Instant>) -> f64 {
    to.map_or(NEVER, |to| millis(from, to))
}

/// Returns a count as a figure.
pub(crate) fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(NEVER, f64::from)
}
