//! The reply partition as numbers, for the snapshot of its `Calls`, and whether such numbers can be right.

use crate::calls::counters::MAX_COUNT;
use crate::calls::replies::{Replies, Step};
use crate::inspect::words::{fields, variants};

fields!(Replies {
    step,
    failures,
    failure,
    count,
});

variants!(Step {
    1 => Pending { from },
    2 => Assigning { id, deadline },
    3 => Assigned,
});

impl Replies {
    /// Returns whether it can have come about by the events of a `Calls`.
    pub(in crate::calls) fn is_sound(&self) -> bool {
        let was_tried = self.count > 0;
        let has_failed = self.failures > 0;
        let step_fits = match self.step {
            Step::Pending { .. } => was_tried == has_failed && has_failed == self.failure.is_some(),
            Step::Assigning { id, .. } => {
                was_tried && id.number() == self.count && has_failed == self.failure.is_some()
            }
            Step::Assigned => was_tried && !has_failed,
        };
        step_fits && self.count <= MAX_COUNT
    }
}
