//! Readers: whether the process is ready, and the report of each service.

use std::sync::Arc;
use std::time::Instant;

use livebus_core::{Failure, Report, Status};

use crate::errors::UnknownService;
use crate::follower::Follower;
use crate::shared::Shared;
use crate::slot::Slot;

/// Reads whether a process is ready. Clones share everything, and none of them can change anything.
///
/// [`is_ready`](Self::is_ready) takes no lock: it is one atomic load and one comparison of the earliest lease with a
/// [coarse clock](crate::Clock). It reads the services one by one only after a lease has run out.
#[derive(Debug, Clone)]
pub struct Readiness {
    shared: Arc<Shared>,
}

impl Readiness {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Returns whether the process is ready now. A Running whose lease has run out is NotReady.
    #[must_use]
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.is_ready_at(self.shared.clock.now())
    }

    /// As [`is_ready`](Self::is_ready), with the caller's own clock.
    #[must_use]
    #[inline]
    pub fn is_ready_at(&self, now: Instant) -> bool {
        self.shared.is_ready(now)
    }

    /// Returns whether no service is Failed or Stopped, unless [`healthy_when`](crate::RegistryBuilder::healthy_when) replaced
    /// that. Reads the services one by one.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.is_healthy_at(self.shared.clock.now())
    }

    /// As [`is_healthy`](Self::is_healthy), with the caller's own clock.
    #[must_use]
    pub fn is_healthy_at(&self, now: Instant) -> bool {
        self.shared.evaluate(self.shared.healthy, now)
    }

    /// Returns the service of this name.
    ///
    /// # Errors
    ///
    /// [`UnknownService`] when none of this name is declared; it lists those that are.
    pub fn service(&self, name: &str) -> Result<Service, UnknownService> {
        let index = self.shared.index(name)?;
        Ok(Service::new(Arc::clone(&self.shared), index, None))
    }

    /// Returns all services, in the order of their declaration.
    pub fn services(&self) -> impl Iterator<Item = Service> + '_ {
        let indices = 0..self.shared.slots.len();
        indices.map(|index| Service::new(Arc::clone(&self.shared), index, None))
    }

    /// Returns the services' names, in the order of their declaration.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.shared.slots.iter().map(Slot::name)
    }
}

/// Reads the report of one service. Clones share everything, and none of them can change anything.
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

    /// Returns the declared name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.slot().name()
    }

    /// Returns whether it was declared as required.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.slot().is_required()
    }

    /// Returns the newest report, with the newest lease. [`Report::status_at`] says whether that still holds. Takes a lock that
    /// is held only to copy some values, and never while foreign code runs.
    #[must_use]
    pub fn report(&self) -> Report {
        self.slot().lock().report()
    }

    /// Returns what a person can do about `failure`, as [`Reporter::set_remedies`](crate::Reporter::set_remedies) has set it;
    /// `None` when there is nothing to add to its class.
    #[must_use]
    pub fn remedy(&self, failure: Failure) -> Option<&'static str> {
        let remedies = self.slot().lock().remedies();
        // Without the lock: this is foreign code.
        remedies(failure)
    }

    /// Returns the status now; a Running whose lease has run out is NotReady.
    #[must_use]
    pub fn status(&self) -> Status {
        self.report().status_at(self.shared.clock.now())
    }

    /// Returns a follower of the changes from now on. It ends when the current reporter is dropped; at once if there is none. The
    /// service of a [`Reporter`](crate::Reporter::service) follows that one.
    #[must_use]
    pub fn follow(&self) -> Follower {
        Follower::from_now(Arc::clone(&self.shared), self.index, self.reporter)
    }

    /// Returns a follower of all changes of the current reporter, from the oldest that is kept; if there is none, of the last
    /// one. It ends as [`follow`](Self::follow) does.
    #[must_use]
    pub fn follow_from_start(&self) -> Follower {
        Follower::from_start(Arc::clone(&self.shared), self.index, self.reporter)
    }

    fn slot(&self) -> &Slot {
        &self.shared.slots[self.index]
    }
}
