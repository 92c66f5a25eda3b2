//! Parses the settings of a scenario of the dispatcher, by the names of their fields.

use std::time::Duration;

use livebus_core::Backoff;
use livebus_core::dispatch::{Delivery, FailurePolicy, Limits, OnRemoved, Order, Settings, Then};

use crate::scenario_files::Problem;
use crate::scenario_files::words::{backoff, duration, number, one_of};

/// Returns the preset `name`.
pub(super) fn base(name: &str) -> Result<Settings, Problem> {
    Ok(match name {
        "plain" => plain(),
        "defaults" => Settings::default(),
        _ => {
            return Err(Problem::new(
                format!("unknown settings \"{name}\""),
                "write plain or defaults",
            ));
        }
    })
}

/// Returns settings that are easy to count with.
///
/// In milliseconds: a commit comes each 1,000 and may take 1,000. The drain of a revocation and of a shutdown takes 1,000, a record may
/// run for as long as it wants, and stalls after 60,000. A record that fails is retried once, after 1,000; then its partition stops. A
/// dead letter that cannot be written is written again after 1,000.
pub(super) fn plain() -> Settings {
    let second = Duration::from_secs(1);
    let policy = FailurePolicy::new(1, Backoff::fixed(second), Then::Stop);
    Settings {
        record_timeout: None,
        commit_interval: second,
        commit_timeout: second,
        revocation_drain: second,
        drain: second,
        transient: policy.clone(),
        permanent: policy.clone(),
        timed_out: policy.clone(),
        panicked: policy,
        dead_letter_backoff: Backoff::fixed(second),
        ..Settings::default()
    }
}

/// Sets the field `name` to `value`. A new field of the settings does not compile until it is here.
pub(super) fn set(settings: &mut Settings, name: &str, value: &str) -> Result<(), Problem> {
    let Settings {
        order,
        delivery,
        limits,
        record_timeout,
        stall_timeout,
        commit_interval,
        commit_timeout,
        revocation_drain,
        drain,
        transient,
        permanent,
        timed_out,
        panicked,
        dead_letter_backoff,
        on_removed,
        seed,
    } = settings;
    if let Some(limit) = name.strip_prefix("limits.") {
        return set_limit(limits, limit, value);
    }
    match name {
        "order" => {
            let values = [
                ("partition", Order::Partition),
                ("key", Order::Key),
                ("none", Order::None),
            ];
            *order = one_of(value, &values)?;
        }
        "delivery" => {
            let values = [
                ("group", Delivery::Group),
                ("broadcast", Delivery::Broadcast),
            ];
            *delivery = one_of(value, &values)?;
        }
        "record_timeout" => *record_timeout = Some(duration(value)?),
        "stall_timeout" => *stall_timeout = duration(value)?,
        "commit_interval" => *commit_interval = duration(value)?,
        "commit_timeout" => *commit_timeout = duration(value)?,
        "revocation_drain" => *revocation_drain = duration(value)?,
        "drain" => *drain = duration(value)?,
        "transient" => *transient = policy(value)?,
        "permanent" => *permanent = policy(value)?,
        "timed_out" => *timed_out = policy(value)?,
        "panicked" => *panicked = policy(value)?,
        "dead_letter_backoff" => *dead_letter_backoff = backoff(value)?,
        "on_removed" => {
            let values = [("stop", OnRemoved::Stop), ("continue", OnRemoved::Continue)];
            *on_removed = one_of(value, &values)?;
        }
        "seed" => *seed = number(value)?,
        _ => return Err(unknown(name)),
    }
    Ok(())
}

fn set_limit(limits: &mut Limits, name: &str, value: &str) -> Result<(), Problem> {
    let Limits {
        runs,
        run_records,
        unacknowledged,
        records,
        high_water_bytes,
        bytes,
        record_bytes,
    } = limits;
    match name {
        "runs" => *runs = number(value)?,
        "run_records" => *run_records = number(value)?,
        "unacknowledged" => *unacknowledged = number(value)?,
        "records" => *records = number(value)?,
        "high_water_bytes" => *high_water_bytes = number(value)?,
        "bytes" => *bytes = number(value)?,
        "record_bytes" => *record_bytes = number(value)?,
        _ => return Err(unknown(&format!("limits.{name}"))),
    }
    Ok(())
}

/// Parses `2 retries, 500 to 30000, jitter 20, then skip`.
fn policy(text: &str) -> Result<FailurePolicy, Problem> {
    let parts = || {
        let (retries, rest) = text.split_once(" retries, ")?;
        let (delays, then) = rest.rsplit_once(", then ")?;
        Some((retries, delays, then))
    };
    let (retries, delays, then) = parts().ok_or_else(|| {
        Problem::new(
            format!("invalid policy \"{text}\""),
            "write \"2 retries, 500 to 30000, then stop\", or skip, or dead letter",
        )
    })?;
    let thens = [
        ("stop", Then::Stop),
        ("skip", Then::Skip),
        ("dead letter", Then::DeadLetter),
    ];
    Ok(FailurePolicy::new(
        number(retries)?,
        backoff(delays)?,
        one_of(then, &thens)?,
    ))
}

fn unknown(name: &str) -> Problem {
    Problem::new(
        format!("unknown setting \"{name}\""),
        "write the name of a field of dispatch::Settings, or limits. and one of Limits",
    )
}
