//! When the bus was proved to work, what was left of the lease, and how long a loss went unproved.

use std::fmt::Write;
use std::ptr;
use std::time::{Duration, Instant};

use super::axis::Scale;
use super::canvas::{Anchor, Area, Canvas, width_of};
use super::history::{History, Lease, Loss};
use super::marks::{NARROW, Runs};
use crate::output::{short, since_begin};

/// Above the lease: the losses.
const LOSSES: f64 = 20.0;
const TICK: f64 = 8.0;
/// When there are more losses, only the longest has its time written down.
const MOST_TEXTS: usize = 24;
/// More than this are drawn as what was least and most in each column.
const MOST_TEETH: usize = 600;

pub(super) fn draw(canvas: &mut Canvas, history: &History, scale: &Scale, y: f64, height: f64) {
    let bottom = y + height;
    let teeth = teeth(history);
    let most = teeth.iter().map(|tooth| tooth.most).max();
    if let Some(most) = most.filter(|most| !most.is_zero()) {
        let room = height - LOSSES;
        let y = |left: Duration| bottom - left.as_secs_f64() / most.as_secs_f64() * room;
        let title = format!("what is left of the lease: at most {}", short(most));
        if teeth.len() <= MOST_TEETH {
            canvas.path("lease", &sawtooth(&teeth, scale, bottom, y), &title);
        } else {
            let columns = columns(&teeth, scale);
            canvas.path("lease", &steps(&columns, bottom, |it| y(it.most)), &title);
            canvas.path("least", &steps(&columns, bottom, |it| y(it.least)), &title);
        }
    }
    proofs(canvas, history, scale, bottom);
    losses(canvas, history, scale, y);
}

/// The lease between two grants, or until it is withdrawn.
#[derive(Debug, Clone, Copy)]
struct Tooth {
    from: Instant,
    to: Instant,
    most: Duration,
    least: Duration,
}

fn teeth(history: &History) -> Vec<Tooth> {
    let next = history.leases.iter().skip(1).map(|lease| lease.at);
    let pairs = history.leases.iter().zip(next.chain([history.end]));
    let teeth = pairs.filter_map(|(Lease { at, until }, next)| {
        let until = (*until)?;
        Some(Tooth {
            from: *at,
            to: next.min(until).max(*at),
            most: until.saturating_duration_since(*at),
            least: until.saturating_duration_since(next),
        })
    });
    teeth.collect()
}

fn sawtooth(teeth: &[Tooth], scale: &Scale, bottom: f64, y: impl Fn(Duration) -> f64) -> String {
    let mut data = String::new();
    for tooth in teeth {
        let (from, to) = (scale.x(tooth.from), scale.x(tooth.to));
        let (most, least) = (y(tooth.most), y(tooth.least));
        // A string takes whatever is written to it.
        let _ = write!(
            data,
            "M{from:.1} {bottom:.1}V{most:.1}L{to:.1} {least:.1}V{bottom:.1}Z"
        );
    }
    data
}

/// What was most and least in some pixels.
#[derive(Debug, Clone, Copy)]
struct Column {
    from: f64,
    to: f64,
    most: Duration,
    least: Duration,
}

fn columns(teeth: &[Tooth], scale: &Scale) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for tooth in teeth {
        let (from, to) = (scale.x(tooth.from), scale.x(tooth.to));
        match columns.last_mut() {
            Some(last) if to - last.from < NARROW => {
                last.to = to;
                last.most = last.most.max(tooth.most);
                last.least = last.least.min(tooth.least);
            }
            Some(_) | None => columns.push(Column {
                from,
                to,
                most: tooth.most,
                least: tooth.least,
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
        // A string takes whatever is written to it.
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

/// From the last proof to when it was noticed that there are no more.
fn losses(canvas: &mut Canvas, history: &History, scale: &Scale, y: f64) {
    let line = y + LOSSES - 3.0;
    let extent = |loss: &Loss| (scale.x(loss.proved), scale.x(loss.noticed));
    // One that is longer stands for the others.
    let unproved = |loss: &Loss| loss.noticed.saturating_duration_since(loss.proved);
    let longest = |run: &'_ [Loss]| run.iter().copied().max_by_key(unproved);
    let drawn: Vec<Loss> = Runs::of(&history.losses, extent)
        .filter_map(longest)
        .collect();
    // The first of the longest, when there are too many for all.
    let worst = drawn.iter().rev().max_by_key(|loss| unproved(loss));
    let only = worst.filter(|_| drawn.len() > MOST_TEXTS);
    let mut written = scale.left;
    for loss in &drawn {
        let (from, to) = extent(loss);
        let took = short(unproved(loss));
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
        let long = format!("{took} unproved");
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
