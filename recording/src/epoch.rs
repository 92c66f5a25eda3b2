//! Instants as numbers: nanoseconds since the supervisor was made.

use std::time::{Duration, Instant};

/// The instant at which the supervisor of a recording was made. All instants of the recording are counted from it.
///
/// A reader of a recording counts from an epoch of its own, since instants have no meaning in another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(Instant);

impl Epoch {
    /// The maximum distance of an instant from the epoch, either way: 100 years of 365 days. No computation with such an instant
    /// overflows.
    pub const MAX_DISTANCE: Duration = Duration::from_hours(876_000);

    /// Returns an epoch that counts from `began`.
    #[must_use]
    pub const fn new(began: Instant) -> Self {
        Self(began)
    }

    /// Returns an epoch to read a recording with: as far from the ends of the clock as possible.
    pub(crate) fn for_reading() -> Self {
        let now = Instant::now();
        Self(now.checked_add(Self::MAX_DISTANCE).unwrap_or(now))
    }

    /// Returns the instant from which it counts.
    #[must_use]
    pub const fn began(self) -> Instant {
        self.0
    }

    /// Returns the nanoseconds from the epoch to `at`, clamped to [`MAX_DISTANCE`](Self::MAX_DISTANCE).
    #[must_use]
    pub fn nanos(self, at: Instant) -> i64 {
        match at.checked_duration_since(self.0) {
            Some(after) => nanos(after),
            None => -nanos(self.0.saturating_duration_since(at)),
        }
    }

    /// Returns the instant `nanos` nanoseconds from the epoch; `None` when it is farther than
    /// [`MAX_DISTANCE`](Self::MAX_DISTANCE), or out of the range of this machine's clock.
    #[must_use]
    pub fn instant(self, nanos: i64) -> Option<Instant> {
        let distance = Duration::from_nanos(nanos.unsigned_abs());
        if distance > Self::MAX_DISTANCE {
            None
        } else if nanos < 0 {
            self.0.checked_sub(distance)
        } else {
            self.0.checked_add(distance)
        }
    }
}

fn nanos(distance: Duration) -> i64 {
    i64::try_from(distance.min(Epoch::MAX_DISTANCE).as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_on_both_sides_of_the_epoch_round_trip() {
        let epoch = Epoch::for_reading();
        let end = nanos(Epoch::MAX_DISTANCE);
        for n in [0, 1, -1, 1_500_000_000, -1_500_000_000, end, -end] {
            let at = epoch.instant(n).expect("near enough");
            assert_eq!(epoch.nanos(at), n);
        }
    }

    #[test]
    fn an_instant_beyond_the_maximum_distance_is_rejected() {
        let epoch = Epoch::for_reading();
        let end = nanos(Epoch::MAX_DISTANCE);
        for n in [end + 1, -end - 1, i64::MAX, i64::MIN] {
            assert_eq!(epoch.instant(n), None);
        }
        let far = epoch.began() + Epoch::MAX_DISTANCE * 2;
        assert_eq!(epoch.nanos(far), end);
    }
}
