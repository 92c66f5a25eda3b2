//! The options that change the settings.

use std::time::Duration;

use clap::ValueHint;
use clap::builder::BoolishValueParser;

use super::{Preset, values};

/// Options that change the supervisor's settings. The others come from the preset, and are shortened if they would exceed an
/// option that limits them.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Timings and rules")]
pub(crate) struct RuleArgs {
    /// The settings that the options below change.
    #[arg(long, env = "LIVEBUS_PRESET", default_value = "default")]
    pub(crate) preset: Preset,

    /// The maximum silence while live, like 5s or 500ms.
    #[arg(long, env = "LIVEBUS_LIVE_INTERVAL", value_name = "DURATION", value_hint = ValueHint::Other, value_parser = values::duration)]
    pub(crate) live_interval: Option<Duration>,

    /// The timeout of a liveness message.
    #[arg(long, env = "LIVEBUS_LIVENESS_TIMEOUT", value_name = "DURATION", value_hint = ValueHint::Other, value_parser = values::duration)]
    pub(crate) liveness_timeout: Option<Duration>,

    /// The delay from an ambiguous failure (a timeout, say) to the next liveness message.
    #[arg(long, env = "LIVEBUS_RECHECK_DELAY", value_name = "DURATION", value_hint = ValueHint::Other, value_parser = values::duration)]
    pub(crate) recheck_delay: Option<Duration>,

    /// Ambiguous failures in a row that make the service NotReady.
    #[arg(long, env = "LIVEBUS_FAILURES_TO_NOT_READY", value_name = "N", value_hint = ValueHint::Other)]
    pub(crate) failures_to_not_ready: Option<u32>,

    /// Proofs in a row that make the service Running again.
    #[arg(long, env = "LIVEBUS_SUCCESSES_TO_READY", value_name = "N", value_hint = ValueHint::Other)]
    pub(crate) successes_to_ready: Option<u32>,

    /// The interval of liveness messages while the bus is not live.
    #[arg(long, env = "LIVEBUS_NOT_LIVE_INTERVAL", value_name = "DURATION", value_hint = ValueHint::Other, value_parser = values::duration)]
    pub(crate) not_live_interval: Option<Duration>,

    /// The maximum of that interval, which doubles.
    #[arg(long, env = "LIVEBUS_NOT_LIVE_INTERVAL_MAX", value_name = "DURATION", value_hint = ValueHint::Other, value_parser = values::duration)]
    pub(crate) not_live_interval_max: Option<Duration>,

    /// The timeout of a liveness message that was sent because of a suspicion.
    #[arg(long, env = "LIVEBUS_SUSPICION_TIMEOUT", value_name = "DURATION", value_hint = ValueHint::Other, value_parser = values::duration)]
    pub(crate) suspicion_timeout: Option<Duration>,

    /// The minimum time between liveness messages that are sent because of suspicions.
    #[arg(long, env = "LIVEBUS_SUSPICION_SPACING", value_name = "DURATION", value_hint = ValueHint::Other, value_parser = values::duration)]
    pub(crate) suspicion_spacing: Option<Duration>,

    /// The time for which a missing part of the bus is only a warning: leaders, or replicas for which they wait.
    #[arg(long, env = "LIVEBUS_PARTIAL_TOLERANCE", value_name = "DURATION", value_hint = ValueHint::Other, value_parser = values::duration)]
    pub(crate) partial_tolerance: Option<Duration>,

    /// Replace the client after this time without proof that it works.
    #[arg(long, env = "LIVEBUS_RECREATE_AFTER", value_name = "DURATION", value_hint = ValueHint::Other, value_parser = values::duration)]
    pub(crate) recreate_after: Option<Duration>,

    /// A rejection by a broker (topic missing, no right, quota) makes the service NotReady. Without this it is a warning.
    #[arg(long, env = "LIVEBUS_STRICT", value_parser = BoolishValueParser::new())]
    pub(crate) strict: bool,
}

/// Options of the end of a supervision.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Timings and rules")]
pub(crate) struct EndArgs {
    /// The time to be NotReady before the shutdown closes the client; 5s with --http or --grpc, else none.
    #[arg(long, env = "LIVEBUS_DRAIN", value_name = "DURATION", value_hint = ValueHint::Other, value_parser = values::duration)]
    pub(crate) drain: Option<Duration>,

    /// The timeout for closing the client after that.
    #[arg(long, env = "LIVEBUS_STOP_TIMEOUT", value_name = "DURATION", value_hint = ValueHint::Other, value_parser = values::duration)]
    pub(crate) stop_timeout: Option<Duration>,
}
