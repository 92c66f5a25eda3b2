//! Reporters: one for each service at a time, and the only way to change its status.

use std::sync::Arc;
use std::time::Instant;

use livebus_core::{Cause, Report, Status};

use crate::counters::Activity;
use crate::explanation::Explain;
use crate::heartbeat::ServiceLoop;
use crate::readiness::{Readiness, Service};
use crate::shared::Shared;
use crate::slot::Explainer;

/// Reports on one service: its status, its cause, and the lease of a Running.
///
/// There is one for each service at a time ([`Registry::reporter`](crate::Registry::reporter)), and it is not `Clone`. On drop,
/// reports Stopped, unless that was the last report.
#[derive(Debug)]
pub struct Reporter {
    shared: Arc<Shared>,
    index: usize,
    /// Its number among the reporters of the service so far.
    number: u64,
}

impl Reporter {
    pub(crate) const fn new(shared: Arc<Shared>, index: usize, number: u64) -> Self {
        Self {
            shared,
            index,
            number,
        }
    }

    /// Returns the name of the service.
    #[must_use]
    pub fn name(&self) -> &str {
        self.shared.slots[self.index].name()
    }

    /// Returns a reader of the service. Its followers follow this reporter, and no later one.
    #[must_use]
    pub fn service(&self) -> Service {
        Service::new(Arc::clone(&self.shared), self.index, Some(self.number))
    }

    /// Returns the readiness that the service is part of.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        Readiness::new(Arc::clone(&self.shared))
    }

    /// Replaces what explains the failures of this service and describes its bus. Holds until the service has another reporter.
    pub fn set_explainer(&self, explainer: Arc<dyn Explain>) {
        let slot = &self.shared.slots[self.index];
        let before = slot.lock().set_explainer(Explainer(Some(explainer)));
        drop(before);
    }

    /// Replaces the loops of this service that `/livez` checks. They are checked until the service has another reporter, also after
    /// this one is dropped: a loop that ended sets no deadline for its heartbeat, and one that panicked misses its last.
    pub fn set_loops(&self, loops: Vec<ServiceLoop>) {
        self.shared.slots[self.index].lock().set_loops(loops);
    }

    /// Returns what counts the starts and the liveness checks of this service.
    #[must_use]
    pub fn activity(&self) -> Activity {
        self.shared.slots[self.index].activity().clone()
    }

    /// Reports a change at `now`; executes [`Action::SetStatus`](livebus_core::Action::SetStatus).
    ///
    /// A Running without a lease is reported as NotReady, as if its lease had run out at `now`: it needs evidence that lasts.
    pub fn report(&self, now: Instant, report: Report) {
        let report = match (report.status, report.lease) {
            (Status::Running, None) => Report {
                status: Status::NotReady,
                cause: Cause::Starved,
                since: now,
                ..report
            },
            (_, _) => report,
        };
        self.shared.publish(self.index, now, |_| report);
    }

    /// Extends the lease, at `now`, by the newest evidence; executes [`Action::Renew`](livebus_core::Action::Renew). Does not
    /// change the status. The last call counts, also if its lease ends earlier.
    pub fn renew(&self, now: Instant, evidence: Instant, lease: Instant) {
        self.shared.renew(self.index, now, evidence, lease);
    }

    /// Sets the status directly, for a service without a supervisor. Running holds until `lease`, which is ignored for any other
    /// status.
    pub fn set(&self, now: Instant, status: Status, lease: Instant) {
        self.set_directly(now, status, Some(lease));
    }

    /// Reports Stopped at `now` because of a forced stop, unless Stopped was the last report.
    pub fn close(&self, now: Instant) {
        self.shared.publish_if(
            self.index,
            now,
            |report| report.status != Status::Stopped,
            |report| Report {
                status: Status::Stopped,
                cause: Cause::ForcedStop,
                warning: None,
                lease: None,
                since: now,
                ..report
            },
        );
    }

    fn set_directly(&self, now: Instant, status: Status, lease: Option<Instant>) {
        self.shared.publish(self.index, now, |old| Report {
            status,
            cause: Cause::Reported,
            since: if old.status == status { old.since } else { now },
            lease: lease.filter(|_| status == Status::Running),
            ..Report::unreported(now)
        });
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.close(Instant::now());
        self.shared.end_reporting(self.index);
    }
}

/// Reports on one service directly, without leases: Running holds until the next report or until this is dropped.
///
/// A service that may hang, or whose dependency may fail without notice, needs a [`Reporter`]: a status that is reported here
/// stays if the code that reports stops running.
#[derive(Debug)]
pub struct LeaselessReporter(Reporter);

impl LeaselessReporter {
    pub(crate) const fn new(reporter: Reporter) -> Self {
        Self(reporter)
    }

    /// Returns a reader of the service. Its followers follow this reporter, and no later one.
    #[must_use]
    pub fn service(&self) -> Service {
        self.0.service()
    }

    /// Sets the status.
    pub fn set(&self, status: Status) {
        self.set_at(Instant::now(), status);
    }

    /// As [`set`](Self::set), with the caller's own clock.
    pub fn set_at(&self, now: Instant, status: Status) {
        self.0.set_directly(now, status, None);
    }
}
