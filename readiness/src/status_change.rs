//! A change of a service's report.

use std::time::{Duration, Instant};

use livebus_core::{Report, Status};

/// A change of a service's report: of its status, its cause or its warning. Match with `..`: a field may be added in a minor
/// version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusChange {
    /// The status before.
    pub from: Status,
    /// The report after the change.
    pub report: Report,
    /// When it changed.
    pub at: Instant,
}

impl StatusChange {
    /// Returns the time from the newest evidence to this change: for a loss, at most the detection bound. `None` when there was
    /// no evidence.
    #[must_use]
    pub fn unverified_for(&self) -> Option<Duration> {
        self.report
            .evidence
            .map(|evidence| self.at.saturating_duration_since(evidence))
    }
}
