//! The settings of a dispatcher as JSON, field by field; durations are in nanoseconds. A field that is added does not compile until it is here.

use std::time::Duration;

use livebus_core::Backoff;
use livebus_core::dispatch::{Delivery, FailurePolicy, Limits, OnRemoved, Order, Settings, Then};
use serde::{Deserialize, Serialize};

use crate::supervisor::settings::{BackoffLine, nanos, optional_nanos};

#[derive(Serialize, Deserialize)]
#[serde(remote = "Settings", deny_unknown_fields)]
pub(super) struct SettingsLine {
    #[serde(with = "OrderLine")]
    order: Order,
    #[serde(with = "DeliveryLine")]
    delivery: Delivery,
    #[serde(with = "LimitsLine")]
    limits: Limits,
    #[serde(with = "optional_nanos")]
    record_timeout: Option<Duration>,
    #[serde(with = "nanos")]
    stall_timeout: Duration,
    #[serde(with = "nanos")]
    commit_interval: Duration,
    #[serde(with = "nanos")]
    commit_timeout: Duration,
    #[serde(with = "nanos")]
    revocation_drain: Duration,
    #[serde(with = "nanos")]
    drain: Duration,
    #[serde(with = "FailurePolicyLine")]
    transient: FailurePolicy,
    #[serde(with = "FailurePolicyLine")]
    permanent: FailurePolicy,
    #[serde(with = "FailurePolicyLine")]
    timed_out: FailurePolicy,
    #[serde(with = "FailurePolicyLine")]
    panicked: FailurePolicy,
    #[serde(with = "BackoffLine")]
    dead_letter_backoff: Backoff,
    #[serde(with = "OnRemovedLine")]
    on_removed: OnRemoved,
    seed: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Order")]
enum OrderLine {
    Partition,
    Key,
    None,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Delivery")]
enum DeliveryLine {
    Group,
    Broadcast,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Limits", deny_unknown_fields)]
struct LimitsLine {
    runs: u32,
    run_records: u32,
    unacknowledged: u32,
    records: u32,
    high_water_bytes: u64,
    bytes: u64,
    record_bytes: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "FailurePolicy", deny_unknown_fields)]
struct FailurePolicyLine {
    retries: u32,
    #[serde(with = "BackoffLine")]
    backoff: Backoff,
    #[serde(with = "ThenLine")]
    then: Then,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Then")]
enum ThenLine {
    Stop,
    Skip,
    DeadLetter,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "OnRemoved")]
enum OnRemovedLine {
    Stop,
    Continue,
}
