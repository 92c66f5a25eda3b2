//! The predicates over all services, and their input.

use std::slice;
use std::time::Instant;

use livebus_core::{Report, Status};

use crate::slot::{Observed, Slot};

/// A predicate over all services: whether the process is ready, or healthy.
///
/// It runs with each report, with each query of the health or of a [`Snapshot`](crate::Snapshot), and with each query of the readiness
/// once the earliest lease has run out; so it must depend on nothing but its input, and it must be quick and must not wait. The end of a lease must never turn it from false to true, because it is not
/// evaluated then.
///
/// Its result is false if it panics or reports. If it queries the readiness of its own process, it gets the previous result
/// while the leases of that one hold, and false after that.
pub type Predicate = fn(Services<'_>) -> bool;

/// One service, as the input of a predicate.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ServiceView<'a> {
    /// The declared name.
    pub name: &'a str,
    /// Whether it was declared as required.
    pub required: bool,
    /// Its status; a Running whose lease has run out is NotReady. A service that a probe excludes is Running.
    pub status: Status,
}

/// Which status of a service a predicate reads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum View {
    /// That at this instant.
    At(Instant),
    /// Running if it ever was, or else Unknown.
    EverRunning,
}

/// All services at one instant, in the order of their declaration.
#[derive(Debug, Clone)]
pub struct Services<'a> {
    rest: slice::Iter<'a, Slot>,
    /// The names of services that are taken for Running.
    excluded: &'a [String],
    view: View,
    /// A report that is about to be stored, and its service.
    coming: Option<(&'a Slot, Report)>,
    /// What was observed of the services in `rest`, which replaces what they report now.
    observed: Option<slice::Iter<'a, Observed>>,
}

impl<'a> Services<'a> {
    pub(crate) fn new(slots: &'a [Slot], excluded: &'a [String], view: View) -> Self {
        let rest = slots.iter();
        Self {
            rest,
            excluded,
            view,
            coming: None,
            observed: None,
        }
    }

    /// Returns all services, as they will be once `report` is the newest of `slot`.
    pub(crate) fn with(self, slot: &'a Slot, report: Report) -> Self {
        let coming = Some((slot, report));
        Self { coming, ..self }
    }

    /// Returns all services, as they were observed.
    pub(crate) fn with_observed(self, observed: &'a [Observed]) -> Self {
        let observed = Some(observed.iter());
        Self { observed, ..self }
    }
}

impl Services<'_> {
    fn status(&self, slot: &Slot, observed: Option<Observed>) -> Status {
        let coming = self.coming.filter(|(of, _)| std::ptr::eq(*of, slot));
        let observed = observed.unwrap_or_else(|| slot.lock().observe());
        match self.view {
            View::At(now) => coming.map_or(observed.report, |(_, it)| it).status_at(now),
            View::EverRunning if observed.was_running => Status::Running,
            View::EverRunning => Status::Unknown,
        }
    }
}

impl<'a> Iterator for Services<'a> {
    type Item = ServiceView<'a>;

    fn next(&mut self) -> Option<ServiceView<'a>> {
        let slot = self.rest.next()?;
        let observed = self.observed.as_mut().and_then(|it| it.next().copied());
        Some(ServiceView {
            name: slot.name(),
            required: slot.is_required(),
            status: if self.excluded.iter().any(|name| name == slot.name()) {
                Status::Running
            } else {
                self.status(slot, observed)
            },
        })
    }
}

pub(crate) fn all_required_running(mut services: Services<'_>) -> bool {
    services.all(|service| !service.required || service.status == Status::Running)
}

pub(crate) fn none_failed_or_stopped(mut services: Services<'_>) -> bool {
    services.all(|service| !matches!(service.status, Status::Failed | Status::Stopped))
}
