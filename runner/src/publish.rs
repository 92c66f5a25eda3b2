//! Publishes the status to readers, followers and the log.

use std::time::Instant;

use livebus_core::{Report, Status};
use livebus_readiness::{Reporter, StatusChange};

/// Publishes the status of one supervision, and logs each change.
pub(crate) struct Publisher {
    reporter: Reporter,
}

impl Publisher {
    pub(crate) const fn new(reporter: Reporter) -> Self {
        Self { reporter }
    }

    pub(crate) fn name(&self) -> &str {
        self.reporter.name()
    }

    pub(crate) fn set_status(&self, at: Instant, report: Report) {
        let from = self.reporter.service().report().status;
        log(self.name(), &StatusChange { from, report, at });
        self.reporter.report(at, report);
    }

    pub(crate) fn renew(&self, at: Instant, evidence: Instant, lease: Instant) {
        self.reporter.renew(at, evidence, lease);
    }

    /// Publishes Stopped, whatever ended the loop.
    pub(crate) fn close(&self, at: Instant) {
        let service = self.reporter.service();
        let from = service.report().status;
        self.reporter.close(at);
        if from != Status::Stopped {
            let report = service.report();
            log(self.name(), &StatusChange { from, report, at });
        }
    }
}

fn log(service: &str, change: &StatusChange) {
    let Report {
        status,
        cause,
        warning,
        attempt,
        ..
    } = change.report;
    let class = cause.failure().map(|failure| failure.class.name());
    let warning = warning.map(|failure| failure.class.name());
    let unverified_ms = change.unverified_for().map(|gap| gap.as_millis());
    let cause_name = cause.name();
    let from = change.from.name();
    let status = status.name();
    if cause.failure().is_some() || warning.is_some() {
        tracing::warn!(
            service,
            status,
            from,
            cause = cause_name,
            class,
            warning,
            attempt,
            unverified_ms,
            "{cause}"
        );
    } else {
        tracing::info!(
            service,
            status,
            from,
            cause = cause_name,
            attempt,
            unverified_ms,
            "{cause}"
        );
    }
}
