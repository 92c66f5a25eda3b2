//! What is counted of one service since the registry was built.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use livebus_core::{Cause, Failure, FailureClass, FailureKind, Report};

/// How a liveness check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckOutcome {
    /// The bus did its work.
    Succeeded,
    /// The bus answered, and refused the request: a rejection.
    Rejected,
    /// It failed, or was not answered by its deadline.
    Failed,
    /// It was given up before its deadline, because its client was discarded or the service stopped.
    Cancelled,
}

impl CheckOutcome {
    /// Every outcome, in the order of their declaration.
    pub const ALL: [Self; 4] = [
        Self::Succeeded,
        Self::Rejected,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Returns a stable name for metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl From<Result<(), Failure>> for CheckOutcome {
    fn from(result: Result<(), Failure>) -> Self {
        match result.map_err(|failure| failure.class.kind()) {
            Ok(()) => Self::Succeeded,
            Err(FailureKind::Rejected) => Self::Rejected,
            Err(FailureKind::Definitive | FailureKind::Ambiguous | FailureKind::Partial) => {
                Self::Failed
            }
        }
    }
}

/// Counts what a supervision does: its starts, and its liveness checks with their durations. Clones share the counts, which outlive the
/// reporter. No method waits or allocates.
#[derive(Debug, Clone, Default)]
pub struct Activity(Arc<Cells>);

#[derive(Debug, Default)]
struct Cells {
    starts: AtomicU64,
    /// In the order of [`CheckOutcome::ALL`].
    checks: [DurationCells; CheckOutcome::ALL.len()],
}

#[derive(Debug, Default)]
struct DurationCells {
    buckets: [AtomicU64; Durations::BUCKETS],
    sum_nanos: AtomicU64,
}

impl Activity {
    /// Counts an attempt to start a client.
    pub fn count_start(&self) {
        self.0.starts.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a liveness check that ended after `duration`.
    pub fn count_check(&self, outcome: CheckOutcome, duration: Duration) {
        let cells = &self.0.checks[outcome as usize];
        let bucket = Durations::BOUNDS.partition_point(|bound| *bound < duration);
        cells.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        cells.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(crate) fn starts(&self) -> u64 {
        self.0.starts.load(Ordering::Relaxed)
    }

    pub(crate) fn checks(&self) -> [Durations; CheckOutcome::ALL.len()] {
        self.0.checks.each_ref().map(DurationCells::load)
    }
}

impl DurationCells {
    fn load(&self) -> Durations {
        let load = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        Durations {
            buckets: self.buckets.each_ref().map(load),
            sum: Duration::from_nanos(load(&self.sum_nanos)),
        }
    }
}

/// A histogram of durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Durations {
    buckets: [u64; Durations::BUCKETS],
    sum: Duration,
}

impl Durations {
    /// The upper bounds of the buckets but the last, which has none. A bound is in its bucket.
    pub const BOUNDS: [Duration; 13] = [
        Duration::from_millis(1),
        Duration::from_micros(2_500),
        Duration::from_millis(5),
        Duration::from_millis(10),
        Duration::from_millis(25),
        Duration::from_millis(50),
        Duration::from_millis(100),
        Duration::from_millis(250),
        Duration::from_millis(500),
        Duration::from_secs(1),
        Duration::from_millis(2_500),
        Duration::from_secs(5),
        Duration::from_secs(10),
    ];

    const BUCKETS: usize = Self::BOUNDS.len() + 1;

    /// Returns the upper bound of each bucket, `None` for the last, and the number of durations in it alone.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> + '_ {
        let bounds = Self::BOUNDS.into_iter().map(Some).chain([None]);
        bounds.zip(self.buckets)
    }

    /// Returns the number of durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Returns the sum of the durations.
    #[must_use]
    pub const fn sum(&self) -> Duration {
        self.sum
    }
}

/// The changes of a service, by cause and by class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChangeCounts {
    causes: [u64; Cause::NAMES.len()],
    classes: [u64; FailureClass::ALL.len()],
}

impl ChangeCounts {
    pub(crate) const NONE: Self = Self {
        causes: [0; Cause::NAMES.len()],
        classes: [0; FailureClass::ALL.len()],
    };

    pub(crate) fn count(&mut self, report: &Report) {
        self.causes[report.cause.index()] += 1;
        let failure = report.cause.failure().or(report.warning);
        let class = failure.and_then(|it| FailureClass::ALL.iter().position(|c| *c == it.class));
        if let Some(class) = class {
            self.classes[class] += 1;
        }
    }
}

/// What was counted of one service since the registry was built, by all its reporters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceCounts {
    pub(crate) changes: ChangeCounts,
    pub(crate) starts: u64,
    pub(crate) checks: [Durations; CheckOutcome::ALL.len()],
}

impl ServiceCounts {
    /// Returns the name of each cause, and the number of changes to a report with it. The end of a lease is no change: it is no report.
    pub fn changes_by_cause(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Cause::NAMES.into_iter().zip(self.changes.causes)
    }

    /// Returns each class, and the number of changes to a report with a failure of it: that of the cause, or else the warning.
    pub fn changes_by_class(&self) -> impl Iterator<Item = (FailureClass, u64)> + '_ {
        FailureClass::ALL.into_iter().zip(self.changes.classes)
    }

    /// Returns the number of attempts to start a client.
    #[must_use]
    pub const fn starts(&self) -> u64 {
        self.starts
    }

    /// Returns the durations of the liveness checks that have ended, by their outcome.
    pub fn checks(&self) -> impl Iterator<Item = (CheckOutcome, &Durations)> {
        CheckOutcome::ALL.into_iter().zip(&self.checks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_the_bucket_whose_bound_it_does_not_exceed() {
        let activity = Activity::default();
        let counted = [
            Duration::ZERO,
            Duration::from_millis(1),
            Duration::from_nanos(1_000_001),
            Duration::from_secs(10),
            Duration::from_secs(11),
        ];
        for duration in counted {
            activity.count_check(CheckOutcome::Failed, duration);
        }
        let [succeeded, _, failed, _] = activity.checks();
        assert_eq!(succeeded, Durations::default());
        let buckets: Vec<u64> = failed.buckets().map(|(_, count)| count).collect();
        assert_eq!(buckets, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(failed.count(), 5);
        assert_eq!(failed.sum(), Duration::from_nanos(21_002_000_001));
        assert_eq!(failed.buckets().last(), Some((None, 1)));
    }

    #[test]
    fn bounds_ascend_and_outcomes_are_at_their_index() {
        assert!(Durations::BOUNDS.is_sorted_by(|a, b| a < b));
        for (index, outcome) in CheckOutcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, index);
        }
    }

    #[test]
    fn a_rejection_is_not_a_failed_check() {
        let outcome = |result: Result<(), FailureClass>| {
            CheckOutcome::from(result.map_err(Failure::from)).name()
        };
        assert_eq!(outcome(Ok(())), "succeeded");
        assert_eq!(outcome(Err(FailureClass::TopicMissing)), "rejected");
        assert_eq!(outcome(Err(FailureClass::NoLeader)), "failed");
        assert_eq!(outcome(Err(FailureClass::Timeout)), "failed");
        assert_eq!(outcome(Err(FailureClass::Tls)), "failed");
    }
}
