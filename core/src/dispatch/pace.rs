//! Back-pressure: how fast to fetch, by what is held already.

use crate::dispatch::action::Pace;
use crate::dispatch::settings::Limits;
use crate::dispatch::window::Held;

/// What more can be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Room {
    /// Records.
    pub records: u32,
    /// Bytes of them.
    pub bytes: u64,
}

pub(crate) fn room(held: Held, limits: &Limits) -> Room {
    Room {
        records: limits.records.saturating_sub(held.records),
        bytes: limits.bytes.saturating_sub(held.bytes),
    }
}

/// Returns the pace that follows `pace`. Fetching becomes slower above high water and faster again only below low water, which is half of it.
pub(crate) fn next(pace: Pace, held: Held, limits: &Limits) -> Pace {
    let room = room(held, limits);
    let high_water_records = limits.records - limits.records / 4;
    let is_full = room.records == 0 || room.bytes < u64::from(limits.record_bytes);
    let is_high = held.bytes >= limits.high_water_bytes || held.records >= high_water_records;
    let is_low =
        held.bytes <= limits.high_water_bytes / 2 && held.records <= high_water_records / 2;
    if is_full {
        return Pace::Paused;
    }
    match pace {
        Pace::Full if is_high => Pace::Slow,
        Pace::Slow | Pace::Paused if is_low => Pace::Full,
        Pace::Full | Pace::Slow | Pace::Paused => pace,
    }
}
