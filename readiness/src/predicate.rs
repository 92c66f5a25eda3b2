//! The verdicts over all services, and what they see.

use std::slice;
use std::time::Instant;

use livebus_core::Status;

use crate::slot::Slot;

/// A verdict over all services.
///
/// It runs with each report, with each question about health, and with each question about readiness once the earliest
/// lease has run out; so it must be quick and wait for nothing. A service that ceases to be Running must never turn it from
/// false to true, because nobody asks it then.
///
/// One that panics says no, and so does one that reports. One that asks whether its own process is ready gets the verdict
/// before while the leases of that one hold, and then no.
pub type Predicate = fn(Services<'_>) -> bool;

/// One service as a predicate sees it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ServiceView<'a> {
    /// The name that it was declared by.
    pub name: &'a str,
    /// Whether it was declared as required.
    pub required: bool,
    /// Its status; Running whose lease has run out is NotReady.
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
