//! The readiness of a process: all its services, one verdict, read without a lock.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::cell::{ReportCell, saturating_nanos};
use crate::status::{Cause, Report, Status};

/// What a predicate decides on: one service as it is to be told at this instant.
#[derive(Debug, Clone, Copy)]
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
    rest: slice::Iter<'a, Service>,
    epoch: Instant,
    now: Instant,
}

impl<'a> Iterator for Services<'a> {
    type Item = ServiceView<'a>;

    fn next(&mut self) -> Option<ServiceView<'a>> {
        self.rest.next().map(|service| ServiceView {
            name: &service.name,
            required: service.required,
            status: service.cell.load(self.epoch).status_at(self.now),
        })
    }
}

/// A verdict over all services.
///
/// It runs whenever a service reports or a lease runs out, so let it be quick; and a service that ceases to be Running
/// must never turn it from false to true, because nobody asks it then. One that panics says no.
pub type Predicate = fn(Services<'_>) -> bool;

/// Named services with their status, and two verdicts over them.
///
/// Clones share everything. Reading takes no lock: [`is_ready`](Self::is_ready) is one atomic load and one comparison of
/// the lease with `now`, which the caller brings, since the core reads no clock.
///
/// ```
/// use livebus_core::{Readiness, Status};
/// use std::time::Instant;
///
/// let now = Instant::now();
/// let readiness = Readiness::builder().required("bus").optional("cache").build(now)?;
/// assert!(!readiness.is_ready(now));
/// readiness.service("bus")?.set(now, Status::Running);
/// assert!(readiness.is_ready(now));
/// assert!(readiness.service("buss").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Readiness {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Instants are stored as nanoseconds since this one.
    epoch: Instant,
    services: Box<[Service]>,
    ready: Predicate,
    healthy: Predicate,
    /// Ready until this many nanoseconds after the epoch, if no report comes: the earliest lease; 0 is not ready.
    ready_until: AtomicU64,
    /// Writers take turns; readers never look at it.
    writing: Mutex<()>,
}

#[derive(Debug)]
struct Service {
    name: String,
    required: bool,
    cell: ReportCell,
}

impl Readiness {
    /// Declares the services one by one.
    pub fn builder() -> ReadinessBuilder {
        ReadinessBuilder {
            services: Vec::new(),
            ready: all_required_running,
            healthy: none_failed_or_stopped,
        }
    }

    /// Whether the process is ready at `now`. A Running whose lease has run out is not.
    #[must_use]
    #[inline]
    pub fn is_ready(&self, now: Instant) -> bool {
        match self.shared.ready_until.load(Ordering::Acquire) {
            0 => false,
            until => self.shared.nanos(now) <= until || self.shared.verdict(self.shared.ready, now),
        }
    }

    /// Whether nothing has failed for good at `now`.
    #[must_use]
    pub fn is_healthy(&self, now: Instant) -> bool {
        self.shared.verdict(self.shared.healthy, now)
    }

    /// The service of this name, to report on or to ask about.
    ///
    /// # Errors
    ///
    /// [`UnknownService`] when none was declared by this name; it lists those that were.
    pub fn service(&self, name: &str) -> Result<ServiceHandle, UnknownService> {
        self.shared
            .services
            .iter()
            .position(|service| service.name == name)
            .map(|index| ServiceHandle {
                readiness: self.clone(),
                index,
            })
            .ok_or_else(|| UnknownService {
                name: name.to_owned(),
                known: self.names().map(str::to_owned).collect(),
            })
    }

    /// All services, in the order of their declaration.
    pub fn services(&self) -> impl Iterator<Item = ServiceHandle> + '_ {
        (0..self.shared.services.len()).map(|index| ServiceHandle {
            readiness: self.clone(),
            index,
        })
    }

    /// The services' names, in the order of their declaration.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.shared
            .services
            .iter()
            .map(|service| service.name.as_str())
    }
}

impl Shared {
    #[inline]
    fn nanos(&self, at: Instant) -> u64 {
        saturating_nanos(at.saturating_duration_since(self.epoch))
    }

    fn verdict(&self, predicate: Predicate, now: Instant) -> bool {
        let services = Services {
            rest: self.services.iter(),
            epoch: self.epoch,
            now,
        };
        catch_unwind(AssertUnwindSafe(|| predicate(services))).unwrap_or(false)
    }

    /// Stores one service's report and what follows from it for the whole.
    fn store(&self, index: usize, now: Instant, change: impl FnOnce(Report) -> Report) {
        let _turn = self.turn();
        let cell = &self.services[index].cell;
        cell.store(self.epoch, &change(cell.load(self.epoch)));
        let until = if self.verdict(self.ready, now) {
            let leases = self
                .services
                .iter()
                .map(|service| service.cell.load(self.epoch));
            let earliest = leases
                .filter(|report| report.status == Status::Running)
                .filter_map(|report| report.lease)
                .filter(|lease| *lease >= now)
                .min();
            earliest.map_or(u64::MAX, |lease| self.nanos(lease).max(1))
        } else {
            0
        };
        self.ready_until.store(until, Ordering::Release);
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        // It guards no data, so a writer that panicked has left nothing half done that the next one would not redo.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One service of a [`Readiness`]. Clones share everything.
#[derive(Debug, Clone)]
pub struct ServiceHandle {
    readiness: Readiness,
    index: usize,
}

impl ServiceHandle {
    /// The name that it was declared by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.service().name
    }

    /// Whether it was declared as required.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.service().required
    }

    /// The newest report, as it was made. [`Report::status_at`] tells whether its lease still holds.
    #[must_use]
    pub fn report(&self) -> Report {
        self.service().cell.load(self.readiness.shared.epoch)
    }

    /// Whether this service alone is Running at `now`.
    #[must_use]
    pub fn is_running(&self, now: Instant) -> bool {
        self.report().status_at(now) == Status::Running
    }

    /// Stores what a supervisor reports ([`Action::SetStatus`](crate::Action::SetStatus)).
    pub fn store(&self, now: Instant, report: Report) {
        self.readiness.shared.store(self.index, now, |_| report);
    }

    /// Stores what a supervisor renews ([`Action::Renew`](crate::Action::Renew)).
    pub fn renew(&self, now: Instant, evidence: Instant, lease: Instant) {
        self.readiness
            .shared
            .store(self.index, now, |report| Report {
                evidence: Some(evidence),
                lease: Some(lease),
                ..report
            });
    }

    /// Sets the status by hand, for a service that no supervisor watches. No lease: it stays until the next one.
    pub fn set(&self, now: Instant, status: Status) {
        self.readiness.shared.store(self.index, now, |old| Report {
            status,
            cause: Cause::Reported,
            since: if old.status == status { old.since } else { now },
            ..Report::unreported(now)
        });
    }

    fn service(&self) -> &Service {
        &self.readiness.shared.services[self.index]
    }
}

/// Declares the services of a [`Readiness`].
#[derive(Debug, Clone)]
#[must_use = "declares nothing until it is built"]
pub struct ReadinessBuilder {
    services: Vec<(String, bool)>,
    ready: Predicate,
    healthy: Predicate,
}

impl ReadinessBuilder {
    /// A service without which the process is not ready.
    pub fn required(mut self, name: impl Into<String>) -> Self {
        self.services.push((name.into(), true));
        self
    }

    /// A service without which the process is ready all the same.
    pub fn optional(mut self, name: impl Into<String>) -> Self {
        self.services.push((name.into(), false));
        self
    }

    /// Replaces "every required service is Running".
    pub fn ready_when(mut self, predicate: Predicate) -> Self {
        self.ready = predicate;
        self
    }

    /// Replaces "no service is Failed or Stopped".
    pub fn healthy_when(mut self, predicate: Predicate) -> Self {
        self.healthy = predicate;
        self
    }

    /// All services Unknown, at `now`.
    ///
    /// # Errors
    ///
    /// [`ServiceNameError`] for a name that is empty or declared twice.
    pub fn build(self, now: Instant) -> Result<Readiness, ServiceNameError> {
        for (i, (name, _)) in self.services.iter().enumerate() {
            if name.is_empty() {
                return Err(ServiceNameError::Empty);
            }
            if self.services[..i].iter().any(|(other, _)| other == name) {
                return Err(ServiceNameError::Twice(name.clone()));
            }
        }
        let services = self.services.into_iter().map(|(name, required)| Service {
            name,
            required,
            cell: ReportCell::new(now),
        });
        let shared = Shared {
            epoch: now,
            services: services.collect(),
            ready: self.ready,
            healthy: self.healthy,
            ready_until: AtomicU64::new(0),
            writing: Mutex::new(()),
        };
        let ready = shared.verdict(shared.ready, now);
        shared
            .ready_until
            .store(if ready { u64::MAX } else { 0 }, Ordering::Release);
        Ok(Readiness {
            shared: Arc::new(shared),
        })
    }
}

/// No service was declared by this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownService {
    /// The name that was asked for.
    pub name: String,
    /// The names that were declared.
    pub known: Vec<String>,
}

impl fmt::Display for UnknownService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unknown service {:?}: declared are {:?}",
            self.name, self.known
        )
    }
}

impl std::error::Error for UnknownService {}

/// A service was declared by a name that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceNameError {
    /// It is empty.
    Empty,
    /// It was declared before.
    Twice(String),
}

impl fmt::Display for ServiceNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a service's name is empty: give it one"),
            Self::Twice(name) => write!(
                f,
                "service {name:?} is declared twice: give each its own name"
            ),
        }
    }
}

impl std::error::Error for ServiceNameError {}

fn all_required_running(mut services: Services<'_>) -> bool {
    services.all(|service| !service.required || service.status == Status::Running)
}

fn none_failed_or_stopped(mut services: Services<'_>) -> bool {
    services.all(|service| !matches!(service.status, Status::Failed | Status::Stopped))
}
