//! A clock that is fast enough to be read on every request.

use std::time::{Duration, Instant};

/// A clock for comparisons with leases.
///
/// On Linux it reads the kernel's coarse clock, which costs a fraction of `Instant::now` (`cargo bench -p livebus-readiness`) and
/// differs from it by at most one tick of the kernel (1 to 10 ms) either way: a lease may appear to run out that much early or
/// late. Elsewhere it is `Instant::now`.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    #[cfg(target_os = "linux")]
    origin: (Instant, Duration),
    #[cfg(not(target_os = "linux"))]
    lead: Duration,
}

impl Clock {
    /// The maximum tick: the most by which a reading differs from `Instant::now`.
    pub const MAX_TICK: Duration = Duration::from_millis(10);

    /// Returns a clock that is ahead by `lead`: for a reader that must see the end of a lease before others do.
    #[must_use]
    pub fn ahead_by(lead: Duration) -> Self {
        Self::new().shifted_by(lead)
    }
}

#[cfg(target_os = "linux")]
impl Clock {
    /// Returns a clock whose instants are comparable with those of `Instant::now`.
    #[must_use]
    pub fn new() -> Self {
        Self {
            origin: (Instant::now(), coarse()),
        }
    }

    fn shifted_by(self, lead: Duration) -> Self {
        let (instant, at) = self.origin;
        Self {
            origin: (instant + lead, at),
        }
    }

    /// Returns the current instant, with the resolution of one tick.
    #[must_use]
    #[inline]
    pub fn now(&self) -> Instant {
        let (instant, at) = self.origin;
        instant + coarse().saturating_sub(at)
    }
}

#[cfg(target_os = "linux")]
#[inline]
fn coarse() -> Duration {
    use rustix::time::{ClockId, clock_gettime};

    let time = clock_gettime(ClockId::MonotonicCoarse);
    // The monotonic clock counts from the start of the machine and is not negative.
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

#[cfg(not(target_os = "linux"))]
impl Clock {
    /// Returns a clock whose instants are those of `Instant::now`.
    #[must_use]
    pub fn new() -> Self {
        Self {
            lead: Duration::ZERO,
        }
    }

    fn shifted_by(self, lead: Duration) -> Self {
        Self { lead }
    }

    /// Returns the current instant.
    #[must_use]
    #[inline]
    pub fn now(&self) -> Instant {
        Instant::now() + self.lead
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_coarse_clock_stays_close_to_the_precise_one() {
        let clock = Clock::new();
        let begin = Instant::now();
        let mut last = clock.now();
        while begin.elapsed() < Duration::from_millis(50) {
            let now = clock.now();
            assert!(now >= last, "the clock went back");
            last = now;
            // Two ticks: the origin may be one tick behind, and so may the reading.
            assert!(
                now <= Instant::now() + Duration::from_millis(20),
                "the clock is ahead"
            );
        }
        // Read after the loop, which a busy machine may suspend between two of its readings.
        assert!(
            clock.now().saturating_duration_since(begin) >= Duration::from_millis(20),
            "the clock is behind"
        );
    }
}
