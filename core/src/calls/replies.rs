//! The reply partition: whether it is assigned, and whether it can be read.

mod snapshot;

use std::time::Instant;

use crate::backoff::Jitter;
use crate::calls::action::Health;
use crate::calls::ids::AssignmentId;
use crate::calls::settings::Settings;
use crate::failure::Failure;

/// The reply partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Replies {
    step: Step,
    /// Failures in a row since it was last assigned.
    failures: u32,
    /// Why it cannot be read. While it is not assigned: how the newest assignment failed.
    failure: Option<Failure>,
    /// How many assignments there were.
    count: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    /// The next assignment may begin at this instant.
    Pending {
        from: Instant,
    },
    Assigning {
        id: AssignmentId,
        deadline: Instant,
    },
    Assigned,
}

impl Replies {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            step: Step::Pending { from: now },
            failures: 0,
            failure: None,
            count: 0,
        }
    }

    pub(super) const fn health(&self) -> Health {
        match (self.failure, self.step) {
            (Some(failure), _) => Health::RepliesFailed(failure),
            (None, Step::Assigned) => Health::Working,
            (None, Step::Pending { .. } | Step::Assigning { .. }) => Health::Starting,
        }
    }

    /// Returns when the next assignment may begin.
    pub(super) const fn next_assignment(&self) -> Option<Instant> {
        match self.step {
            Step::Pending { from } => Some(from),
            Step::Assigning { .. } | Step::Assigned => None,
        }
    }

    /// Returns when the assignment in flight times out.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        match self.step {
            Step::Assigning { deadline, .. } => Some(deadline),
            Step::Pending { .. } | Step::Assigned => None,
        }
    }

    /// Begins an assignment; returns its id, its number since the last that succeeded, and its deadline.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        settings: &Settings,
    ) -> (AssignmentId, u32, Instant) {
        self.count += 1;
        let id = AssignmentId(self.count);
        let deadline = now + settings.assign_timeout;
        self.step = Step::Assigning { id, deadline };
        (id, self.failures.saturating_add(1), deadline)
    }

    /// Returns whether this assignment is in flight.
    pub(super) fn is_assigning(&self, assignment: AssignmentId) -> bool {
        match self.step {
            Step::Assigning { id, .. } => id == assignment,
            Step::Pending { .. } | Step::Assigned => false,
        }
    }

    pub(super) const fn on_assigned(&mut self) {
        self.step = Step::Assigned;
        self.failures = 0;
        self.failure = None;
    }

    /// The assignment failed, timed out, or is lost.
    pub(super) fn on_failed(
        &mut self,
        failure: Failure,
        now: Instant,
        settings: &Settings,
        jitter: &mut Jitter,
    ) {
        self.failures = self.failures.saturating_add(1);
        self.failure = Some(failure);
        let delay = settings.assign_backoff.delay(self.failures, jitter);
        self.step = Step::Pending { from: now + delay };
    }

    /// Returns whether there is an assignment to lose, in flight or not.
    pub(super) const fn can_be_lost(&self) -> bool {
        match self.step {
            Step::Assigning { .. } | Step::Assigned => true,
            Step::Pending { .. } => false,
        }
    }

    /// Sets why it cannot be read, if it is assigned.
    pub(super) const fn set_failure(&mut self, failure: Option<Failure>) {
        match self.step {
            Step::Assigned => self.failure = failure,
            Step::Pending { .. } | Step::Assigning { .. } => {}
        }
    }
}
