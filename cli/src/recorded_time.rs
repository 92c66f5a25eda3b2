//! The clock of a recording: what its instants were, on the wall and since it began.

use std::time::{Duration, Instant, SystemTime};

use livebus_recording::{Epoch, Header};

/// The last millisecond of the year 9999: there are no dates after it.
const LAST_UNIX_MS: u64 = 253_402_300_799_999;

/// From an instant of a recording to times that a person can read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordedTime {
    epoch: Epoch,
    began_unix_ms: u64,
}

impl RecordedTime {
    pub(crate) fn new(header: &Header, epoch: Epoch) -> Self {
        Self {
            epoch,
            began_unix_ms: u64::try_from(header.began_unix_ms).unwrap_or(0),
        }
    }

    /// The instant at which the supervisor was made.
    pub(crate) const fn began(&self) -> Instant {
        self.epoch.began()
    }

    /// How long after the supervisor was made; zero for what was before.
    pub(crate) fn elapsed(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.began())
    }

    /// The wall clock's time, as RFC 3339 in UTC, as far as the wall clock and the clock of the instants went alike.
    pub(crate) fn wall_clock(&self, at: Instant) -> String {
        let elapsed = u64::try_from(self.elapsed(at).as_millis()).unwrap_or(u64::MAX);
        let unix_ms = self.began_unix_ms.saturating_add(elapsed);
        let since = Duration::from_millis(unix_ms.min(LAST_UNIX_MS));
        humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + since).to_string()
    }
}
