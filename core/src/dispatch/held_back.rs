//! How long no commit has a position that failed.

use std::time::{Duration, Instant};

use crate::backoff::Backoff;

/// The position of an assignment is held back after it failed: no commit has it before `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct HeldBack {
    /// Failures in a row.
    pub(super) failures: u32,
    pub(super) until: Instant,
}

/// The longest time that a position is held back.
const MAX_HOLD: Duration = Duration::from_secs(10);

impl HeldBack {
    /// Returns what follows another failure.
    pub(crate) fn after(before: Option<Self>, now: Instant, interval: Duration) -> Self {
        let failures = before.map_or(0, |it| it.failures).saturating_add(1);
        let backoff = Backoff {
            first: interval,
            max: MAX_HOLD.max(interval),
            jitter_percent: 0,
        };
        Self {
            failures,
            until: now + backoff.doubled(failures),
        }
    }
}
