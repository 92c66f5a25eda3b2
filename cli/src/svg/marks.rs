//! The marks of operations and hints: liveness messages, starts, stops, registrations.

use livebus_core::{Failure, FailureKind};

use super::axis::Scale;
use super::canvas::{Area, Canvas};
use super::history::{Ending, Hint, HintKind, History, Operation};
use crate::output::{short, since_begin};

/// The minimum width of a visible shape; narrower ones are grouped with their neighbours.
pub(super) const NARROW: f64 = 3.0;
/// The maximum width of a group.
const GROUP: f64 = 5.0;
/// The space of a lane above and below a bar.
const INSET: f64 = 4.0;

/// Splits ordered items into runs: one that is wide enough, or several that would overlap.
pub(super) struct Runs<'a, T, X> {
    left: &'a [T],
    extent: X,
}

impl<'a, T, X: Fn(&T) -> (f64, f64)> Runs<'a, T, X> {
    pub(super) const fn of(things: &'a [T], extent: X) -> Self {
        Self {
            left: things,
            extent,
        }
    }
}

impl<'a, T, X: Fn(&T) -> (f64, f64)> Iterator for Runs<'a, T, X> {
    type Item = &'a [T];

    fn next(&mut self) -> Option<&'a [T]> {
        let (from, to) = (self.extent)(self.left.first()?);
        let fits = |thing: &&T| {
            let (begin, end) = (self.extent)(thing);
            end - begin < NARROW && end <= from + GROUP
        };
        let length = if to - from < NARROW {
            self.left.iter().take_while(fits).count().max(1)
        } else {
            1
        };
        let (run, left) = self.left.split_at(length);
        self.left = left;
        Some(run)
    }
}

/// The order of the classes in a column, from the top.
const ORDER: [&str; 12] = [
    "Failed",
    "NotReady",
    "Stopped",
    "Unknown",
    "Preparing",
    "Prepared",
    "Running",
    "failed",
    "givenup",
    "refused",
    "open",
    "done",
];

/// Draws one column for a group, from the position of its first item: a part for each class, in their [`ORDER`]. Each part has a
/// visible height.
pub(super) fn column(
    canvas: &mut Canvas,
    scale: &Scale,
    (from, _): (f64, f64),
    (y, height): (f64, f64),
    parts: &[(&str, f64)],
    title: &str,
) {
    let mut parts = parts.to_vec();
    parts.sort_by_key(|(class, _)| ORDER.iter().position(|known| known == class));
    let min_height = height / 8.0;
    let sum: f64 = parts
        .iter()
        .map(|(_, weight)| weight.max(f64::MIN_POSITIVE))
        .sum();
    let share = |weight: f64| (weight.max(f64::MIN_POSITIVE) / sum * height).max(min_height);
    let total: f64 = parts.iter().map(|(_, weight)| share(*weight)).sum();
    let mut top = y;
    for (class, weight) in parts {
        let part = share(weight) / total * height;
        let area = Area {
            x: from.min(scale.right() - GROUP + 1.0),
            y: top,
            width: GROUP - 1.0,
            height: part,
        };
        canvas.rect(class, area, 0.0, title);
        top += part;
    }
}

pub(super) fn messages(canvas: &mut Canvas, history: &History, scale: &Scale, y: f64, height: f64) {
    let all = history.messages.all();
    operations(
        canvas,
        history,
        scale,
        (y, height),
        ("liveness message", all),
    );
}

pub(super) fn client(canvas: &mut Canvas, history: &History, scale: &Scale, y: f64, height: f64) {
    let (starts, stops) = (history.starts.all(), history.stops.all());
    operations(canvas, history, scale, (y, height), ("start", starts));
    operations(canvas, history, scale, (y, height), ("stop", stops));
}

pub(super) fn registrations(
    canvas: &mut Canvas,
    history: &History,
    scale: &Scale,
    y: f64,
    height: f64,
) {
    // Several may be in flight at once, so each is drawn where it began.
    let all = history.registrations.all();
    let extent = |it: &Operation| (scale.x(it.began), scale.x(it.began));
    for run in Runs::of(all, extent) {
        group(canvas, history, scale, (y, height), ("registration", run));
    }
}

/// Draws bars from the beginning to the end of each operation.
fn operations(
    canvas: &mut Canvas,
    history: &History,
    scale: &Scale,
    (y, height): (f64, f64),
    (what, all): (&str, &[Operation]),
) {
    let (y, height) = (y + INSET, height - 2.0 * INSET);
    let extent = |it: &Operation| {
        let (ended, _) = it.by(history.end);
        (scale.x(it.began), scale.x(ended))
    };
    for run in Runs::of(all, extent) {
        match run {
            [one] if extent(one).1 - extent(one).0 >= NARROW => {
                let (_, ending) = one.by(history.end);
                let (from, to) = extent(one);
                let area = Area {
                    x: from,
                    y,
                    width: to - from,
                    height,
                };
                canvas.rect(class(ending), area, 2.0, &title(history, what, one));
            }
            run => group(canvas, history, scale, (y, height), (what, run)),
        }
    }
}

fn group(
    canvas: &mut Canvas,
    history: &History,
    scale: &Scale,
    (y, height): (f64, f64),
    (what, run): (&str, &[Operation]),
) {
    let mut parts: Vec<(&str, f64)> = Vec::new();
    for operation in run {
        let (_, ending) = operation.by(history.end);
        match parts.iter_mut().find(|(known, _)| *known == class(ending)) {
            Some((_, count)) => *count += 1.0,
            None => parts.push((class(ending), 1.0)),
        }
    }
    let title = match run {
        [one] => title(history, what, one),
        run => {
            let counts = parts.iter();
            let counts = counts.map(|(class, count)| format!("{count} {}", in_words(class)));
            let counts: Vec<String> = counts.collect();
            format!(
                "{} {what}s from {}\n{}",
                run.len(),
                time(history, run),
                counts.join("\n")
            )
        }
    };
    let x = scale.x(run[0].began);
    column(canvas, scale, (x, x), (y, height), &parts, &title);
}

pub(super) fn hints(canvas: &mut Canvas, history: &History, scale: &Scale, y: f64, height: f64) {
    let extent = |hint: &Hint| (scale.x(hint.at), scale.x(hint.at));
    for run in Runs::of(&history.hints, extent) {
        let rank = |hint: &&Hint| match hint.kind {
            HintKind::Suspicion(_) => 0,
            HintKind::Shutdown => 1,
            HintKind::ClientLost(_) => 2,
        };
        let Some(worst) = run.iter().max_by_key(rank) else {
            continue;
        };
        let (class, text) = match worst.kind {
            HintKind::Suspicion(failure) => ("suspicion", format!("suspicion: {failure}")),
            HintKind::Shutdown => ("shutdown", "shutdown requested".to_owned()),
            HintKind::ClientLost(failure) => ("lost", format!("client lost: {failure}")),
        };
        let at = since_begin(history.time.elapsed(run[0].at));
        // The height grows with the order of magnitude of the number.
        let (tall, title) = match run.len() {
            1 if rank(&worst) == 0 => (0.4, format!("{text} at {at}")),
            1 => (1.0, format!("{text} at {at}")),
            2..10 => (0.6, format!("{} from {at}\n{text}", run.len())),
            10..100 => (0.8, format!("{} from {at}\n{text}", run.len())),
            many => (1.0, format!("{many} from {at}\n{text}")),
        };
        let tall = height * tall;
        let area = (y + height - tall, tall);
        column(
            canvas,
            scale,
            extent(&run[0]),
            area,
            &[(class, 1.0)],
            &title,
        );
    }
}

/// Returns whether a broker answered with a rejection.
pub(super) fn is_rejection(failure: Failure) -> bool {
    failure.class.kind() == FailureKind::Rejected
}

fn class(ending: Ending) -> &'static str {
    match ending {
        Ending::Done => "done",
        Ending::Failed(failure) if is_rejection(failure) => "refused",
        Ending::Failed(_) => "failed",
        Ending::GivenUp => "givenup",
        Ending::Open => "open",
    }
}

fn in_words(class: &str) -> &str {
    match class {
        "done" => "answered",
        "refused" => "rejected",
        "givenup" => "given up",
        "open" => "in flight",
        class => class,
    }
}

fn title(history: &History, what: &str, operation: &Operation) -> String {
    let (ended, ending) = operation.by(history.end);
    let took = short(ended.saturating_duration_since(operation.began));
    let ending = match ending {
        Ending::Done => format!("answered after {took}"),
        Ending::Failed(failure) if is_rejection(failure) => {
            format!("rejected after {took}: {failure}")
        }
        Ending::Failed(failure) => format!("failed after {took}: {failure}"),
        Ending::GivenUp => format!("given up after {took}"),
        Ending::Open => format!("in flight for {took} when the recording ended"),
    };
    let at = since_begin(history.time.elapsed(operation.began));
    format!("{what} at {at}: {ending}")
}

fn time(history: &History, run: &[Operation]) -> String {
    let at = |it: &Operation| since_begin(history.time.elapsed(it.began));
    format!("{} to {}", at(&run[0]), at(&run[run.len() - 1]))
}
