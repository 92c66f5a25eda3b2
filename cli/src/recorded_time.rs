//! The times of a recording: by the wall clock, and since it began.

use std::time::{Duration, Instant, SystemTime};

use livebus_recording::Epoch;

/// The last millisecond of the year 9999: there are no dates after it.
const LAST_UNIX_MS: u64 = 253_402_300_799_999;

/// Converts instants of a recording to readable times.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordedTime {
    epoch: Epoch,
    began_unix_ms: u64,
}

impl RecordedTime {
    pub(crate) fn new(began_unix_ms: i64, epoch: Epoch) -> Self {
        Self {
            epoch,
            began_unix_ms: u64::try_from(began_unix_ms).unwrap_or(0),
        }
    }

    /// Returns the instant at which the supervisor was made.
    pub(crate) const fn began(&self) -> Instant {
        self.epoch.began()
    }

    /// Returns the time since the supervisor was made; zero before that.
    pub(crate) fn elapsed(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.began())
    }

    /// Returns the wall-clock time, as RFC 3339 in UTC. Exact if the wall clock was not adjusted during the recording.
    pub(crate) fn wall_clock(&self, at: Instant) -> String {
        let elapsed = u64::try_from(self.elapsed(at).as_millis()).unwrap_or(u64::MAX);
        let unix_ms = self.began_unix_ms.saturating_add(elapsed);
        let since = Duration::from_millis(unix_ms.min(LAST_UNIX_MS));
        humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + since).to_string()
    }
}
