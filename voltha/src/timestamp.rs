//! The forms of the timestamp in a header.

use std::time::{Duration, SystemTime};

use crate::error::VolthaError;

/// How the other side writes the timestamp of a header. Field 6 has had three forms, and a number does not say its unit: so the form is
/// chosen, and another one is refused as far as it can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimestampForm {
    /// A `google.protobuf.Timestamp`: `voltha-lib-go` from 3.1.6 on (`voltha-protos` 3.3.2), `pyvoltha` from 2.4.2 on.
    Message,
    /// A number of nanoseconds since 1970: `voltha-lib-go` before 3.1.6.
    Nanoseconds,
    /// A number of milliseconds since 1970: `pyvoltha` before 2.4.2.
    Milliseconds,
}

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
