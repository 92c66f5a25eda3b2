//! A call as numbers, for the snapshot of its `Calls`, and whether such numbers can be right.

use crate::calls::call::{Call, Step};
use crate::calls::settings::Settings;
use crate::inspect::words::{fields, variants};

fields!(Call {
    request,
    attempts,
    exposed,
    is_acknowledged,
    step,
});

variants!(Step {
    1 => Pending { from },
    2 => Sending,
    3 => Sent,
});

impl Call {
    /// Returns whether it can have come about by the events of a `Calls` with these settings.
    pub(in crate::calls) fn is_sound(&self, settings: &Settings) -> bool {
        let max_attempts = if self.request.is_idempotent {
            settings.attempts
        } else {
            1
        };
        let step_fits = match self.step {
            Step::Pending { .. } => self.attempts < max_attempts,
            Step::Sending => self.exposed > 0,
            Step::Sent => self.is_acknowledged,
        };
        step_fits
            && self.attempts <= max_attempts
            && self.exposed <= self.attempts
            && (self.exposed > 0 || !self.is_acknowledged)
            && self.request.bytes <= settings.limits.call_bytes
    }
}
