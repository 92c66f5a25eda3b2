//! One liveness check, which is counted when it ends.

use std::sync::Arc;
use std::time::Instant;

use livebus_core::Failure;
use livebus_readiness::{Activity, CheckOutcome};

use crate::time::Time;

/// A liveness check in flight. On drop, counts as failed if its deadline has passed, else as cancelled.
pub(crate) struct Check {
    activity: Activity,
    time: Arc<dyn Time>,
    began: Instant,
    deadline: Instant,
    has_ended: bool,
}

impl Check {
    /// Begins a check that ends at `deadline` at the latest.
    pub(crate) fn begin(activity: Activity, time: &Arc<dyn Time>, deadline: Instant) -> Self {
        Self {
            activity,
            time: Arc::clone(time),
            began: time.now(),
            deadline,
            has_ended: false,
        }
    }

    /// Counts the check, which ended at `at`.
    pub(crate) fn end(mut self, at: Instant, result: Result<(), Failure>) {
        self.count(at, result.into());
    }

    fn count(&mut self, at: Instant, outcome: CheckOutcome) {
        self.has_ended = true;
        let duration = at.saturating_duration_since(self.began);
        self.activity.count_check(outcome, duration);
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let now = self.time.now();
        if now < self.deadline {
            self.count(now, CheckOutcome::Cancelled);
        } else {
            // The supervisor counted it as failed then, whenever the runner drops the operation.
            self.count(self.deadline, CheckOutcome::Failed);
        }
    }
}
