//! A minimum time between two events.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::lock::lock;

/// Admits an event unless one was admitted less than the minimum time before.
#[derive(Debug)]
pub(crate) struct Spacing {
    min: Duration,
    newest: Mutex<Option<Instant>>,
}

impl Spacing {
    pub(crate) const fn new(min: Duration) -> Self {
        Self {
            min,
            newest: Mutex::new(None),
        }
    }

    pub(crate) fn admits(&self, now: Instant) -> bool {
        let mut newest = lock(&self.newest);
        let is_admitted = newest.is_none_or(|at| now.saturating_duration_since(at) >= self.min);
        if is_admitted {
            *newest = Some(now);
        }
        is_admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_admitted_with_the_minimum_time_between_them() {
        let start = Instant::now();
        let spacing = Spacing::new(Duration::from_secs(5));
        let admitted =
            (0..=12).filter(|second| spacing.admits(start + Duration::from_secs(*second)));
        assert_eq!(admitted.collect::<Vec<_>>(), [0, 5, 10]);
    }
}
