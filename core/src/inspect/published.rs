//! What was published, from outside: its words, its canonical form.

use super::Published;
#[cfg(feature = "__verify")]
use crate::inspect::canonical::View;
use crate::inspect::words::fields;
#[cfg(feature = "__verify")]
use crate::status::Report;

fields!(Published {
    report,
    evidence,
    attempt,
    left_running,
});

#[cfg(feature = "__verify")]
impl Published {
    pub(crate) fn canonical(&self, view: &View<'_>) -> Self {
        let Self {
            report,
            evidence: _,
            attempt: _,
            left_running,
        } = *self;
        Self {
            report: Report {
                since: view.epoch,
                evidence: None,
                attempt: 0,
                lease: report.lease.map(|lease| view.at(lease)),
                ..report
            },
            evidence: None,
            attempt: 0,
            // A drain that would be over by now has no effect.
            left_running: left_running
                .filter(|at| *at + view.config.settings().drain > view.now)
                .map(|at| view.at(at)),
        }
    }
}
