//! The reports of all services at one instant.

use std::sync::Arc;
use std::time::Instant;

use livebus_core::Report;

use crate::predicate::{Predicate, Services, View};
use crate::readiness::{Readiness, Service};
use crate::shared::Shared;
use crate::slot::Observed;

/// The maximum number of times that the reports are read again because one has changed.
const MAX_REREADS: usize = 3;

/// The reports of all services at one instant, and what follows from them. Reports that come later change nothing in it.
///
/// For answers that show the services and the readiness together: two queries of a [`Readiness`] may have a report in
/// between.
#[derive(Debug, Clone)]
pub struct Snapshot {
    shared: Arc<Shared>,
    now: Instant,
    observed: Vec<Observed>,
}

impl Readiness {
    /// Returns the reports of all services, for an answer at `now` that shows them together.
    #[must_use]
    pub fn snapshot_at(&self, now: Instant) -> Snapshot {
        Snapshot::new(Arc::clone(&self.shared), now)
    }
}

impl Snapshot {
    /// Reads the reports until no service has changed in between, a few times at most.
    fn new(shared: Arc<Shared>, now: Instant) -> Self {
        let mut observed = shared.observe();
        for _ in 0..MAX_REREADS {
            let again = shared.observe();
            if again == observed {
                break;
            }
            observed = again;
        }
        Self {
            shared,
            now,
            observed,
        }
    }

    /// Returns the instant for which it was made.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Returns whether the process is ready by these reports.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.is_ready_without(&[])
    }

    /// As [`is_ready`](Self::is_ready), if each of the services with these names is taken for Running.
    #[must_use]
    pub fn is_ready_without(&self, names: &[String]) -> bool {
        self.evaluate(self.shared.ready, names, View::At(self.now))
    }

    /// Returns whether the process was started by these reports, as [`Readiness`](Readiness::is_started_without) defines it.
    #[must_use]
    pub fn is_started_without(&self, names: &[String]) -> bool {
        self.evaluate(self.shared.ready, names, View::EverRunning)
    }

    /// Returns whether the process is healthy by these reports, as [`Readiness`](Readiness::is_healthy) defines it.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.evaluate(self.shared.healthy, &[], View::At(self.now))
    }

    /// Returns all services, in the order of their declaration, each with its report.
    pub fn services(&self) -> impl Iterator<Item = ServiceSnapshot> + '_ {
        let observed = self.observed.iter().enumerate();
        observed.map(|(index, observed)| ServiceSnapshot {
            service: Service::new(Arc::clone(&self.shared), index, None),
            report: observed.report,
            was_running: observed.was_running,
        })
    }

    fn evaluate(&self, predicate: Predicate, excluded: &[String], view: View) -> bool {
        let services = Services::new(&self.shared.slots, excluded, view);
        let services = services.with_observed(&self.observed);
        self.shared.evaluate_services(predicate, services)
    }
}

/// One service in a [`Snapshot`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServiceSnapshot {
    /// The service, for everything besides its report.
    pub service: Service,
    /// Its report.
    pub report: Report,
    /// Whether it had been Running at least once.
    pub was_running: bool,
}
