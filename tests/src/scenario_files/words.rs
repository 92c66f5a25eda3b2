//! Parses and formats the values of every scenario: times, numbers, failures and back-offs.

use std::time::Duration;

use livebus_core::{Backoff, Failure, FailureClass};

use super::error::Problem;

/// Parses whole milliseconds.
pub(crate) fn duration(text: &str) -> Result<Duration, Problem> {
    let millis = text.parse().map_err(|_| {
        Problem::new(
            format!("invalid time \"{text}\""),
            "write whole milliseconds, such as 5000",
        )
    })?;
    Ok(Duration::from_millis(millis))
}

/// Formats whole milliseconds as an integer, everything else with nanoseconds.
pub(crate) fn millis(elapsed: Duration) -> String {
    let (millis, nanos) = (elapsed.as_millis(), elapsed.as_nanos() % 1_000_000);
    if nanos == 0 {
        millis.to_string()
    } else {
        format!("{millis}.{nanos:06}")
    }
}

/// Parses `ok`, or a failure.
pub(crate) fn result_of(text: &str) -> Result<Result<(), Failure>, Problem> {
    Ok(match text {
        "ok" => Ok(()),
        other => Err(failure(other)?),
    })
}

/// Parses a whole number.
pub(crate) fn number<N: std::str::FromStr>(text: &str) -> Result<N, Problem> {
    text.parse().map_err(|_| {
        Problem::new(
            format!("invalid number \"{text}\""),
            "write a whole number in range",
        )
    })
}

/// Parses `Unreachable`, or `Unreachable (code -195)`.
pub(crate) fn failure(text: &str) -> Result<Failure, Problem> {
    let numbered = text
        .strip_suffix(')')
        .and_then(|it| it.split_once(" (code "));
    let (class, code) = match numbered {
        Some((class, code)) => (class, Some(number(code)?)),
        None => (text, None),
    };
    let class = FailureClass::from_name(class).ok_or_else(|| {
        let names = FailureClass::ALL.map(FailureClass::name).join(", ");
        Problem::new(
            format!("unknown failure \"{text}\""),
            format!("write one of {names}; with a code as in \"Tls (code 7)\""),
        )
    })?;
    Ok(code.map_or(Failure::new(class), |code| Failure::with_code(class, code)))
}

/// Parses `500 to 30000`, or `500 to 30000, jitter 20`.
pub(crate) fn backoff(text: &str) -> Result<Backoff, Problem> {
    let (delays, jitter) = text.split_once(", jitter ").unwrap_or((text, "0"));
    let (first, max) = delays.split_once(" to ").ok_or_else(|| {
        Problem::new(
            format!("invalid back-off \"{text}\""),
            "write \"500 to 30000\", or \"500 to 30000, jitter 20\" for 20 percent",
        )
    })?;
    Ok(Backoff {
        first: duration(first)?,
        max: duration(max)?,
        jitter_percent: number(jitter)?,
    })
}

/// Parses one of these words.
pub(crate) fn one_of<T: Copy>(text: &str, values: &[(&str, T)]) -> Result<T, Problem> {
    if let Some((_, value)) = values.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let words: Vec<&str> = values.iter().map(|(word, _)| *word).collect();
    let remedy = match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("write {} or {last}", rest.join(", ")),
        Some(_) | None => format!("write {}", words.join("")),
    };
    Err(Problem::new(format!("invalid value \"{text}\""), remedy))
}
