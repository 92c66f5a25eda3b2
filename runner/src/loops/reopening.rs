//! When a loop makes its client again after that was lost.

use std::time::{Duration, Instant};

/// When a client is made again after it was lost, or could not be made: later each time, unless it lived for long.
#[derive(Debug, Default)]
pub(crate) struct Reopening {
    /// How often in a row a client was lost soon, or could not be made.
    losses: u32,
    /// When the client was made.
    opened_at: Option<Instant>,
}

impl Reopening {
    /// The shortest and the longest time until then.
    pub(crate) const FIRST: Duration = Duration::from_millis(500);
    const MAX: Duration = Duration::from_secs(30);

    /// A client was made.
    pub(crate) fn opened(&mut self, now: Instant) {
        self.opened_at = Some(now);
    }

    /// The client was lost, or could not be made. Returns when the next one may be made.
    pub(crate) fn lost(&mut self, now: Instant) -> Instant {
        // Two members of a group that fence each other join at once each time.
        let lived = self.opened_at.take().map(|at| now.duration_since(at));
        if lived.is_some_and(|lived| lived > Self::MAX) {
            self.losses = 0;
        }
        let doubled = Self::FIRST * 2_u32.saturating_pow(self.losses.min(16));
        self.losses = self.losses.saturating_add(1);
        now + doubled.min(Self::MAX)
    }

    /// The losses so far do not count any more.
    pub(crate) fn reset(&mut self) {
        self.losses = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_get_longer_until_a_client_lives_for_long() {
        let mut reopening = Reopening::default();
        let now = Instant::now();
        let wait = |reopening: &mut Reopening| reopening.lost(now).duration_since(now);
        let waits: Vec<_> = (0..9).map(|_| wait(&mut reopening)).collect();
        assert_eq!(waits[..3], [1, 2, 4].map(|times| Reopening::FIRST * times));
        assert_eq!(waits[8], Reopening::MAX);
        reopening.opened(now);
        assert_eq!(wait(&mut reopening), Reopening::MAX, "it was lost at once");
        reopening.opened(now);
        let later = now + Reopening::MAX + Duration::from_secs(1);
        assert_eq!(reopening.lost(later), later + Reopening::FIRST);
        reopening.reset();
        assert_eq!(wait(&mut reopening), Reopening::FIRST);
    }
}
