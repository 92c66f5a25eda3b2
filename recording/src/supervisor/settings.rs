//! The settings and the handlers as JSON, field by field; durations are in nanoseconds. A field that is added does not compile until it
//! is here.

use std::time::Duration;

use livebus_core::{Backoff, Handler, OnClientLost, OnSuspicion, RejectionPolicy, Settings};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(remote = "Settings", deny_unknown_fields)]
pub(crate) struct SettingsLine {
    #[serde(with = "nanos")]
    start_timeout: Duration,
    #[serde(with = "BackoffLine")]
    start_backoff: Backoff,
    #[serde(with = "nanos")]
    live_interval: Duration,
    #[serde(with = "nanos")]
    liveness_timeout: Duration,
    #[serde(with = "nanos")]
    recheck_delay: Duration,
    failures_to_not_ready: u32,
    successes_to_ready: u32,
    #[serde(with = "nanos")]
    not_live_interval: Duration,
    #[serde(with = "nanos")]
    not_live_interval_max: Duration,
    #[serde(with = "OnSuspicionLine")]
    on_suspicion: OnSuspicion,
    #[serde(with = "nanos")]
    suspicion_timeout: Duration,
    #[serde(with = "nanos")]
    suspicion_spacing: Duration,
    #[serde(with = "nanos")]
    partial_tolerance: Duration,
    #[serde(with = "RejectionPolicyLine")]
    on_rejection: RejectionPolicy,
    #[serde(with = "OnClientLostLine")]
    on_client_lost: OnClientLost,
    #[serde(with = "optional_nanos")]
    recreate_after: Option<Duration>,
    #[serde(with = "nanos")]
    registration_timeout: Duration,
    #[serde(with = "BackoffLine")]
    registration_backoff: Backoff,
    #[serde(with = "nanos")]
    drain: Duration,
    #[serde(with = "nanos")]
    stop_timeout: Duration,
    // Without this function, a missing seed would be `None` and not an error.
    #[serde(deserialize_with = "Option::deserialize")]
    seed: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Backoff", deny_unknown_fields)]
pub(crate) struct BackoffLine {
    #[serde(with = "nanos")]
    first: Duration,
    #[serde(with = "nanos")]
    max: Duration,
    jitter_percent: u8,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "OnSuspicion")]
enum OnSuspicionLine {
    Check,
    NotReady,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "RejectionPolicy")]
enum RejectionPolicyLine {
    Live,
    NotLive,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "OnClientLost")]
enum OnClientLostLine {
    Recreate,
    Fail,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Handler", deny_unknown_fields)]
struct HandlerLine {
    name: String,
    required: bool,
}

pub(crate) mod nanos {
    use std::time::Duration;

    use serde::ser::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        u64::try_from(duration.as_nanos())
            .map_err(|_| S::Error::custom("a duration is longer than any setting"))?
            .serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_nanos)
    }
}

pub(crate) mod optional_nanos {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Nanos(#[serde(with = "super::nanos")] Duration);

    #[expect(
        clippy::ref_option,
        reason = "serde calls it with a reference to the field"
    )]
    pub(crate) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        duration.map(Nanos).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<Nanos>::deserialize(from)?.map(|nanos| nanos.0))
    }
}

pub(crate) mod handlers {
    use livebus_core::Handler;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::HandlerLine;

    #[derive(Serialize)]
    struct Borrowed<'a>(#[serde(with = "HandlerLine")] &'a Handler);

    #[derive(Deserialize)]
    struct Owned(#[serde(with = "HandlerLine")] Handler);

    pub(crate) fn serialize<S: Serializer>(handlers: &[Handler], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(handlers.iter().map(Borrowed))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Handler>, D::Error> {
        let handlers = Vec::<Owned>::deserialize(from)?;
        Ok(handlers.into_iter().map(|owned| owned.0).collect())
    }
}
