//! Publishes the status to readers, followers and the log.

use std::time::Instant;

use livebus_core::{Report, Status};
use livebus_readiness::{Activity, Detail, Reporter, Service, StatusChange};

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

    /// Returns what counts the starts and the liveness checks.
    pub(crate) fn activity(&self) -> Activity {
        self.reporter.activity()
    }

    pub(crate) fn set_status(&self, at: Instant, report: Report) {
        let service = self.reporter.service();
        let from = service.report().status;
        self.reporter.report(at, report);
        // A subscriber of the log may block.
        log(&service, &StatusChange { from, report, at });
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
            log(&service, &StatusChange { from, report, at });
        }
    }
}

fn log(service: &Service, change: &StatusChange) {
    let Report {
        status,
        cause,
        warning,
        attempt,
        ..
    } = change.report;
    let failure = cause.failure();
    let text = service.describe_cause(cause);
    let shown = failure.or(warning);
    let class = shown.map(|it| it.class.name());
    let code_name = shown.and_then(|it| service.explain(it).code_name);
    let warning_text = warning.map(|it| service.explain(it).describe(it));
    let unverified_ms = change.unverified_for().map(|gap| gap.as_millis());
    let cause_name = cause.name();
    let from = change.from.name();
    let status = status.name();
    let bus = joined(&service.details());
    let service = service.name();
    if failure.is_some() || warning.is_some() {
        tracing::warn!(
            service,
            status,
            from,
            cause = cause_name,
            class,
            code_name = code_name.as_deref(),
            warning = warning_text,
            attempt,
            unverified_ms,
            bus,
            "{text}"
        );
    } else {
        tracing::info!(
            service,
            status,
            from,
            cause = cause_name,
            attempt,
            unverified_ms,
            bus,
            "{text}"
        );
    }
}

/// Returns the details as one text; `None` without any.
fn joined(details: &[Detail]) -> Option<String> {
    let details: Vec<String> = details.iter().map(Detail::to_string).collect();
    (!details.is_empty()).then(|| details.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_one_text_and_none_are_no_text() {
        let detail = |name, value: &str| Detail {
            name,
            value: value.to_owned(),
        };
        assert_eq!(joined(&[]), None);
        let some = [detail("topic", "orders"), detail("cluster_id", "a")];
        let text = joined(&some);
        assert_eq!(text.as_deref(), Some("topic: orders, cluster id: a"));
    }
}
