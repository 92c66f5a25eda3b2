//! Polls a producer without spinning.
//!
//! `BaseProducer::poll` always takes all of its time. It waits in whole milliseconds, and spins through the fraction that is left
//! of the last one. Without a callback, a time of whole milliseconds and a little is over when the wait returns. After a callback
//! any fraction may be left, half a millisecond on average, which is more than all else that an acknowledgement costs. So a
//! callback that comes regularly sleeps through the fraction.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::deadlines::left_until;
use crate::lock::lock;

/// What a poll takes beyond whole milliseconds. A wait returns later than this.
const EXCESS: Duration = Duration::from_micros(50);

/// A fraction that is not slept through: a sleep takes a little longer than it should.
const MAX_FRACTION: Duration = Duration::from_micros(150);

/// The maximum number of sleeps after a callback. A sleep that takes too long leaves another fraction.
const MAX_SLEEPS: usize = 3;

/// The end of the poll that takes place now.
#[derive(Debug, Default)]
pub(crate) struct PollEnd(Mutex<Option<Instant>>);

impl PollEnd {
    /// Polls for whole milliseconds, with `poll`, and a little.
    pub(crate) fn during(&self, time: Duration, poll: impl FnOnce(Duration)) {
        let time = time + EXCESS;
        *lock(&self.0) = Some(Instant::now() + time);
        poll(time);
        *lock(&self.0) = None;
    }

    /// Sleeps through the fraction of a millisecond that is left of the poll. To be called at the end of a callback.
    pub(crate) fn sleep_through_fraction(&self) {
        let Some(end) = *lock(&self.0) else {
            return;
        };
        for _ in 0..MAX_SLEEPS {
            let Some(sleep) = fraction(left_until(end)) else {
                return;
            };
            thread::sleep(sleep);
        }
    }
}

/// Returns how long to sleep with this time left of a poll, if at all.
fn fraction(left: Duration) -> Option<Duration> {
    let fraction = Duration::from_nanos(u64::from(left.subsec_nanos()) % 1_000_000);
    let sleep = fraction.checked_sub(MAX_FRACTION);
    sleep.filter(|sleep| !sleep.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_sleeps_until_hardly_more_than_whole_milliseconds_are_left() {
        let left = |micros| fraction(Duration::from_micros(micros));
        assert_eq!(left(734_900), Some(Duration::from_micros(750)));
        assert_eq!(left(400), Some(Duration::from_micros(250)));
        for micros in [0, 100, 150, 5_000, 5_150] {
            assert_eq!(left(micros), None, "{micros}");
        }
    }

    #[test]
    fn a_poll_takes_a_little_more_than_whole_milliseconds_and_ends() {
        let end = PollEnd::default();
        let mut polled = None;
        end.during(Duration::from_secs(1), |time| {
            polled = Some(time);
            assert!(lock(&end.0).is_some());
        });
        assert_eq!(polled, Some(Duration::from_micros(1_000_050)));
        assert!(lock(&end.0).is_none());
    }
}
