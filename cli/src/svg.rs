//! The picture of a recording: lanes over one axis of time.
//!
//! The picture has at most a few thousand shapes, however long the recording is: one shape stands for several that would overlap,
//! and its tooltip counts them.

mod axis;
mod bands;
mod canvas;
mod history;
mod lane;
mod legend;
mod marks;
mod proofs;

use livebus_core::Status;
use livebus_recording::Outcome;

use crate::output::short;
use axis::Scale;
use canvas::{Anchor, Area, Canvas, width_of};
pub(crate) use history::History;
use lane::Lane;

const WIDTH: f64 = 1280.0;
const MARGIN: f64 = 28.0;
const LABELS: f64 = 128.0;
/// Half of the widest label of the axis.
const RIGHT: f64 = 40.0;
const TOP: f64 = 84.0;
const GAP: f64 = 7.0;
const AXIS: f64 = 40.0;

const STYLE: &str = "\
.paper{fill:#fff}\
text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;font-size:11px;fill:#4a545e}\
.title{font-size:19px;font-weight:600;fill:#1d252d}\
.subtitle{font-size:12px}\
.lane{fill:#f5f7f8}\
.label{font-size:12px;font-weight:600;fill:#1d252d}\
.sub{font-size:10px;fill:#7b858f}\
.grid{stroke:#dfe4e8;stroke-width:1}\
.axis{stroke:#aab3bb;stroke-width:1}\
.tick{font-size:11px}\
.Unknown{fill:#cdd4da}.Preparing{fill:#9fabb6}.Prepared{fill:#5b8cc4}.Running{fill:#2c9a5b}\
.NotReady{fill:#d8443c}.Stopped{fill:#3b434b}.Failed{fill:#7d1f4e}\
.on{fill:#fff}.on.Unknown,.on.Preparing{fill:#1d252d}\
.name{font-size:14px;font-weight:600}.small{font-size:11px;font-weight:600}\
.warning{fill:#f0b429}.onwarning{fill:#4d3800}\
.lease{fill:#d5efdf;stroke:#8fcfa9;stroke-width:1}.least{fill:#b3dfc5}\
.proof{fill:#1f7a46}\
.loss{stroke:#c22f28;stroke-width:1.5;fill:none}.losstext{fill:#b3261f;font-weight:600}\
.done{fill:#2c9a5b}.failed{fill:#d8443c}.givenup{fill:#ef8a17}.refused{fill:#f0b429}.open{fill:#9fabb6}\
.suspicion{fill:#c9a227}.lost{fill:#7d1f4e}.shutdown{fill:#3b434b}\
.differs{stroke:#6b2fb3;stroke-width:2;stroke-dasharray:5 4;fill:none}";

/// Draws a recording, to the end of its replay.
pub(crate) fn draw(history: &History, outcome: &Outcome) -> String {
    let scale = scale(history);
    let lanes: Vec<Lane> = Lane::of(history).collect();
    let mut canvas = Canvas::default();
    heading(&mut canvas, history, outcome);

    let mut y = TOP;
    for lane in &lanes {
        label(&mut canvas, *lane, y);
        let area = Area {
            x: scale.left,
            y,
            width: scale.width,
            height: lane.height(),
        };
        canvas.rect("lane", area, 3.0, "");
        y += lane.height() + GAP;
    }
    let bottom = y - GAP;
    axis(&mut canvas, history, &scale, bottom);

    let mut y = TOP;
    for lane in &lanes {
        lane.draw(&mut canvas, history, &scale, y);
        y += lane.height() + GAP;
    }
    if let Outcome::Different(difference) = outcome {
        let x = scale.x(history.end);
        let title = format!("different from line {} on", difference.line);
        let data = format!("M{x:.1} {:.1}V{bottom:.1}", TOP - 6.0);
        canvas.path("differs", &data, &title);
    }
    let bottom = legend::draw(&mut canvas, history, bottom + AXIS + 22.0);
    canvas.finish(WIDTH, bottom + 22.0, &history.service, STYLE)
}

/// Returns the scale of the whole recording, with some space for a final status.
fn scale(history: &History) -> Scale {
    let left = MARGIN + LABELS;
    let width = WIDTH - RIGHT - left;
    let span = history.end.saturating_duration_since(history.begin);
    let margin = match history.status() {
        Status::Stopped | Status::Failed => span / 40,
        Status::Unknown
        | Status::Preparing
        | Status::Prepared
        | Status::Running
        | Status::NotReady => span / 400,
    };
    let to = history.end.checked_add(margin).unwrap_or(history.end);
    Scale::new(history.begin, to, left, width)
}

fn heading(canvas: &mut Canvas, history: &History, outcome: &Outcome) {
    let mut service = history.service.clone();
    while width_of(&service, 19.0) > WIDTH - 2.0 * MARGIN {
        let shorter = service.chars().count() - 2;
        service = service.chars().take(shorter).chain(['…']).collect();
    }
    canvas.text("title", Anchor::Start, (MARGIN, 38.0), &service);
    let from = history.time.wall_clock(history.begin).replace('T', " ");
    let from = from.get(..19).unwrap_or(&from);
    let span = short(history.end.saturating_duration_since(history.begin));
    let replay = match outcome {
        Outcome::Same(summary) => {
            let (events, actions) = (summary.inputs, summary.actions);
            format!("{events} events, {actions} actions, replayed the same")
        }
        Outcome::Different(difference) => {
            format!("the replay is different from line {} on", difference.line)
        }
    };
    let subtitle = format!("recorded from {from} UTC · {span} · {replay}");
    canvas.text("subtitle", Anchor::Start, (MARGIN, 60.0), &subtitle);
}

fn label(canvas: &mut Canvas, lane: Lane, y: f64) {
    let middle = y + lane.height() / 2.0;
    let x = MARGIN;
    let (label, sub) = lane.label();
    if sub.is_empty() {
        canvas.text("label", Anchor::Start, (x, middle + 4.0), label);
    } else {
        canvas.text("label", Anchor::Start, (x, middle - 1.0), label);
        canvas.text("sub", Anchor::Start, (x, middle + 11.0), sub);
    }
}

/// Draws the axis: round times since the beginning, and the wall-clock times.
fn axis(canvas: &mut Canvas, history: &History, scale: &Scale, bottom: f64) {
    let began = history.time.began();
    for tick in scale.ticks(began) {
        let at = began + tick.elapsed;
        let x = scale.x(at);
        canvas.line("grid", (x, TOP - 6.0), (x, bottom + 5.0));
        canvas.text("tick", Anchor::Middle, (x, bottom + 19.0), &tick.label);
        let wall = history.time.wall_clock(at);
        let wall = match scale.span().as_secs() {
            ..12 => wall.get(11..23),
            12..86_400 => wall.get(11..19),
            86_400.. => wall.get(5..16),
        };
        let wall = wall.unwrap_or_default().replace('T', " ");
        canvas.text("sub", Anchor::Middle, (x, bottom + 33.0), &wall);
    }
    canvas.text(
        "sub",
        Anchor::Start,
        (MARGIN, bottom + 19.0),
        "since it began",
    );
    canvas.text("sub", Anchor::Start, (MARGIN, bottom + 33.0), "UTC");
    canvas.line(
        "axis",
        (scale.left, bottom + 5.0),
        (scale.right(), bottom + 5.0),
    );
}

#[cfg(test)]
mod tests;
