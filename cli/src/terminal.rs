//! The live line of a terminal, which is updated in place below the lines of the changes.

use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use livebus_core::Status;
use livebus_kafka::KafkaBus;
use livebus_runner::{Bus, Handle, Runtime};

use crate::live_text::{LiveText, Painted};
use crate::output::{Seen, printable, short};
use crate::style;

/// The interval at which the live line is updated.
pub(crate) const REDRAW: Duration = Duration::from_millis(200);

/// Returns whether a live line can be shown: standard output is a terminal that understands escape sequences.
pub(crate) fn shows_a_live_line() -> bool {
    io::stdout().is_terminal() && !style::is_dumb()
}

/// Returns whether standard output and standard error are one terminal.
pub(crate) fn both_streams_are_one() -> bool {
    let (stdout, stderr) = (io::stdout(), io::stderr());
    let device = |stream: BorrowedFd<'_>| rustix::fs::fstat(stream).ok().map(|it| it.st_rdev);
    stdout.is_terminal() && stderr.is_terminal() && device(stdout.as_fd()) == device(stderr.as_fd())
}

/// The live line.
pub(crate) struct LiveLine {
    coloured: bool,
}

impl LiveLine {
    pub(crate) fn new() -> Self {
        Self {
            coloured: style::stdout_is_coloured(),
        }
    }

    /// Returns the current state.
    pub(crate) fn text<R: Runtime>(&self, bus: &Handle<KafkaBus<R>>) -> LiveText {
        let now = Instant::now();
        let (status, report) = (bus.status(), bus.report());
        let style = style::of(status, report.warning.is_some());
        let since = now.saturating_duration_since(report.since);
        let plain = format!("● {}", status.name());
        let mut text = LiveText::new(Painted {
            painted: style::paint(self.coloured, style, &plain),
            plain,
        });
        text.push(format!("for {}", seconds(since)));
        let explain = |failure| printable(&bus.bus().explain(failure).describe(failure));
        if let Some(warning) = report.warning {
            let class = warning.class.name();
            text.push_or(
                format!("warning: {}", explain(warning)),
                format!("warning: {class}"),
            );
        }
        if status != Status::Running {
            match report.cause.failure() {
                Some(failure) => {
                    let class = failure.class.name().to_owned();
                    text.push_or(explain(failure), class);
                }
                None => text.push(printable(&report.cause.to_string())),
            }
        }
        if let Some(evidence) = report.evidence {
            let ago = now.saturating_duration_since(evidence);
            text.push(format!("last evidence {} ago", seconds(ago)));
        }
        let seen = Seen::of(bus);
        let is_wrong = report.warning.is_some() || report.cause.failure().is_some();
        let configured = is_wrong.then(|| seen.configured_parts());
        let parts = configured.into_iter().flatten().chain(seen.parts());
        for part in parts {
            text.push(printable(&part));
        }
        text
    }
}

fn seconds(duration: Duration) -> String {
    if duration < Duration::from_mins(1) {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        short(duration)
    }
}
