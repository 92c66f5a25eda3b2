//! Parses the settings of a scenario, by the names of their fields.

use livebus_core::{OnClientLost, OnSuspicion, RejectionPolicy, Settings};

use crate::conformance::environment::plain;
use crate::scenario_files::Problem;
use crate::scenario_files::words::{backoff, duration, number, one_of};

/// Returns the preset `name`.
pub(super) fn base(name: &str) -> Result<Settings, Problem> {
    Ok(match name {
        "plain" => plain(),
        "defaults" => Settings::default(),
        "fast" => Settings::fast(),
        "as in VOLTHA" => Settings::as_in_voltha(),
        _ => {
            return Err(Problem::new(
                format!("unknown settings \"{name}\""),
                "write plain, defaults, fast or as in VOLTHA",
            ));
        }
    })
}

/// Sets the field `name` to `value`. A new field of `Settings` does not compile until it is here.
pub(super) fn set(settings: &mut Settings, name: &str, value: &str) -> Result<(), Problem> {
    let Settings {
        start_timeout,
        start_backoff,
        live_interval,
        liveness_timeout,
        recheck_delay,
        failures_to_not_ready,
        successes_to_ready,
        not_live_interval,
        not_live_interval_max,
        on_suspicion,
        suspicion_timeout,
        suspicion_spacing,
        partial_tolerance,
        on_rejection,
        on_client_lost,
        recreate_after,
        registration_timeout,
        registration_backoff,
        drain,
        stop_timeout,
        seed,
    } = settings;
    match name {
        "start_timeout" => *start_timeout = duration(value)?,
        "start_backoff" => *start_backoff = backoff(value)?,
        "live_interval" => *live_interval = duration(value)?,
        "liveness_timeout" => *liveness_timeout = duration(value)?,
        "recheck_delay" => *recheck_delay = duration(value)?,
        "failures_to_not_ready" => *failures_to_not_ready = number(value)?,
        "successes_to_ready" => *successes_to_ready = number(value)?,
        "not_live_interval" => *not_live_interval = duration(value)?,
        "not_live_interval_max" => *not_live_interval_max = duration(value)?,
        "on_suspicion" => {
            let values = [
                ("check", OnSuspicion::Check),
                ("not ready", OnSuspicion::NotReady),
            ];
            *on_suspicion = one_of(value, &values)?;
        }
        "suspicion_timeout" => *suspicion_timeout = duration(value)?,
        "suspicion_spacing" => *suspicion_spacing = duration(value)?,
        "partial_tolerance" => *partial_tolerance = duration(value)?,
        "on_rejection" => {
            let values = [
                ("live", RejectionPolicy::Live),
                ("not live", RejectionPolicy::NotLive),
            ];
            *on_rejection = one_of(value, &values)?;
        }
        "on_client_lost" => {
            let values = [
                ("recreate", OnClientLost::Recreate),
                ("fail", OnClientLost::Fail),
            ];
            *on_client_lost = one_of(value, &values)?;
        }
        "recreate_after" => *recreate_after = Some(duration(value)?),
        "registration_timeout" => *registration_timeout = duration(value)?,
        "registration_backoff" => *registration_backoff = backoff(value)?,
        "drain" => *drain = duration(value)?,
        "stop_timeout" => *stop_timeout = duration(value)?,
        "seed" => *seed = Some(number(value)?),
        _ => {
            return Err(Problem::new(
                format!("unknown setting \"{name}\""),
                "write the name of a field of Settings; handlers have lines of their own",
            ));
        }
    }
    Ok(())
}
