//! What a supervisor has published: the newest report, and which changes a reader must learn of.

use std::time::Instant;

use crate::action::Action;
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

    /// Takes a status other than Running. Returns what to do if a reader learns anything from it.
    pub(crate) fn set_status(
        &mut self,
        status: Status,
        cause: Cause,
        now: Instant,
    ) -> Option<Action> {
        let report = Report {
            status,
            cause,
            warning: None,
            lease: None,
            ..self.report
        };
        self.publish(report, now)
    }

    /// Takes Running under `grant`. Returns what to do if a reader learns anything from it: a new report, or only a longer lease.
    pub(crate) fn set_running(&mut self, grant: Grant, now: Instant) -> Option<Action> {
        let Grant {
            evidence,
            lease,
            warning,
        } = grant;
        let report = Report {
            status: Status::Running,
            cause: Cause::Evidence,
            warning,
            lease: Some(lease),
            ..self.report
        };
        let published = self.publish(report, now);
        if published.is_some() || self.report.lease == Some(lease) {
            return published;
        }
        self.report.evidence = Some(evidence);
        self.report.lease = Some(lease);
        Some(Action::Renew { evidence, lease })
    }

    /// Publishes a report that differs from the last one in status, in the reason of its cause, or in the class of its warning.
    fn publish(&mut self, report: Report, now: Instant) -> Option<Action> {
        let old = &self.report;
        let class = |report: &Report| report.warning.map(|failure| failure.class);
        let is_same_status = report.status == old.status;
        if is_same_status && report.cause.same_reason(old.cause) && class(&report) == class(old) {
            return None;
        }
        if old.status == Status::Running && !is_same_status {
            self.left_running = Some(now);
        }
        self.report = Report {
            attempt: self.attempt,
            evidence: self.evidence,
            since: if is_same_status { old.since } else { now },
            ..report
        };
        Some(Action::SetStatus(self.report))
    }
}

#[path = "inspect/published.rs"]
mod inspect;
