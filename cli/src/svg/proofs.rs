//! The proofs that the bus works, the remaining lease, and the time without proof before each loss.

use std::fmt::Write;
use std::ptr;
use std::time::{Duration, Instant};

use super::axis::Scale;
use super::canvas::{Anchor, Area, Canvas, width_of};
use super::history::{History, Lease, Loss};
use super::marks::{NARROW, Runs};
use crate::output::{short, since_begin};

/// The height of the losses, above the lease.
const LOSSES: f64 = 20.0;
const TICK: f64 = 8.0;
/// The maximum number of losses that are labelled with their duration; with more, only the longest is.
const MAX_LABELS: usize = 24;
/// The maximum number of leases that are drawn one by one; with more, each column has the minimum and the maximum.
const MAX_TEETH: usize = 600;

pub(super) fn draw(canvas: &mut Canvas, history: &History, scale: &Scale, y: f64, height: f64) {
    let bottom = y + height;
    let teeth = teeth(history);
    let max = teeth.iter().map(|tooth| tooth.max).max();
    if let Some(max) = max.filter(|max| !max.is_zero()) {
        let available = height - LOSSES;
        let y = |left: Duration| bottom - left.as_secs_f64() / max.as_secs_f64() * available;
        let title = format!("remaining lease: at most {}", short(max));
        if teeth.len() <= MAX_TEETH {
            canvas.path("lease", &sawtooth(&teeth, scale, bottom, y), &title);
        } else {
            let columns = columns(&teeth, scale);
            canvas.path("lease", &steps(&columns, bottom, |it| y(it.max)), &title);
            canvas.path("least", &steps(&columns, bottom, |it| y(it.min)), &title);
        }
    }
    proofs(canvas, history, scale, bottom);
    losses(canvas, history, scale, y);
}

/// The lease between two grants, or until it was withdrawn.
#[derive(Debug, Clone, Copy)]
struct Tooth {
    from: Instant,
    to: Instant,
    max: Duration,
    min: Duration,
}

fn teeth(history: &History) -> Vec<Tooth> {
    let next = history.leases.iter().skip(1).map(|lease| lease.at);
    let pairs = history.leases.iter().zip(next.chain([history.end]));
    let teeth = pairs.filter_map(|(Lease { at, until }, next)| {
        let until = (*until)?;
        Some(Tooth {
            from: *at,
            to: next.min(until).max(*at),
            max: until.saturating_duration_since(*at),
            min: until.saturating_duration_since(next),
        })
    });
    teeth.collect()
}

fn sawtooth(teeth: &[Tooth], scale: &Scale, bottom: f64, y: impl Fn(Duration) -> f64) -> String {
    let mut data = String::new();
    for tooth in teeth {
        let (from, to) = (scale.x(tooth.from), scale.x(tooth.to));
        let (max, min) = (y(tooth.max), y(tooth.min));
        // Writing to a string cannot fail.
        let _ = write!(
            data,
            "M{from:.1} {bottom:.1}V{max:.1}L{to:.1} {min:.1}V{bottom:.1}Z"
        );
    }
    data
}

/// The maximum and the minimum in some pixels.
#[derive(Debug, Clone, Copy)]
struct Column {
    from: f64,
    to: f64,
    max: Duration,
    min: Duration,
}

fn columns(teeth: &[Tooth], scale: &Scale) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for tooth in teeth {
        let (from, to) = (scale.x(tooth.from), scale.x(tooth.to));
        match columns.last_mut() {
            Some(last) if to - last.from < NARROW => {
                last.to = to;
                last.max = last.max.max(tooth.max);
                last.min = last.min.min(tooth.min);
            }
            Some(_) | None => columns.push(Column {
                from,
                to,
                max: tooth.max,
                min: tooth.min,
            }),
        }
    }
    columns
}

fn steps(columns: &[Column], bottom: f64, y: impl Fn(&Column) -> f64) -> String {
    let mut data = String::new();
    for column in columns {
        let Column { from, to, .. } = column;
        let to = to.max(from + 1.0);
        let top = y(column);
        // Writing to a string cannot fail.
        let _ = write!(data, "M{from:.1} {bottom:.1}V{top:.1}H{to:.1}V{bottom:.1}Z");
    }
    data
}

fn proofs(canvas: &mut Canvas, history: &History, scale: &Scale, bottom: f64) {
    let extent = |at: &Instant| (scale.x(*at), scale.x(*at));
    for run in Runs::of(&history.proofs, extent) {
        let at = since_begin(history.time.elapsed(run[0]));
        let (width, title) = match run.len() {
            1 => (1.5, format!("proof at {at}")),
            many => (NARROW, format!("{many} proofs from {at}")),
        };
        let area = Area {
            x: scale.x(run[0]) - 0.5,
            y: bottom - TICK,
            width,
            height: TICK,
        };
        canvas.rect("proof", area, 0.0, &title);
    }
}

/// Draws each loss, from the last proof to the instant at which it was noticed.
fn losses(canvas: &mut Canvas, history: &History, scale: &Scale, y: f64) {
    let line = y + LOSSES - 3.0;
    let extent = |loss: &Loss| (scale.x(loss.proved), scale.x(loss.noticed));
    // The longest stands for the others of its run.
    let without_proof = |loss: &Loss| loss.noticed.saturating_duration_since(loss.proved);
    let longest = |run: &'_ [Loss]| run.iter().copied().max_by_key(without_proof);
    let drawn: Vec<Loss> = Runs::of(&history.losses, extent)
        .filter_map(longest)
        .collect();
    // The first of the longest, if there are too many to label all.
    let worst = drawn.iter().rev().max_by_key(|loss| without_proof(loss));
    let only = worst.filter(|_| drawn.len() > MAX_LABELS);
    let mut written = scale.left;
    for loss in &drawn {
        let (from, to) = extent(loss);
        let took = short(without_proof(loss));
        let at = since_begin(history.time.elapsed(loss.noticed));
        let title = format!("lost at {at}, {took} after the last proof");
        let top = line - 3.0;
        canvas.path(
            "loss",
            &format!("M{from:.1} {top:.1}v6m0 -3H{to:.1}m0 -3v6"),
            &title,
        );

        if only.is_some_and(|only| !ptr::eq(only, loss)) {
            continue;
        }
        let long = format!("{took} without proof");
        let text = if width_of(&long, 11.0) <= to - from {
            long
        } else {
            took
        };
        let half = width_of(&text, 11.0) / 2.0;
        let middle = f64::midpoint(from, to).min(scale.right() - half);
        if middle - half >= written {
            canvas.text("losstext", Anchor::Middle, (middle, line - 5.0), &text);
            written = middle + half + 8.0;
        }
    }
}
