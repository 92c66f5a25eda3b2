//! The bands: each status with its cause, and the warnings.

use std::time::{Duration, Instant};

use livebus_core::{Report, Status};
use livebus_kafka::remedy;

use super::axis::Scale;
use super::canvas::{Anchor, Area, Canvas, width_of};
use super::history::{History, Reported};
use super::marks::{NARROW, Runs, column};
use crate::output::{short, since_begin};

/// The space between the edge of a band and its text.
const PADDING: f64 = 8.0;
const LINE: f64 = 16.0;

/// One report, for as long as it, or an equal one, holds.
#[derive(Debug, Clone, Copy)]
struct Band {
    from: Instant,
    to: Instant,
    report: Report,
}

impl Band {
    fn lasted(&self) -> Duration {
        self.to.saturating_duration_since(self.from)
    }

    fn extent(&self, scale: &Scale) -> (f64, f64) {
        (scale.x(self.from), scale.x(self.to))
    }
}

pub(super) fn statuses(canvas: &mut Canvas, history: &History, scale: &Scale, y: f64, height: f64) {
    let same = |a: &Report, b: &Report| a.status == b.status && a.cause.same_reason(b.cause);
    let bands = bands(history, scale, same);
    let is_wide = |run: &&[Band]| run.iter().all(|band| is_wide(band, scale));
    let runs = || Runs::of(&bands, |band| band.extent(scale));
    for run in runs().filter(is_wide) {
        for band in run {
            status(canvas, history, scale, band, y, height);
        }
    }
    // In front of the others: short ones may matter most.
    for run in runs().filter(|run| !is_wide(run)) {
        let parts = parts(run, |band| band.report.status.name());
        let title = match run {
            [band] => title(history, band),
            run => many(history, run, "changes", &parts),
        };
        column(
            canvas,
            scale,
            run[0].extent(scale),
            (y, height),
            &parts,
            &title,
        );
    }
}

pub(super) fn warnings(canvas: &mut Canvas, history: &History, scale: &Scale, y: f64, height: f64) {
    let class = |report: &Report| report.warning.map(|warning| warning.class);
    let mut bands = bands(history, scale, |a, b| class(a) == class(b));
    bands.retain(|band| band.report.warning.is_some());
    for run in Runs::of(&bands, |band| band.extent(scale)) {
        match run {
            [band] => warning(canvas, history, scale, band, y, height),
            run => {
                let parts = [("warning", 1.0)];
                let title = many(history, run, "warnings", &[]);
                column(
                    canvas,
                    scale,
                    run[0].extent(scale),
                    (y, height),
                    &parts,
                    &title,
                );
            }
        }
    }
}

fn bands(history: &History, scale: &Scale, same: impl Fn(&Report, &Report) -> bool) -> Vec<Band> {
    let end = match history.status() {
        // A final status.
        Status::Stopped | Status::Failed => scale.from + scale.span(),
        Status::Unknown
        | Status::Preparing
        | Status::Prepared
        | Status::Running
        | Status::NotReady => history.end,
    };
    let mut bands: Vec<Band> = Vec::new();
    for Reported { at, report } in &history.reports {
        match bands.last_mut() {
            Some(band) if same(&band.report, report) => continue,
            Some(band) => band.to = *at,
            None => {}
        }
        bands.push(Band {
            from: *at,
            to: end,
            report: *report,
        });
    }
    bands
}

fn is_wide(band: &Band, scale: &Scale) -> bool {
    let (from, to) = band.extent(scale);
    to - from >= NARROW
}

fn status(canvas: &mut Canvas, history: &History, scale: &Scale, band: &Band, y: f64, height: f64) {
    let (from, to) = band.extent(scale);
    let Report { status, cause, .. } = band.report;
    let name = status.name();
    // A little narrower, so that two bands of the same colour are separate.
    let area = Area {
        x: from,
        y,
        width: (to - from - 1.0).max(NARROW),
        height,
    };
    canvas.rect(name, area, 3.0, &title(history, band));

    let available = area.width - 2.0 * PADDING;
    let x = from + PADDING;
    if width_of(name, 14.0) <= available {
        let class = format!("on name {name}");
        canvas.text(&class, Anchor::Start, (x, y + 24.0), name);
        let class = format!("on {name}");
        let cause_text = cause.to_string();
        let failure = cause.failure().map(|failure| failure.class.name());
        let texts = [Some(cause_text.as_str()), failure];
        let fitting = texts
            .into_iter()
            .flatten()
            .find(|text| width_of(text, 11.0) <= available);
        let lasted = short(band.lasted());
        let lasted = Some(lasted.as_str()).filter(|text| width_of(text, 11.0) <= available);
        for (line, text) in [fitting, lasted]
            .into_iter()
            .flatten()
            .zip([1.0, 2.0])
            .map(|(text, line)| (line, text))
        {
            canvas.text(&class, Anchor::Start, (x, y + 25.0 + line * LINE), text);
        }
    } else if area.width >= LINE {
        let class = format!("on small {name}");
        let middle = (from + area.width / 2.0 + 4.0, y + height / 2.0);
        canvas.upright(&class, middle, name);
    }
}

fn warning(
    canvas: &mut Canvas,
    history: &History,
    scale: &Scale,
    band: &Band,
    y: f64,
    height: f64,
) {
    let Some(failure) = band.report.warning else {
        return;
    };
    let (from, to) = band.extent(scale);
    let area = Area {
        x: from.min(scale.right() - NARROW),
        y,
        width: (to - from - 1.0).max(NARROW),
        height,
    };
    canvas.rect("warning", area, 3.0, &title(history, band));
    let text = failure.to_string();
    let texts = [text.as_str(), failure.class.name()];
    let available = area.width - 2.0 * PADDING;
    if let Some(text) = texts
        .into_iter()
        .find(|text| width_of(text, 11.0) <= available)
    {
        canvas.text(
            "onwarning",
            Anchor::Start,
            (from + PADDING, y + height / 2.0 + 4.0),
            text,
        );
    }
}

fn title(history: &History, band: &Band) -> String {
    let from = since_begin(history.time.elapsed(band.from));
    let Report {
        status,
        cause,
        warning,
        ..
    } = band.report;
    let warning = warning.map_or_else(String::new, |warning| {
        format!("\nwarning: {warning}; {}", remedy(warning))
    });
    let remedy = cause
        .failure()
        .map_or_else(String::new, |failure| format!("; {}", remedy(failure)));
    let lasted = short(band.lasted());
    format!("{status} at {from} for {lasted}\n{cause}{remedy}{warning}")
}

/// Returns the total duration of each name, in the order of their first bands.
fn parts(run: &[Band], name: impl Fn(&Band) -> &'static str) -> Vec<(&'static str, f64)> {
    let mut parts: Vec<(&'static str, f64)> = Vec::new();
    for band in run {
        let seconds = band.lasted().as_secs_f64();
        match parts.iter_mut().find(|(known, _)| *known == name(band)) {
            Some((_, sum)) => *sum += seconds,
            None => parts.push((name(band), seconds)),
        }
    }
    parts
}

fn many(history: &History, run: &[Band], what: &str, parts: &[(&str, f64)]) -> String {
    let from = since_begin(history.time.elapsed(run[0].from));
    let to = since_begin(history.time.elapsed(run[run.len() - 1].to));
    let mut lines = vec![format!("{} {what} from {from} to {to}", run.len())];
    lines.extend(parts.iter().map(|(name, seconds)| {
        let lasted = Duration::try_from_secs_f64(*seconds).unwrap_or_default();
        format!("{name} {}", short(lasted))
    }));
    lines.join("\n")
}
