//! Whether the partitions can be fetched, after one could not be. Decides without IO and without a clock.
//!
//! librdkafka reports a fetch that the broker refuses (a right that was taken away, a deleted topic) once, without its partition, and is
//! silent when it succeeds again. So all partitions are assigned again where they are: then each reports records, its end, or the
//! refusal.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use livebus_core::Failure;
use livebus_core::dispatch::PartitionId;

/// The time from a refusal to the next check: the first, and the longest.
const FIRST_DELAY: Duration = Duration::from_millis(500);
const MAX_DELAY: Duration = Duration::from_secs(5);

/// After how long another check begins, though not all partitions have reported: some may have been taken away.
const CHECK_LIMIT: Duration = Duration::from_secs(10);

/// Whether the partitions can be fetched.
#[derive(Debug, Default)]
pub(crate) struct FetchCheck(Option<Failing>);

#[derive(Debug)]
struct Failing {
    failure: Failure,
    delay: Duration,
    next: Instant,
    /// The check in flight.
    check: Option<Check>,
}

#[derive(Debug)]
struct Check {
    /// The partitions without records so far.
    silent: HashSet<PartitionId>,
    /// How many reported their end. rdkafka does not say of which topic.
    ends: usize,
}

impl FetchCheck {
    /// Takes that the broker refused a fetch. Returns whether that is to be reported.
    pub(crate) fn on_refused(&mut self, failure: Failure, now: Instant) -> bool {
        match &mut self.0 {
            None => {
                self.0 = Some(Failing {
                    failure,
                    delay: FIRST_DELAY,
                    next: now + FIRST_DELAY,
                    check: None,
                });
                true
            }
            Some(failing) => {
                if failing.check.take().is_some() {
                    failing.delay = failing.delay.saturating_mul(2).min(MAX_DELAY);
                    failing.next = now + failing.delay;
                }
                std::mem::replace(&mut failing.failure, failure) != failure
            }
        }
    }

    /// Returns the failure, until all partitions were fetched again.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.0.as_ref().map(|failing| failing.failure)
    }

    /// Returns when a check is to begin; `None` while all partitions can be fetched.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.as_ref().map(|failing| failing.next)
    }

    /// Begins a check of these partitions, which are assigned again now.
    pub(crate) fn begin(&mut self, partitions: impl Iterator<Item = PartitionId>, now: Instant) {
        if let Some(failing) = &mut self.0 {
            failing.next = now + CHECK_LIMIT;
            failing.check = Some(Check {
                silent: partitions.collect(),
                ends: 0,
            });
        }
    }

    /// Returns whether records and ends count now.
    pub(crate) fn is_checking(&self) -> bool {
        self.0.as_ref().is_some_and(|it| it.check.is_some())
    }

    /// Takes that there are records of a partition.
    pub(crate) fn on_records(&mut self, partition: PartitionId) {
        if let Some(check) = self.check() {
            check.silent.remove(&partition);
        }
    }

    /// Takes that a partition was fetched up to its end.
    pub(crate) fn on_end(&mut self) {
        if let Some(check) = self.check() {
            check.ends += 1;
        }
    }

    /// Ends the check if all partitions have reported. Returns whether it has ended: all can be fetched.
    pub(crate) fn end(&mut self) -> bool {
        let is_over = self.check().is_some_and(|it| it.silent.len() <= it.ends);
        if is_over {
            self.0 = None;
        }
        is_over
    }

    fn check(&mut self) -> Option<&mut Check> {
        self.0.as_mut()?.check.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use livebus_core::FailureClass;

    use super::*;

    fn denied() -> Failure {
        FailureClass::Authorization.into()
    }

    fn partitions(count: u32) -> impl Iterator<Item = PartitionId> {
        (0..count).map(PartitionId)
    }

    #[test]
    fn refusal_is_reported_once_until_each_partition_was_fetched() {
        let now = Instant::now();
        let mut check = FetchCheck::default();
        assert_eq!(check.next(), None);
        assert!(check.on_refused(denied(), now));
        assert!(!check.on_refused(denied(), now), "of another partition");
        assert_eq!(check.next(), Some(now + FIRST_DELAY));
        // What was fetched before proves nothing.
        check.on_records(PartitionId(0));
        check.on_end();
        assert!(!check.end());
        check.begin(partitions(3), now);
        check.on_records(PartitionId(1));
        check.on_records(PartitionId(1));
        check.on_end();
        assert!(!check.end(), "one of three is silent");
        check.on_end();
        assert!(check.end());
        assert_eq!(check.next(), None);
        assert!(!check.end(), "it ends once");
    }

    #[test]
    fn refusal_ends_the_check_and_the_next_one_comes_later() {
        let now = Instant::now();
        let mut check = FetchCheck::default();
        check.on_refused(denied(), now);
        let mut delay = FIRST_DELAY;
        for _ in 0..8 {
            check.begin(partitions(2), now);
            assert_eq!(check.next(), Some(now + CHECK_LIMIT));
            assert!(!check.on_refused(denied(), now));
            assert!(!check.is_checking());
            delay = (delay * 2).min(MAX_DELAY);
            assert_eq!(check.next(), Some(now + delay));
        }
        let missing = FailureClass::TopicMissing.into();
        assert!(check.on_refused(missing, now), "another reason is reported");
    }

    #[test]
    fn member_without_partitions_is_not_failing() {
        let now = Instant::now();
        let mut check = FetchCheck::default();
        check.on_refused(denied(), now);
        check.begin(partitions(0), now);
        assert!(check.end());
    }
}
