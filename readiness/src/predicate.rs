//! The predicates over all services, and their input.

use std::slice;
use std::time::Instant;

use livebus_core::Status;

use crate::slot::Slot;

/// A predicate over all services: whether the process is ready, or healthy.
///
/// It runs with each report, with each query of the health, and with each query of the readiness once the earliest lease has run
/// out; so it must be quick and must not wait. The end of a lease must never turn it from false to true, because it is not
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
    /// Its status; a Running whose lease has run out is NotReady.
    pub status: Status,
}

/// All services at one instant, in the order of their declaration.
#[derive(Debug, Clone)]
pub struct Services<'a> {
    rest: slice::Iter<'a, Slot>,
    now: Instant,
}

impl<'a> Services<'a> {
    pub(crate) fn new(slots: &'a [Slot], now: Instant) -> Self {
        let rest = slots.iter();
        Self { rest, now }
    }
}

impl<'a> Iterator for Services<'a> {
    type Item = ServiceView<'a>;

    fn next(&mut self) -> Option<ServiceView<'a>> {
        self.rest.next().map(|slot| ServiceView {
            name: slot.name(),
            required: slot.is_required(),
            status: slot.lock().report().status_at(self.now),
        })
    }
}

pub(crate) fn all_required_running(mut services: Services<'_>) -> bool {
    services.all(|service| !service.required || service.status == Status::Running)
}

pub(crate) fn none_failed_or_stopped(mut services: Services<'_>) -> bool {
    services.all(|service| !matches!(service.status, Status::Failed | Status::Stopped))
}
