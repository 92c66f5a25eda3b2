//! Parses the settings of a scenario of `Calls`, by the names of their fields.

use std::time::Duration;

use livebus_core::Backoff;
use livebus_core::calls::{Limits, Settings};

use crate::scenario_files::Problem;
use crate::scenario_files::words::{backoff, duration, number};

/// Returns the preset `name`.
pub(super) fn base(name: &str) -> Result<Settings, Problem> {
    match name {
        "plain" => Ok(plain()),
        "defaults" => Ok(Settings::default()),
        _ => Err(Problem::new(
            format!("unknown settings \"{name}\""),
            "write plain or defaults",
        )),
    }
}

/// Returns settings that are easy to count with.
///
/// In milliseconds: an assignment may take 1,000, and is tried again after 1,000. An idempotent call has three attempts, waits 1,000 for a
/// reply, and 100 after a failure. The drain and the longest hint are 1,000.
pub(super) fn plain() -> Settings {
    let second = Duration::from_secs(1);
    Settings {
        assign_timeout: second,
        assign_backoff: Backoff::fixed(second),
        attempts: 3,
        attempt_timeout: second,
        retry_backoff: Backoff::fixed(Duration::from_millis(100)),
        overload_hint: second,
        drain: second,
        ..Settings::default()
    }
}

/// Sets the field `name` to `value`. A new field of the settings does not compile until it is here.
pub(super) fn set(settings: &mut Settings, name: &str, value: &str) -> Result<(), Problem> {
    let Settings {
        limits,
        assign_timeout,
        assign_backoff,
        attempts,
        attempt_timeout,
        retry_backoff,
        overload_hint,
        drain,
        seed,
    } = settings;
    let Limits {
        calls,
        bytes,
        call_bytes,
        remembered,
    } = limits;
    match name {
        "limits.calls" => *calls = number(value)?,
        "limits.bytes" => *bytes = number(value)?,
        "limits.call_bytes" => *call_bytes = number(value)?,
        "limits.remembered" => *remembered = number(value)?,
        "assign_timeout" => *assign_timeout = duration(value)?,
        "assign_backoff" => *assign_backoff = backoff(value)?,
        "attempts" => *attempts = number(value)?,
        "attempt_timeout" => *attempt_timeout = duration(value)?,
        "retry_backoff" => *retry_backoff = backoff(value)?,
        "overload_hint" => *overload_hint = duration(value)?,
        "drain" => *drain = duration(value)?,
        "seed" => *seed = number(value)?,
        _ => {
            return Err(Problem::new(
                format!("unknown setting \"{name}\""),
                "write the name of a field of calls::Settings",
            ));
        }
    }
    Ok(())
}
