//! The timestamp of a header, written and read.

use std::time::{Duration, SystemTime};

use crate::error::VolthaError;

const NANOS_OF_A_SECOND: i128 = 1_000_000_000;

/// Returns the nanoseconds since 1970, if they fit 64 bits.
fn nanos_of(time: SystemTime) -> Option<i64> {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).ok(),
        Err(before) => i64::try_from(before.duration().as_nanos())
            .ok()?
            .checked_neg(),
    }
}

fn time_of(nanos: i64) -> Option<SystemTime> {
    let distance = Duration::from_nanos(nanos.unsigned_abs());
    if nanos < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    }
}

fn out_of_range(value: String) -> VolthaError {
    VolthaError::TimestampOutOfRange { value }
}

pub(crate) fn to_nanos(time: SystemTime) -> Result<i64, VolthaError> {
    nanos_of(time).ok_or_else(|| out_of_range(format!("{time:?}")))
}

pub(crate) fn to_millis(time: SystemTime) -> Result<i64, VolthaError> {
    Ok(to_nanos(time)?.div_euclid(1_000_000))
}

pub(crate) fn to_message(time: SystemTime) -> Result<prost_types::Timestamp, VolthaError> {
    let nanos = to_nanos(time)?;
    let rest = nanos.rem_euclid(1_000_000_000);
    Ok(prost_types::Timestamp {
        seconds: nanos.div_euclid(1_000_000_000),
        // It is less than a thousand million.
        nanos: i32::try_from(rest).unwrap_or_default(),
    })
}

pub(crate) fn of_nanos(nanos: i64) -> Result<SystemTime, VolthaError> {
    time_of(nanos).ok_or_else(|| out_of_range(format!("{nanos} ns")))
}

pub(crate) fn of_millis(millis: i64) -> Result<SystemTime, VolthaError> {
    let nanos = millis.checked_mul(1_000_000);
    nanos
        .and_then(time_of)
        .ok_or_else(|| out_of_range(format!("{millis} ms")))
}

pub(crate) fn of_message(timestamp: prost_types::Timestamp) -> Result<SystemTime, VolthaError> {
    let prost_types::Timestamp { seconds, nanos } = timestamp;
    let whole = i128::from(seconds) * NANOS_OF_A_SECOND + i128::from(nanos);
    let is_canonical = (0..1_000_000_000).contains(&nanos);
    let nanos_since = i64::try_from(whole).ok().filter(|_| is_canonical);
    nanos_since
        .and_then(time_of)
        .ok_or_else(|| out_of_range(format!("{seconds} s and {nanos} ns")))
}
