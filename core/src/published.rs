//! What a supervisor has published: the newest report, and which changes a reader must learn of.

use std::time::Instant;

use crate::failure::Failure;
use crate::liveness::Grant;
use crate::status::{Cause, Report, Status};

/// The newest report, and the facts that the next one will carry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Published {
    report: Report,
    /// The newest evidence, published or not.
    evidence: Option<Instant>,
    /// Number of the newest start.
    attempt: u32,
    /// When the status was Running last, for the drain.
    left_running: Option<Instant>,
}

/// What a reader learns from Running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing.
    None,
    /// A longer lease, by newer evidence.
    Lease,
    /// A new report.
    Report,
}

impl Published {
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            report: Report::unreported(now),
            evidence: None,
            attempt: 0,
            left_running: None,
        }
    }

    pub(crate) const fn report(&self) -> &Report {
        &self.report
    }

    pub(crate) const fn left_running(&self) -> Option<Instant> {
        self.left_running
    }

    /// Takes the number of a start that begins, for the next report.
    pub(crate) const fn on_start(&mut self, attempt: u32) {
        self.attempt = attempt;
    }

    /// Takes newer evidence, for the next report.
    pub(crate) const fn on_evidence(&mut self, at: Instant) {
        self.evidence = Some(at);
    }

    /// Takes a status other than Running. Returns whether the report is a new one.
    pub(crate) fn set_status(&mut self, status: Status, cause: Cause, now: Instant) -> bool {
        self.publish(status, cause, None, None, now)
    }

    /// Takes Running under `grant`.
    pub(crate) fn set_running(&mut self, grant: Grant, now: Instant) -> Change {
        let Grant {
            evidence,
            lease,
            warning,
        } = grant;
        let (status, cause) = (Status::Running, Cause::Evidence);
        if self.publish(status, cause, warning, Some(lease), now) {
            return Change::Report;
        }
        if self.report.lease == Some(lease) {
            return Change::None;
        }
        self.report.evidence = Some(evidence);
        self.report.lease = Some(lease);
        Change::Lease
    }

    /// Makes a new report if it differs from the last one in status, in the reason of its cause, or in the class of its warning. Returns
    /// whether it does.
    fn publish(
        &mut self,
        status: Status,
        cause: Cause,
        warning: Option<Failure>,
        lease: Option<Instant>,
        now: Instant,
    ) -> bool {
        let old = &self.report;
        let class = |warning: Option<Failure>| warning.map(|failure| failure.class);
        let is_same_status = status == old.status;
        if is_same_status && cause.same_reason(old.cause) && class(warning) == class(old.warning) {
            return false;
        }
        if old.status == Status::Running && !is_same_status {
            self.left_running = Some(now);
        }
        self.report = Report {
            status,
            cause,
            warning,
            since: if is_same_status { old.since } else { now },
            evidence: self.evidence,
            lease,
            attempt: self.attempt,
        };
        true
    }
}

#[path = "inspect/published.rs"]
mod inspect;
