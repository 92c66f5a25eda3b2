//! Random settings, and random records.

use std::time::Duration;

use livebus_core::Backoff;
use livebus_core::dispatch::{
    Config, Delivery, FailurePolicy, Limits, OnRemoved, Order, Record, Settings, Then,
};

use crate::dispatch::environment::Topic;
use crate::rng::Rng;

/// Draws the settings of a group and its records.
pub(super) fn topic(rng: &mut Rng) -> Topic {
    // Long runs of records, as a busy partition has them.
    let is_long = rng.percent(10);
    let config = random_config(rng, |settings, rng| {
        if is_long {
            settings.order = Order::Partition;
            settings.limits.run_records = small(rng.magnitude(100, 1_000));
            settings.limits.unacknowledged = small(rng.magnitude(1_000, 10_000));
            settings.limits.records = small(rng.magnitude(1_000, 10_000));
            settings.limits.high_water_bytes += 1_000_000;
            settings.limits.bytes += 1_000_000;
        }
    });
    let max_records = if is_long { 200_000 } else { 1_500 };
    let record_bytes = u64::from(config.settings().limits.record_bytes);
    let partitions = rng.between(1, 4);
    let logs = (0..partitions)
        .map(|_| log(rng, record_bytes, max_records))
        .collect();
    Topic { config, logs }
}

/// Draws settings, changes them, and draws again until they are valid.
pub(in crate::dispatch) fn random_config(
    rng: &mut Rng,
    change: impl Fn(&mut Settings, &mut Rng),
) -> Config {
    loop {
        let mut settings = settings(rng);
        change(&mut settings, rng);
        if let Ok(config) = Config::new(settings) {
            return config;
        }
    }
}

fn log(rng: &mut Rng, record_bytes: u64, max_records: u64) -> Vec<Record> {
    let records = rng.magnitude(1, max_records);
    let keys = rng.magnitude(1, 64);
    let has_gaps = rng.percent(50);
    let mut offset = 0;
    (0..records)
        .map(|_| {
            if has_gaps && rng.percent(10) {
                offset += i64::try_from(rng.between(1, 20)).unwrap_or(1);
            }
            let key = Some(rng.below(keys)).filter(|_| rng.percent(95));
            let record = Record {
                offset,
                key,
                bytes: small(rng.between(0, record_bytes)),
                fingerprint: small(rng.below(1 << 20)),
            };
            offset += 1;
            record
        })
        .collect()
}

fn settings(rng: &mut Rng) -> Settings {
    let record_bytes = rng.magnitude(1, 100);
    let high_water_bytes = rng.magnitude(1, 10_000);
    Settings {
        order: rng.pick(&[Order::Partition, Order::Key, Order::None]),
        delivery: Delivery::Group,
        limits: Limits {
            runs: small(rng.magnitude(1, 16)),
            run_records: small(rng.magnitude(1, 64)),
            unacknowledged: small(rng.magnitude(1, 128)),
            records: small(rng.magnitude(1, 256)),
            high_water_bytes,
            bytes: high_water_bytes + record_bytes + rng.below(5_000),
            record_bytes: small(record_bytes),
        },
        record_timeout: Some(millis(rng, 1, 60_000)).filter(|_| rng.percent(50)),
        stall_timeout: millis(rng, 1, 60_000),
        commit_interval: millis(rng, 1, 10_000),
        commit_timeout: millis(rng, 1, 10_000),
        revocation_drain: millis(rng, 0, 10_000),
        drain: millis(rng, 0, 10_000),
        transient: policy(rng),
        permanent: policy(rng),
        timed_out: policy(rng),
        panicked: policy(rng),
        dead_letter_backoff: backoff(rng),
        on_removed: OnRemoved::Continue,
        seed: rng.next_u64(),
    }
}

fn policy(rng: &mut Rng) -> FailurePolicy {
    let then = rng.pick(&[Then::Stop, Then::Skip, Then::DeadLetter]);
    let retries = small(rng.magnitude(1, 8)) - 1;
    FailurePolicy::new(retries, backoff(rng), then)
}

fn backoff(rng: &mut Rng) -> Backoff {
    let first = millis(rng, 1, 1_000);
    Backoff {
        first,
        max: first + millis(rng, 0, 5_000),
        jitter_percent: rng.pick(&[0, 0, 20, 100]),
    }
}

fn millis(rng: &mut Rng, min: u64, max: u64) -> Duration {
    Duration::from_millis(rng.magnitude(min.max(1), max) - u64::from(min == 0))
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
