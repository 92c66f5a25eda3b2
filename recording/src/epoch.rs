//! Instants as numbers: nanoseconds since the supervisor was made.

use std::time::{Duration, Instant};

/// When the supervisor of a recording was made: what its instants are counted from.
///
/// Whoever reads a recording counts from an epoch of its own, since no process knows the instants of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(Instant);

impl Epoch {
    /// How far an instant may be from the epoch, either way: 100 years of 365 days. Nothing that is computed from such an
    /// instant overflows.
    pub const FARTHEST: Duration = Duration::from_hours(100 * 365 * 24);

    /// Counts from `began`.
    #[must_use]
    pub const fn new(began: Instant) -> Self {
        Self(began)
    }

    /// An epoch to read a recording by: as far from the ends of the clock as it can be.
    pub(crate) fn to_read_by() -> Self {
        let now = Instant::now();
        Self(now.checked_add(Self::FARTHEST).unwrap_or(now))
    }

    /// The instant from which it counts.
    #[must_use]
    pub const fn began(self) -> Instant {
        self.0
    }

    /// Nanoseconds from the epoch to `at`; at most [`FARTHEST`](Self::FARTHEST) of them.
    #[must_use]
    pub fn nanos(self, at: Instant) -> i64 {
        match at.checked_duration_since(self.0) {
            Some(after) => nanos(after),
            None => -nanos(self.0.saturating_duration_since(at)),
        }
    }

    /// The instant so many nanoseconds from the epoch; `None` when it is farther than [`FARTHEST`](Self::FARTHEST), or
    /// than this machine's clock can tell.
    #[must_use]
    pub fn instant(self, nanos: i64) -> Option<Instant> {
        let distance = Duration::from_nanos(nanos.unsigned_abs());
        if distance > Self::FARTHEST {
            None
        } else if nanos < 0 {
            self.0.checked_sub(distance)
        } else {
            self.0.checked_add(distance)
        }
    }
}

fn nanos(distance: Duration) -> i64 {
    i64::try_from(distance.min(Epoch::FARTHEST).as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_comes_back_from_both_sides_and_from_both_ends() {
        let epoch = Epoch::to_read_by();
        let end = nanos(Epoch::FARTHEST);
        for n in [0, 1, -1, 1_500_000_000, -1_500_000_000, end, -end] {
            let at = epoch.instant(n).expect("near enough");
            assert_eq!(epoch.nanos(at), n);
        }
    }

    #[test]
    fn what_is_farther_is_no_instant() {
        let epoch = Epoch::to_read_by();
        let end = nanos(Epoch::FARTHEST);
        for n in [end + 1, -end - 1, i64::MAX, i64::MIN] {
            assert_eq!(epoch.instant(n), None);
        }
        let far = epoch.began() + Epoch::FARTHEST * 2;
        assert_eq!(epoch.nanos(far), end);
    }
}
