//! Log lines about something that may happen very often.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::lock::lock;

/// Lets one log line through in ten seconds, and counts the events between.
#[derive(Debug, Default)]
pub(crate) struct LogLimit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When the next line may be written.
    next: Option<Instant>,
    /// Events since the last line.
    events: u64,
}

impl LogLimit {
    const INTERVAL: Duration = Duration::from_secs(10);

    /// Counts an event. Returns how many there were since the last line, this one included, if a line may be written now.
    pub(crate) fn count(&self, now: Instant) -> Option<u64> {
        let mut state = lock(&self.0);
        state.events += 1;
        if state.next.is_some_and(|next| now < next) {
            return None;
        }
        state.next = Some(now + Self::INTERVAL);
        Some(std::mem::take(&mut state.events))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_ten_seconds_has_the_number_of_all_events() {
        let now = Instant::now();
        let limit = LogLimit::default();
        assert_eq!(limit.count(now), Some(1));
        let soon = now + Duration::from_millis(9_999);
        assert_eq!([limit.count(soon), limit.count(soon)], [None, None]);
        assert_eq!(limit.count(now + LogLimit::INTERVAL), Some(3));
        assert_eq!(limit.count(now + LogLimit::INTERVAL), None);
        let much_later = now + Duration::from_secs(100);
        assert_eq!(limit.count(much_later), Some(2));
    }
}
