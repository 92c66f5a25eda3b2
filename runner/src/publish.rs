//! What is known, to everyone who wants to know: readers, subscribers, the log.

use std::time::Instant;

use livebus_core::{Cause, Report, ServiceHandle, Status};
use livebus_endpoints::{StatusChange, Subscribers};

/// Where a supervision tells its status.
pub(crate) struct Publisher {
    service: ServiceHandle,
    subscribers: Subscribers,
}

impl Publisher {
    pub(crate) const fn new(service: ServiceHandle, subscribers: Subscribers) -> Self {
        Self {
            service,
            subscribers,
        }
    }

    pub(crate) fn name(&self) -> &str {
        self.service.name()
    }

    pub(crate) fn set_status(&self, at: Instant, report: Report) {
        let from = self.service.report().status;
        self.service.store(at, report);
        let change = StatusChange { from, report, at };
        log(self.name(), &change);
        self.subscribers.tell(change);
    }

    pub(crate) fn renew(&self, at: Instant, evidence: Instant, lease: Instant) {
        self.service.renew(at, evidence, lease);
    }

    /// Whatever ends the loop, nobody is left believing that somebody still watches.
    pub(crate) fn close(&self, at: Instant) {
        let report = self.service.report();
        if report.status != Status::Stopped {
            self.set_status(
                at,
                Report {
                    status: Status::Stopped,
                    cause: Cause::CutOff,
                    warning: None,
                    lease: None,
                    since: at,
                    ..report
                },
            );
        }
        self.subscribers.close();
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
    let unproved_ms = change.unproved_for().map(|gap| gap.as_millis());
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
            unproved_ms,
            "{cause}"
        );
    } else {
        tracing::info!(
            service,
            status,
            from,
            cause = cause_name,
            attempt,
            unproved_ms,
            "{cause}"
        );
    }
}
