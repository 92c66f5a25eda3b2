//! Whether the leaders of the reply partitions answer. Decides without IO and without a clock.
//!
//! librdkafka is silent about a leader that does not answer fetch requests. So the ends of the partitions of which nothing was read for a
//! while are looked up: the leader itself must answer that.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use livebus_core::Failure;

/// After how long without anything from a partition its leader is asked.
const QUIET: Duration = Duration::from_secs(1);

/// The time from a failed look-up to the next one.
const RETRY: Duration = Duration::from_millis(250);

/// How long a look-up may take: so many times as long as the newest one that was answered, but at least and at most this long. After one that
/// failed twice as long.
const FACTOR: u32 = 4;
const MIN_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum time from the last answer of the leader of a reply partition until livebus knows that it cannot be read, on a bus whose leaders
/// answer within half a second. Usually it takes three seconds; longer if the leader was away shortly before.
///
/// On a slower bus it is longer: a look-up may take four times as long as the one before, up to ten seconds.
pub const REPLIES_UNREACHABLE_BOUND: Duration =
    Duration::from_secs(QUIET.as_secs() + 3 * MIN_TIMEOUT.as_secs());

/// Whether the leaders answer.
#[derive(Debug)]
pub(super) struct LeaderCheck {
    /// When something was last read of each partition.
    read: BTreeMap<i32, Instant>,
    failing: Option<Failing>,
    is_in_flight: bool,
    /// Whether all are to be asked, quiet or not.
    is_wanted: bool,
    /// Not before.
    earliest: Option<Instant>,
    /// The timeout of a look-up, and what it begins with again when something is read.
    timeout: Duration,
    usual_timeout: Duration,
}

/// A look-up that failed.
#[derive(Debug)]
struct Failing {
    failure: Failure,
    asked: Instant,
    partitions: Vec<i32>,
}

/// A look-up to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) partitions: Vec<i32>,
    pub(super) timeout: Duration,
}

impl LeaderCheck {
    pub(super) const fn new() -> Self {
        Self {
            read: BTreeMap::new(),
            failing: None,
            is_in_flight: false,
            is_wanted: false,
            earliest: None,
            timeout: MIN_TIMEOUT,
            usual_timeout: MIN_TIMEOUT,
        }
    }

    /// Begins again with these partitions, whose leaders have just answered, in this time.
    pub(super) fn begin(&mut self, partitions: &[i32], took: Duration, now: Instant) {
        self.read = partitions.iter().map(|it| (*it, now)).collect();
        self.failing = None;
        self.earliest = None;
        self.answered(took);
    }

    /// Takes that a partition was read: a record, or its end.
    pub(super) fn on_read(&mut self, partition: i32, now: Instant) {
        if let Some(at) = self.read.get_mut(&partition) {
            *at = now;
            self.timeout = self.usual_timeout;
        }
    }

    /// Lets the next look-up, of all partitions, be made at once.
    pub(super) fn check_soon(&mut self) {
        self.is_wanted = true;
    }

    /// Adds a partition.
    pub(super) fn add(&mut self, partition: i32, now: Instant) {
        self.read.insert(partition, now);
    }

    /// Returns the failure while partitions cannot be read.
    pub(super) fn failing(&self) -> Option<Failure> {
        let failing = self.failing.as_ref()?;
        // Something that was read since then refutes it.
        let is_silent = |it| self.read.get(it).is_some_and(|at| *at <= failing.asked);
        failing
            .partitions
            .iter()
            .any(is_silent)
            .then_some(failing.failure)
    }

    /// Returns when a look-up is to be made; `None` while one is in flight, and without partitions.
    pub(super) fn next(&self) -> Option<Instant> {
        if self.is_in_flight {
            return None;
        }
        let quietest = *self.read.values().min()?;
        let due = if self.is_wanted {
            quietest
        } else {
            quietest + QUIET
        };
        Some(self.earliest.map_or(due, |earliest| due.max(earliest)))
    }

    /// Returns the look-up that is to be made now. It is in flight then.
    pub(super) fn begin_check(&mut self, now: Instant) -> Option<Check> {
        if self.next().is_none_or(|at| at > now) {
            return None;
        }
        let all = std::mem::take(&mut self.is_wanted);
        let is_quiet = |at: Instant| all || now.saturating_duration_since(at) >= QUIET;
        let quiet = self.read.iter().filter(|(_, at)| is_quiet(**at));
        let partitions = quiet.map(|(partition, _)| *partition).collect();
        self.is_in_flight = true;
        Some(Check {
            partitions,
            timeout: self.timeout,
        })
    }

    /// Takes the answer to a look-up, which took this long.
    pub(super) fn on_answer(
        &mut self,
        partitions: &[i32],
        result: Result<(), Failure>,
        took: Duration,
        now: Instant,
    ) {
        self.is_in_flight = false;
        match result {
            Ok(()) => {
                for partition in partitions {
                    self.on_read(*partition, now);
                }
                // Whatever was not asked was read in the meantime.
                self.failing = None;
                self.earliest = None;
                self.answered(took);
            }
            Err(failure) => {
                self.failing = Some(Failing {
                    failure,
                    asked: now.checked_sub(took).unwrap_or(now),
                    partitions: partitions.to_vec(),
                });
                self.earliest = Some(now + RETRY);
                self.timeout = (self.usual_timeout * 2).min(MAX_TIMEOUT);
            }
        }
    }

    fn answered(&mut self, took: Duration) {
        let timeout = took.saturating_mul(FACTOR);
        self.usual_timeout = timeout.clamp(MIN_TIMEOUT, MAX_TIMEOUT);
        self.timeout = self.usual_timeout;
    }
}

#[cfg(test)]
mod tests {
    use livebus_core::FailureClass;

    use super::*;

    const FAST: Duration = Duration::from_millis(5);

    fn away() -> Failure {
        FailureClass::BrokerUnreachable.into()
    }

    fn begun(partitions: &[i32], now: Instant) -> LeaderCheck {
        let mut check = LeaderCheck::new();
        assert_eq!(check.next(), None, "there are no partitions");
        check.begin(partitions, FAST, now);
        check
    }

    #[test]
    fn only_quiet_partitions_are_asked() {
        let start = Instant::now();
        let mut check = begun(&[0, 1], start);
        assert_eq!(check.next(), Some(start + QUIET));
        assert_eq!(check.begin_check(start + QUIET / 2), None);
        check.on_read(1, start + QUIET / 2);
        let asked = check.begin_check(start + QUIET).expect("0 is quiet");
        assert_eq!((&*asked.partitions, asked.timeout), (&[0][..], MIN_TIMEOUT));
        assert_eq!(check.next(), None, "one at a time");
        check.on_answer(&[0], Ok(()), FAST, start + QUIET);
        assert_eq!(check.next(), Some(start + QUIET / 2 + QUIET));
        assert_eq!(check.failing(), None);
    }

    #[test]
    fn a_look_up_that_is_wanted_is_made_at_once_and_asks_all() {
        let start = Instant::now();
        let mut check = begun(&[0, 1], start);
        check.check_soon();
        let asked = check.begin_check(start).expect("it is due");
        assert_eq!(asked.partitions, [0, 1]);
        check.check_soon();
        assert_eq!(check.begin_check(start), None, "one at a time");
        check.on_answer(&[0, 1], Ok(()), FAST, start + FAST);
        check.begin_check(start + FAST).expect("it is due again");
        check.on_answer(&[0, 1], Ok(()), FAST, start + FAST);
        assert_eq!(check.next(), Some(start + FAST + QUIET));
    }

    #[test]
    fn a_silent_leader_is_found_within_the_bound() {
        let start = Instant::now();
        let mut check = begun(&[0], start);
        let at = check.next().expect("it is quiet then");
        let asked = check.begin_check(at).expect("it is due");
        let answered = at + asked.timeout;
        check.on_answer(&[0], Err(away()), asked.timeout, answered);
        assert_eq!(check.failing(), Some(away()));
        assert!(answered - start <= REPLIES_UNREACHABLE_BOUND);
        assert_eq!(check.next(), Some(answered + RETRY));
        check.begin_check(answered + RETRY).expect("it is due");
        check.on_answer(&[0], Ok(()), FAST, answered + RETRY);
        assert_eq!(check.failing(), None);
    }

    #[test]
    fn a_record_refutes_a_failed_look_up() {
        let start = Instant::now();
        let mut check = begun(&[0], start);
        let at = start + QUIET;
        check.begin_check(at).expect("it is due");
        check.on_read(0, at + FAST);
        check.on_answer(&[0], Err(away()), MIN_TIMEOUT, at + MIN_TIMEOUT);
        assert_eq!(check.failing(), None);
    }

    #[test]
    fn a_far_bus_has_the_time_that_it_needs() {
        let start = Instant::now();
        let mut check = begun(&[0], start);
        check.begin(&[0], Duration::from_millis(1_500), start);
        let mut timeout = || {
            let at = check.next().expect("none is in flight");
            let asked = check.begin_check(at).expect("it is due");
            check.on_answer(&[0], Err(away()), asked.timeout, at + asked.timeout);
            asked.timeout
        };
        assert_eq!(timeout(), Duration::from_secs(6));
        assert_eq!(timeout(), MAX_TIMEOUT);
        assert_eq!(timeout(), MAX_TIMEOUT);
        let mut check = begun(&[0], start);
        let mut timeouts = Vec::new();
        for _ in 0..5 {
            let at = check.next().expect("none is in flight");
            let asked = check.begin_check(at).expect("it is due");
            check.on_answer(&[0], Err(away()), asked.timeout, at + asked.timeout);
            timeouts.push(asked.timeout.as_secs());
        }
        // A bus that has become slow is not taken for away for long.
        assert_eq!(timeouts, [2, 4, 4, 4, 4]);
        let at = check.next().expect("none is in flight");
        check.on_read(0, at);
        let asked = check.begin_check(at + QUIET).expect("it is due");
        assert_eq!(asked.timeout, MIN_TIMEOUT, "it was read");
    }
}
