//! When the bootstrap servers are asked which cluster they belong to.

use std::time::{Duration, Instant};

/// The minimum time from one check of the bootstrap servers to the next, and so from one login at each to the next.
const CHECK_PACE: Duration = Duration::from_secs(5);

/// When the bootstrap servers are asked.
#[derive(Debug)]
pub(super) struct Schedule {
    /// Whether they are asked at all.
    is_on: bool,
    is_requested: bool,
    activity: Activity,
    was_done: bool,
    /// When the newest check began.
    began: Option<Instant>,
}

/// Whether a check is in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Activity {
    Idle,
    InFlight,
}

impl Schedule {
    pub(super) const fn new(is_on: bool) -> Self {
        Self {
            is_on,
            is_requested: true,
            activity: Activity::Idle,
            was_done: !is_on,
            began: None,
        }
    }

    /// Returns whether a server has answered, or need not.
    pub(super) const fn was_done(&self) -> bool {
        self.was_done
    }

    /// Requests a check, as soon as the pace allows it.
    pub(super) const fn request(&mut self) {
        self.is_requested = true;
    }

    /// Returns whether a check begins now.
    pub(super) fn begin(&mut self, now: Instant) -> bool {
        let is_paced = self
            .began
            .is_none_or(|began| now.saturating_duration_since(began) >= CHECK_PACE);
        let begins = self.is_on && self.is_requested && self.activity == Activity::Idle && is_paced;
        if begins {
            self.is_requested = false;
            self.activity = Activity::InFlight;
            self.began = Some(now);
        }
        begins
    }

    /// The check is over. One without any answer is repeated.
    pub(super) const fn end(&mut self, any_answered: bool) {
        self.activity = Activity::Idle;
        self.was_done |= any_answered;
        self.is_requested |= !any_answered;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_are_asked_once_and_again_on_request_at_their_pace() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut schedule = Schedule::new(true);
        assert!(schedule.begin(at(0)));
        assert!(!schedule.begin(at(10)), "one is in flight");
        schedule.end(true);
        assert!(schedule.was_done());
        assert!(!schedule.begin(at(20)), "nobody requested one");
        schedule.request();
        assert!(schedule.begin(at(21)));
        schedule.end(true);
        schedule.request();
        assert!(!schedule.begin(at(25)), "too soon");
        assert!(schedule.begin(at(26)));
    }

    #[test]
    fn a_check_without_an_answer_is_repeated() {
        let start = Instant::now();
        let mut schedule = Schedule::new(true);
        assert!(schedule.begin(start));
        schedule.end(false);
        assert!(!schedule.was_done());
        assert!(!schedule.begin(start + Duration::from_secs(4)));
        assert!(schedule.begin(start + Duration::from_secs(5)));
    }

    #[test]
    fn a_single_server_is_never_asked() {
        let mut schedule = Schedule::new(false);
        assert!(schedule.was_done());
        schedule.request();
        assert!(!schedule.begin(Instant::now()));
    }
}
