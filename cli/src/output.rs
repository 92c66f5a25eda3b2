//! Changes of status, as text or JSON.

use std::io::{self, Write};
use std::time::{Duration, Instant, SystemTime};

use livebus_core::{Failure, Report};
use livebus_kafka::{code_name, remedy};
use livebus_readiness::StatusChange;
use serde::Serialize;

use crate::style;

/// Returns one line of text: the time, the status, the cause, and the time since the last proof.
pub(crate) fn text_line(time: &str, change: &StatusChange, coloured: bool) -> String {
    let Report {
        status,
        cause,
        warning,
        ..
    } = change.report;
    let mark = style::paint(
        coloured,
        style::of(status, warning.is_some()),
        &format!("{status:<9}"),
    );
    let warning = warning.map_or_else(String::new, |warning| {
        format!(", with a warning: {}; {}", warning.class, explain(warning))
    });
    let remedy = cause
        .failure()
        .map_or_else(String::new, |failure| format!("; {}", explain(failure)));
    let gap = match (cause.failure(), change.unverified_for()) {
        (Some(_), Some(gap)) => format!(" (last proof {} before)", short(gap)),
        (Some(_), None) | (None, _) => String::new(),
    };
    format!("{time}  {mark}  {cause}{warning}{remedy}{gap}")
}

/// Returns the remedy, with librdkafka's name of the failure.
fn explain(failure: Failure) -> String {
    let remedy = remedy(failure);
    match failure.code.and_then(code_name) {
        Some(name) => format!("{remedy} [{name}]"),
        None => remedy.to_owned(),
    }
}

/// Returns one JSON object, without a line end. A change from a replay also has the time since the recording began.
pub(crate) fn json_line(
    service: &str,
    time: &str,
    elapsed: Option<Duration>,
    change: &StatusChange,
) -> io::Result<String> {
    let Report {
        status,
        cause,
        warning,
        attempt,
        ..
    } = change.report;
    let line = JsonChange {
        time,
        elapsed_ms: elapsed.map(milliseconds),
        service,
        status: status.name(),
        from: change.from.name(),
        cause: cause.name(),
        failure: cause.failure().map(JsonFailure::from),
        warning: warning.map(JsonFailure::from),
        attempt,
        unverified_ms: change.unverified_for().map(milliseconds),
    };
    Ok(serde_json::to_string(&line)?)
}

#[derive(Serialize)]
struct JsonChange<'a> {
    /// RFC 3339, UTC, milliseconds.
    time: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    elapsed_ms: Option<f64>,
    service: &'a str,
    status: &'static str,
    from: &'static str,
    cause: &'static str,
    failure: Option<JsonFailure>,
    warning: Option<JsonFailure>,
    attempt: u32,
    /// The time since the last proof that the bus works.
    unverified_ms: Option<f64>,
}

#[derive(Serialize)]
struct JsonFailure {
    class: &'static str,
    /// librdkafka's error code and its name.
    code: Option<i32>,
    code_name: Option<String>,
    remedy: &'static str,
}

impl From<Failure> for JsonFailure {
    fn from(failure: Failure) -> Self {
        Self {
            class: failure.class.name(),
            code: failure.code,
            code_name: failure.code.and_then(code_name),
            remedy: remedy(failure),
        }
    }
}

/// Writes a line to standard output. Returns `Ok(false)` when it has no reader any more.
pub(crate) fn print(line: &str) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns foreign text without control characters, which could move the cursor or change colours.
pub(crate) fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// Formats a duration for people: `87 ms`, `1.25 s`, `3 min 5 s`.
pub(crate) fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{:.2} s", duration.as_secs_f64()),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600.. => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
    }
}

/// Returns milliseconds, rounded to the microsecond.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// Returns the wall-clock time of a past instant, as RFC 3339 in UTC.
pub(crate) fn wall_clock(at: Instant) -> String {
    let time = SystemTime::now() - at.elapsed();
    humantime::format_rfc3339_millis(time).to_string()
}

/// Formats an elapsed time, with a fixed width on the first day: `00:00:07.250`, `3d 12:00:00.000`.
pub(crate) fn since_begin(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let days = if days > 0 {
        format!("{days}d ")
    } else {
        String::new()
    };
    format!(
        "{days}{hours:02}:{:02}:{:02}.{:03}",
        seconds / 60 % 60,
        seconds % 60,
        elapsed.subsec_millis()
    )
}
