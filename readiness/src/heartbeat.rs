//! The heartbeat of a runner's loop: the deadline of its next wake.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The deadline by which a loop wakes up again. Clones share it.
///
/// Before each wait the loop sets its deadline. A loop that has set no new one [`GRACE`](Self::GRACE) after its deadline is
/// stuck, or starved for so long that a restart is more likely to help. A loop that waits for events alone, or has ended, has no
/// deadline.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    epoch: Instant,
    /// Nanoseconds after the epoch; `u64::MAX` is none.
    deadline: Arc<AtomicU64>,
}

impl Heartbeat {
    /// How long after its deadline a loop counts as stuck.
    pub const GRACE: Duration = Duration::from_secs(10);

    /// Returns a heartbeat whose first deadline is `now`.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            epoch: now,
            deadline: Arc::new(AtomicU64::new(0)),
        }
    }

    /// Sets the instant by which the loop wakes up again; `None` when it waits for events alone.
    pub fn set_deadline(&self, deadline: Option<Instant>) {
        let nanos = deadline.map_or(u64::MAX, |deadline| self.nanos(deadline));
        self.deadline.store(nanos, Ordering::Release);
    }

    /// Returns the instant by which the loop wakes up again; `None` when it waits for events alone.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.deadline.load(Ordering::Acquire) {
            u64::MAX => None,
            nanos => self.epoch.checked_add(Duration::from_nanos(nanos)),
        }
    }

    /// Returns how late the loop is at `now`, if it counts as stuck.
    #[must_use]
    pub fn stuck_for(&self, now: Instant) -> Option<Duration> {
        let deadline = self.deadline.load(Ordering::Acquire);
        let late = Duration::from_nanos(self.nanos(now).saturating_sub(deadline));
        (late > Self::GRACE).then_some(late)
    }

    fn nanos(&self, at: Instant) -> u64 {
        let nanos = at.saturating_duration_since(self.epoch).as_nanos();
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

/// A loop of a service, which `/livez` checks.
#[derive(Debug, Clone)]
pub struct ServiceLoop {
    handler: Option<String>,
    heartbeat: Heartbeat,
}

impl ServiceLoop {
    /// Returns the loop that reports on its service.
    #[must_use]
    pub const fn of_service(heartbeat: Heartbeat) -> Self {
        Self {
            handler: None,
            heartbeat,
        }
    }

    /// Returns the loop of the service's handler of this name.
    #[must_use]
    pub fn of_handler(name: impl Into<String>, heartbeat: Heartbeat) -> Self {
        Self {
            handler: Some(name.into()),
            heartbeat,
        }
    }

    /// Returns the name of the handler whose loop it is; `None` for the loop that reports on its service.
    #[must_use]
    pub fn handler(&self) -> Option<&str> {
        self.handler.as_deref()
    }

    /// Returns its heartbeat.
    #[must_use]
    pub const fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_stuck_when_its_deadline_has_passed_by_more_than_the_grace() {
        let now = Instant::now();
        let after = |secs| now + Duration::from_secs(secs);
        let heartbeat = Heartbeat::new(now);
        assert_eq!(heartbeat.stuck_for(after(10)), None);
        assert_eq!(
            heartbeat.stuck_for(after(11)),
            Some(Duration::from_secs(11))
        );
        heartbeat.set_deadline(Some(after(30)));
        assert_eq!(heartbeat.stuck_for(after(40)), None);
        assert_eq!(
            heartbeat.stuck_for(after(41)),
            Some(Duration::from_secs(11))
        );
        heartbeat.set_deadline(None);
        assert_eq!(heartbeat.stuck_for(after(1_000_000)), None);
    }

    #[test]
    fn clones_share_the_deadline() {
        let now = Instant::now();
        let heartbeat = Heartbeat::new(now);
        let reader = heartbeat.clone();
        assert_eq!(reader.deadline(), Some(now));
        let later = now + Duration::from_nanos(1_500_000_001);
        heartbeat.set_deadline(Some(later));
        assert_eq!(reader.deadline(), Some(later));
        heartbeat.set_deadline(None);
        assert_eq!(reader.deadline(), None);
    }
}
