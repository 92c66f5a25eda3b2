//! The readers' side: whether the process is ready, and what is known about each service.

use std::sync::Arc;
use std::time::Instant;

use livebus_core::{Failure, Report, Status};

use crate::errors::UnknownService;
use crate::follower::Follower;
use crate::shared::Shared;
use crate::slot::Slot;

/// Whether a process is ready, for everyone who asks. Clones share everything, and none of them can change anything.
///
/// [`is_ready`](Self::is_ready) takes no lock: it is one atomic load and one comparison of the earliest lease with a
/// [coarse clock](crate::Clock). Only once a lease has run out are the services asked one by one.
#[derive(Debug, Clone)]
pub struct Readiness {
    shared: Arc<Shared>,
}

impl Readiness {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Whether the process is ready now. A Running whose lease has run out is not.
    #[must_use]
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.is_ready_at(self.shared.clock.now())
    }

    /// As [`is_ready`](Self::is_ready), by the caller's own clock.
    #[must_use]
    #[inline]
    pub fn is_ready_at(&self, now: Instant) -> bool {
        self.shared.is_ready(now)
    }

    /// Whether no service is Failed or Stopped, unless [`healthy_when`](crate::RegistryBuilder::healthy_when) replaced that.
    /// Asks the services one by one.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.is_healthy_at(self.shared.clock.now())
    }

    /// As [`is_healthy`](Self::is_healthy), by the caller's own clock.
    #[must_use]
    pub fn is_healthy_at(&self, now: Instant) -> bool {
        self.shared.verdict(self.shared.healthy, now)
    }

    /// The service of this name.
    ///
    /// # Errors
    ///
    /// [`UnknownService`] when none was declared by this name; it lists those that were.
    pub fn service(&self, name: &str) -> Result<Service, UnknownService> {
        let index = self.shared.index(name)?;
        Ok(Service::new(Arc::clone(&self.shared), index, None))
    }

    /// All services, in the order of their declaration.
    pub fn services(&self) -> impl Iterator<Item = Service> + '_ {
        let indices = 0..self.shared.slots.len();
        indices.map(|index| Service::new(Arc::clone(&self.shared), index, None))
    }

    /// The services' names, in the order of their declaration.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.shared.slots.iter().map(Slot::name)
    }
}

/// What is known about one service. Clones share everything, and none of them can change anything.
#[derive(Debug, Clone)]
pub struct Service {
    shared: Arc<Shared>,
    index: usize,
    /// The number of the reporter that its followers follow; `None` is the newest when they begin.
    reporter: Option<u64>,
}

impl Service {
    pub(crate) const fn new(shared: Arc<Shared>, index: usize, reporter: Option<u64>) -> Self {
        Self {
            shared,
            index,
            reporter,
        }
    }

    /// The name that it was declared by.
    #[must_use]
    pub fn name(&self) -> &str {
        self.slot().name()
    }

    /// Whether it was declared as required.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.slot().is_required()
    }

    /// The newest report, with the newest lease. [`Report::status_at`] says whether that still holds. Takes a lock that is held
    /// for some copies only, and never while code of others runs.
    #[must_use]
    pub fn report(&self) -> Report {
        self.slot().lock().report()
    }

    /// Returns what a person can do about `failure`, in the words of whoever reports on this service
    /// ([`Reporter::set_remedies`](crate::Reporter::set_remedies)). `None` when there is nothing to add to its class.
    #[must_use]
    pub fn remedy(&self, failure: Failure) -> Option<&'static str> {
        let remedies = self.slot().lock().remedies();
        // Without the lock: the remedies are code of others.
        remedies(failure)
    }

    /// The status now; a Running whose lease has run out is NotReady.
    #[must_use]
    pub fn status(&self) -> Status {
        self.report().status_at(self.shared.clock.now())
    }

    /// The changes from now on. Ends when the reporter that there is now is gone; at once if there is none. The service of a
    /// [`Reporter`](crate::Reporter::service) follows that one.
    #[must_use]
    pub fn follow(&self) -> Follower {
        Follower::from_now(Arc::clone(&self.shared), self.index, self.reporter)
    }

    /// The changes that the reporter which there is now has made, from the oldest that is kept, and will make; if there is none,
    /// those of the last one. Ends as [`follow`](Self::follow) does.
    #[must_use]
    pub fn follow_from_start(&self) -> Follower {
        Follower::from_start(Arc::clone(&self.shared), self.index, self.reporter)
    }

    fn slot(&self) -> &Slot {
        &self.shared.slots[self.index]
    }
}
