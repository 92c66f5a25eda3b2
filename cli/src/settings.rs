//! The settings that the options select, and their errors.

use std::time::Duration;

use livebus_core::{RejectionPolicy, Settings};
use livebus_recording::RecordError;
use livebus_runner::BuildError;

use crate::args::{self, EndArgs, Preset, RuleArgs};
use crate::exit::{UsageError, shown_path};

/// The default of `--drain` when probes are served: long enough for a probe every few seconds to notice it.
const DRAIN_WITH_PROBES: Duration = Duration::from_secs(5);

/// Returns the settings of a preset.
pub(crate) fn preset(preset: Preset) -> Settings {
    match preset {
        Preset::Default => Settings::default(),
        Preset::Fast => Settings::fast(),
        Preset::Voltha => Settings::as_in_voltha(),
    }
}

/// Returns the settings of a supervision; `probes`: whether it serves some, over HTTP or gRPC.
pub(crate) fn settings(args: &RuleArgs, end: &EndArgs, probes: bool) -> Settings {
    let preset = preset(args.preset);
    let live_interval = args.live_interval.unwrap_or(preset.live_interval);
    let within_interval = |preset: Duration| preset.min(live_interval);
    let liveness_timeout = args
        .liveness_timeout
        .unwrap_or(within_interval(preset.liveness_timeout));
    let not_live_interval = args.not_live_interval.unwrap_or(preset.not_live_interval);
    let drain = if probes {
        DRAIN_WITH_PROBES
    } else {
        Duration::ZERO
    };
    Settings {
        live_interval,
        liveness_timeout,
        recheck_delay: args
            .recheck_delay
            .unwrap_or(within_interval(preset.recheck_delay)),
        failures_to_not_ready: args
            .failures_to_not_ready
            .unwrap_or(preset.failures_to_not_ready),
        successes_to_ready: args.successes_to_ready.unwrap_or(preset.successes_to_ready),
        not_live_interval,
        not_live_interval_max: args
            .not_live_interval_max
            .unwrap_or(preset.not_live_interval_max.max(not_live_interval)),
        suspicion_timeout: args
            .suspicion_timeout
            .unwrap_or(preset.suspicion_timeout.min(liveness_timeout)),
        suspicion_spacing: args
            .suspicion_spacing
            .unwrap_or(within_interval(preset.suspicion_spacing)),
        partial_tolerance: args.partial_tolerance.unwrap_or(preset.partial_tolerance),
        recreate_after: args.recreate_after.or(preset.recreate_after),
        on_rejection: if args.strict {
            RejectionPolicy::NotLive
        } else {
            preset.on_rejection
        },
        drain: end.drain.unwrap_or(drain),
        stop_timeout: end.stop_timeout.unwrap_or(preset.stop_timeout),
        ..preset
    }
}

/// Returns the usage error for `error`. A setting has the name of its option.
pub(crate) fn usage_error(error: BuildError) -> anyhow::Error {
    let error = match error {
        BuildError::Config(error) => {
            let remedy: Vec<String> = error.remedy.split(' ').map(as_option).collect();
            let (option, remedy) = (as_option(error.field), remedy.join(" "));
            let value = args::written(error.field).unwrap_or(error.value);
            anyhow::anyhow!("{option} {value}: {remedy}")
        }
        BuildError::Observer(error) => match error.downcast::<RecordError>().map(|it| *it) {
            Ok(RecordError::TooSmall { value, min }) => {
                let value = args::written("record_max_size").unwrap_or(size(value));
                let min = size(min);
                anyhow::anyhow!("--record-max-size {value}: make it at least {min}")
            }
            Ok(RecordError::Io { path, source }) => {
                anyhow::anyhow!(
                    "--record {}: {source}: name a file in a folder that exists and that this program may write to",
                    shown_path(&path)
                )
            }
            Ok(error) => error.into(),
            Err(error) => anyhow::anyhow!(error),
        },
        error @ (BuildError::ServiceName(_)
        | BuildError::Reporter(_)
        | BuildError::Serve(_)
        | _) => error.into(),
    };
    error.context(UsageError)
}

/// Returns a size as it is written in an option.
fn size(bytes: u64) -> String {
    const KIB: u64 = 1 << 10;

    if bytes.is_multiple_of(KIB) {
        format!("{}KiB", bytes / KIB)
    } else {
        format!("{bytes}B")
    }
}

/// Returns the option of a setting's name; any other word unchanged.
fn as_option(word: &str) -> String {
    if word.contains('_') {
        format!("--{}", word.replace('_', "-"))
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_the_largest_unit_that_is_exact() {
        assert_eq!(size(65_536), "64KiB");
        assert_eq!(size(65_537), "65537B");
    }
}
