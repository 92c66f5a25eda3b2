//! One change of what is known about a service.

use std::time::{Duration, Instant};

use livebus_core::{Report, Status};

/// One change of what is known about a service: of its status, its cause or its warning. Match with `..`: a field may be
/// added in a minor version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusChange {
    /// The status before.
    pub from: Status,
    /// What is known now.
    pub report: Report,
    /// When it changed.
    pub at: Instant,
}

impl StatusChange {
    /// How long the bus had not been proved to work when this was noticed: for a loss, the detection time at most.
    /// `None` when there was never any proof.
    #[must_use]
    pub fn unverified_for(&self) -> Option<Duration> {
        self.report
            .evidence
            .map(|evidence| self.at.saturating_duration_since(evidence))
    }
}
