//! The legend: the colours that the picture uses.

use livebus_core::Status;

use super::canvas::{Anchor, Area, Canvas, width_of};
use super::history::{Ending, HintKind, History};
use super::marks::is_rejection;
use super::{MARGIN, WIDTH};

const SWATCH: f64 = 12.0;
const LINE: f64 = 20.0;

/// Draws the legend from `y` on, and returns where it ends.
pub(super) fn draw(canvas: &mut Canvas, history: &History, y: f64) -> f64 {
    let y = row(canvas, y, statuses(history));
    row(canvas, y + LINE, marks(history))
}

/// Draws entries next to each other, and continues on the next line when a line is full.
fn row(
    canvas: &mut Canvas,
    mut y: f64,
    entries: impl Iterator<Item = (&'static str, &'static str)>,
) -> f64 {
    let mut x = MARGIN;
    for (class, text) in entries {
        let width = SWATCH + 6.0 + width_of(text, 11.0);
        if x + width > WIDTH - MARGIN {
            (x, y) = (MARGIN, y + LINE);
        }
        let area = Area {
            x,
            y: y - 10.0,
            width: SWATCH,
            height: SWATCH,
        };
        if class == "loss" {
            let (right, middle) = (x + SWATCH, y - 4.0);
            let data = format!("M{x:.1} {:.1}v6m0 -3H{right:.1}m0 -3v6", middle - 3.0);
            canvas.path(class, &data, "");
        } else {
            canvas.rect(class, area, 2.0, "");
        }
        canvas.text("tick", Anchor::Start, (x + SWATCH + 6.0, y), text);
        x += width + 14.0;
    }
    y
}

fn statuses(history: &History) -> impl Iterator<Item = (&'static str, &'static str)> {
    let statuses = Status::ALL.into_iter().filter(|status| {
        let mut reports = history.reports.iter();
        reports.any(|it| it.report.status == *status)
    });
    statuses.map(|it| (it.name(), it.name()))
}

fn marks(history: &History) -> impl Iterator<Item = (&'static str, &'static str)> {
    let operations = [
        history.messages.all(),
        history.starts.all(),
        history.registrations.all(),
        history.stops.all(),
    ];
    let ended = |is: fn(Ending) -> bool| {
        operations
            .iter()
            .copied()
            .flatten()
            .any(|it| is(it.by(history.end).1))
    };
    let has_hint = |is: fn(HintKind) -> bool| history.hints.iter().any(|hint| is(hint.kind));
    let warned = history.reports.iter().any(|it| it.report.warning.is_some());
    let leased = history.leases.iter().any(|lease| lease.until.is_some());
    let others = [
        (warned, "warning", "warning"),
        (!history.proofs.is_empty(), "proof", "proof"),
        (leased, "lease", "lease left"),
        (
            !history.losses.is_empty(),
            "loss",
            "without proof before a loss",
        ),
        (ended(|it| it == Ending::Done), "done", "answered"),
        (
            ended(|it| matches!(it, Ending::Failed(failure) if !is_rejection(failure))),
            "failed",
            "failed",
        ),
        (
            ended(|it| matches!(it, Ending::Failed(failure) if is_rejection(failure))),
            "refused",
            "rejected",
        ),
        (ended(|it| it == Ending::GivenUp), "givenup", "given up"),
        (ended(|it| it == Ending::Open), "open", "in flight"),
        (
            has_hint(|it| matches!(it, HintKind::Suspicion(_))),
            "suspicion",
            "suspicion",
        ),
        (
            has_hint(|it| matches!(it, HintKind::ClientLost(_))),
            "lost",
            "client lost",
        ),
        (
            has_hint(|it| it == HintKind::Shutdown),
            "shutdown",
            "shutdown requested",
        ),
    ];
    let present = others.into_iter().filter(|(is_present, ..)| *is_present);
    present.map(|(_, class, text)| (class, text))
}
