//! Liveness: whether the runner's loop keeps its promises.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The loop's promise to wake up again. Clones share it.
///
/// Before each wait the loop promises when it will be back. A loop that is not back [`GRACE`](Self::GRACE) after that is
/// stuck, or starved for so long that a restart is the better hope. A loop that waits for nothing but an event, or has come
/// to its end, owes nothing.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    epoch: Instant,
    /// Nanoseconds after the epoch.
    promised: Arc<AtomicU64>,
}

impl Heartbeat {
    /// How late the loop may be before it counts as stuck.
    pub const GRACE: Duration = Duration::from_secs(10);

    /// Begins with the promise to be back at once.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            epoch: now,
            promised: Arc::new(AtomicU64::new(0)),
        }
    }

    /// The loop will be back at `deadline`; `None` is: when something happens, and not before.
    pub fn promise(&self, deadline: Option<Instant>) {
        let nanos = deadline.map_or(u64::MAX, |deadline| self.nanos(deadline));
        self.promised.store(nanos, Ordering::Release);
    }

    /// When the loop will be back, if it knows.
    #[must_use]
    pub fn promised(&self) -> Option<Instant> {
        match self.promised.load(Ordering::Acquire) {
            u64::MAX => None,
            nanos => self.epoch.checked_add(Duration::from_nanos(nanos)),
        }
    }

    /// How late the loop is at `now`, if so late that it counts as stuck.
    #[must_use]
    pub fn stuck_for(&self, now: Instant) -> Option<Duration> {
        let promised = self.promised.load(Ordering::Acquire);
        let late = Duration::from_nanos(self.nanos(now).saturating_sub(promised));
        (late > Self::GRACE).then_some(late)
    }

    fn nanos(&self, at: Instant) -> u64 {
        let nanos = at.saturating_duration_since(self.epoch).as_nanos();
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_stuck_when_it_is_later_than_promised_by_the_grace() {
        let now = Instant::now();
        let after = |secs| now + Duration::from_secs(secs);
        let heartbeat = Heartbeat::new(now);
        assert_eq!(heartbeat.stuck_for(after(10)), None);
        assert_eq!(
            heartbeat.stuck_for(after(11)),
            Some(Duration::from_secs(11))
        );
        heartbeat.promise(Some(after(30)));
        assert_eq!(heartbeat.stuck_for(after(40)), None);
        assert_eq!(
            heartbeat.stuck_for(after(41)),
            Some(Duration::from_secs(11))
        );
        heartbeat.promise(None);
        assert_eq!(heartbeat.stuck_for(after(1_000_000)), None);
    }
}
