//! The live line of a terminal, which is updated in place below the lines of the changes.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use livebus_core::Status;
use livebus_kafka::KafkaBus;
use livebus_runner::{Handle, Runtime};

use crate::output::short;
use crate::style;

/// The interval at which the live line is updated.
pub(crate) const REDRAW: Duration = Duration::from_millis(200);

const CLEAR_LINE: &str = "\r\x1b[2K";
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";

/// The live line, on standard output.
pub(crate) struct LiveLine {
    coloured: bool,
}

impl LiveLine {
    pub(crate) const fn new(coloured: bool) -> Self {
        Self { coloured }
    }

    /// Draws the current state over the previous line.
    pub(crate) fn draw<R: Runtime>(&self, bus: &Handle<KafkaBus<R>>) -> io::Result<()> {
        let mut out = io::stdout().lock();
        write!(out, "{CLEAR_LINE}{NO_WRAP}{}{WRAP}", self.text(bus))?;
        out.flush()
    }

    /// Clears the live line, before a line that stays.
    pub(crate) fn clear() -> io::Result<()> {
        let mut out = io::stdout().lock();
        write!(out, "{CLEAR_LINE}")?;
        out.flush()
    }

    fn text<R: Runtime>(&self, bus: &Handle<KafkaBus<R>>) -> String {
        let now = Instant::now();
        let (status, report) = (bus.status(), bus.report());
        let style = style::of(status, report.warning.is_some());
        let since = now.saturating_duration_since(report.since);
        let mut parts = vec![format!(
            "{} {} for {}",
            style::paint(self.coloured, style, "●"),
            style::paint(self.coloured, style, status.name()),
            seconds(since)
        )];
        if let Some(warning) = report.warning {
            parts.push(format!("warning: {warning}"));
        }
        if status != Status::Running {
            parts.push(format!("{}", report.cause));
        }
        if let Some(evidence) = report.evidence {
            let ago = now.saturating_duration_since(evidence);
            parts.push(format!("last evidence {} ago", seconds(ago)));
        }
        if let Some(deadline) = bus.next_deadline() {
            let left = deadline.saturating_duration_since(now);
            parts.push(format!("next deadline in {}", seconds(left)));
        }
        if let Some(round) = bus.bus().newest_round() {
            parts.push(format!(
                "{} of {} leaders answered",
                round.answered, round.sent
            ));
        }
        parts.join(" · ")
    }
}

fn seconds(duration: Duration) -> String {
    if duration < Duration::from_mins(1) {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        short(duration)
    }
}
