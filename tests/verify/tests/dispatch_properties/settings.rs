//! Random settings, which shrink towards small numbers, and random records.

use std::time::Duration;

use livebus_core::Backoff;
use livebus_core::dispatch::{
    Config, Delivery, FailurePolicy, Limits, OnRemoved, Order, Record, Settings, Then,
};
use livebus_verify::dispatch::environment::Topic;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// Returns any configuration.
pub(crate) fn any_config() -> impl Strategy<Value = Config> {
    let deliveries = select(vec![Delivery::Group, Delivery::Broadcast]);
    let removals = select(vec![OnRemoved::Continue, OnRemoved::Stop]);
    (settings(), deliveries, removals).prop_map(|(settings, delivery, on_removed)| {
        valid(Settings {
            delivery,
            on_removed,
            ..settings
        })
    })
}

/// Returns a topic whose records are all handled in the end: nothing stops forever.
pub(crate) fn any_topic() -> impl Strategy<Value = Topic> {
    let logs = vec(vec(gap_and_record(), 1..60), 1..4);
    (settings(), logs).prop_map(|(settings, logs)| {
        let record_bytes = settings.limits.record_bytes;
        let logs = logs.into_iter().map(|log| placed(log, record_bytes));
        Topic {
            logs: logs.collect(),
            config: valid(settings),
        }
    })
}

/// Returns the numbers of the steps of a script.
pub(crate) fn steps(max: usize) -> impl Strategy<Value = Vec<u64>> {
    vec(any::<u64>(), 0..=max)
}

fn valid(settings: Settings) -> Config {
    Config::new(settings).expect("the settings are made to be valid")
}

/// A record with the distance of its offset from the one before it.
fn gap_and_record() -> impl Strategy<Value = (i64, Record)> {
    let gap = prop_oneof![9 => Just(1_i64), 1 => 2_i64..20];
    let key = option::weighted(0.9, 0_u64..6);
    (gap, key, 0_u32..100, 0_u32..4).prop_map(|(gap, key, bytes, fingerprint)| {
        let record = Record {
            offset: 0,
            key,
            bytes,
            fingerprint,
        };
        (gap, record)
    })
}

fn placed(log: Vec<(i64, Record)>, record_bytes: u32) -> Vec<Record> {
    let mut next = -1;
    let place = |(gap, record): (i64, Record)| {
        next += gap;
        Record {
            offset: next,
            bytes: record.bytes.min(record_bytes),
            ..record
        }
    };
    log.into_iter().map(place).collect()
}

fn settings() -> impl Strategy<Value = Settings> {
    let orders = select(vec![Order::Partition, Order::Key, Order::None]);
    let durations = (
        option::of(millis(1, 60_000)),
        millis(1, 60_000),
        millis(1, 10_000),
        millis(1, 10_000),
        millis(0, 10_000),
        millis(0, 10_000),
    );
    let policies = (policy(), policy(), policy(), policy());
    (
        orders,
        limits(),
        durations,
        policies,
        backoff(),
        any::<u64>(),
    )
        .prop_map(
            |(order, limits, durations, policies, dead_letter_backoff, seed)| {
                let (transient, permanent, timed_out, panicked) = policies;
                let (
                    record_timeout,
                    stall_timeout,
                    commit_interval,
                    commit_timeout,
                    revocation_drain,
                    drain,
                ) = durations;
                Settings {
                    order,
                    delivery: Delivery::Group,
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
                    on_removed: OnRemoved::Continue,
                    seed,
                }
            },
        )
}

fn limits() -> impl Strategy<Value = Limits> {
    let counts = (1_u32..=8, 1_u32..=20, 1_u32..=40, 1_u32..=60);
    let bytes = (1_u32..=100, 1_u64..=3_000, 0_u64..5_000);
    (counts, bytes).prop_map(
        |((runs, run_records, unacknowledged, records), (record_bytes, high_water_bytes, more))| {
            Limits {
                runs,
                run_records,
                unacknowledged,
                records,
                high_water_bytes,
                bytes: high_water_bytes + u64::from(record_bytes) + more,
                record_bytes,
            }
        },
    )
}

fn policy() -> impl Strategy<Value = FailurePolicy> {
    let thens = select(vec![Then::Skip, Then::DeadLetter, Then::Stop]);
    (0_u32..5, backoff(), thens)
        .prop_map(|(retries, backoff, then)| FailurePolicy::new(retries, backoff, then))
}

fn backoff() -> impl Strategy<Value = Backoff> {
    let jitters = select(vec![0, 20, 100]);
    (millis(1, 1_000), millis(0, 5_000), jitters).prop_map(|(first, more, jitter_percent)| {
        Backoff {
            first,
            max: first + more,
            jitter_percent,
        }
    })
}

/// Returns a duration of this many milliseconds, a short one as often as a long one.
fn millis(min: u64, max: u64) -> impl Strategy<Value = Duration> {
    prop_oneof![min..=(min + 20).min(max), min..=max].prop_map(Duration::from_millis)
}
