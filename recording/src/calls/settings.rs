//! The settings of calls as JSON, field by field; durations are in nanoseconds. A field that is added does not compile until it is here.

use std::time::Duration;

use livebus_core::Backoff;
use livebus_core::calls::{Limits, Settings};
use serde::{Deserialize, Serialize};

use crate::supervisor::settings::{BackoffLine, nanos};

#[derive(Serialize, Deserialize)]
#[serde(remote = "Settings", deny_unknown_fields)]
pub(super) struct SettingsLine {
    #[serde(with = "LimitsLine")]
    limits: Limits,
    #[serde(with = "nanos")]
    assign_timeout: Duration,
    #[serde(with = "BackoffLine")]
    assign_backoff: Backoff,
    attempts: u32,
    #[serde(with = "nanos")]
    attempt_timeout: Duration,
    #[serde(with = "BackoffLine")]
    retry_backoff: Backoff,
    #[serde(with = "nanos")]
    overload_hint: Duration,
    #[serde(with = "nanos")]
    drain: Duration,
    seed: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Limits", deny_unknown_fields)]
struct LimitsLine {
    calls: u32,
    bytes: u64,
    call_bytes: u32,
    remembered: u32,
}
