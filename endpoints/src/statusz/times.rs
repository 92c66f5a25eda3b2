//! Instants as wall-clock times.

use std::time::{Duration, Instant, SystemTime};

/// Converts instants to wall-clock times: RFC 3339, UTC, milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) now: Instant,
    pub(super) wall: SystemTime,
}

impl Times {
    pub(super) fn show(self, at: Instant) -> String {
        let later = at.saturating_duration_since(self.now);
        let earlier = self.now.saturating_duration_since(at);
        let shown = self.wall.checked_add(later);
        let shown = shown.and_then(|shown| shown.checked_sub(earlier));
        // A lease may end after the year 9999, beyond which there are no dates.
        let shown = shown.unwrap_or(self.wall).min(last_date());
        humantime::format_rfc3339_millis(shown).to_string()
    }
}

fn last_date() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799)
}
