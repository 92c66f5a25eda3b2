//! The health service: what it answers, and the names that it knows.

mod service;
mod watch;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use livebus_core::Status;
use livebus_readiness::{Reader, Readiness, Service, Subscriptions, UnknownService};
use livebus_runner::{Bus, Handle, Time};

use crate::messages::ServingStatus;

pub use watch::WatchStream;

/// The maximum number of names that a list answers.
const MAX_LISTED: usize = 100;

/// The service `grpc.health.v1` of one process. Clones share everything.
///
/// The empty name is the process: SERVING while it is ready. A service of the registry has its own name: SERVING while it is Running.
/// [`register`](Self::register) adds names, such as those of the gRPC services of the process. Before the first proof everything is
/// `NOT_SERVING`.
///
/// A watch sends the present status, then each change, and no status twice in a row. It keeps nothing for a slow client, which gets what
/// HTTP/2 holds already, and after that the newest status. A watch of an unknown name sends `SERVICE_UNKNOWN`, and then what is
/// registered under it. All watches end when the supervision of the process has ended, or by [`shutdown`](Self::shutdown).
#[derive(Clone)]
pub struct Health {
    shared: Arc<Shared>,
}

struct Shared {
    readiness: Readiness,
    time: Arc<dyn Time>,
    /// The names that were registered, which are not those of services.
    names: Mutex<BTreeMap<String, Covered>>,
    is_shut_down: AtomicBool,
    /// Of the names, and of the shutdown.
    subscriptions: Subscriptions,
}

/// What a name stands for.
#[derive(Debug, Clone)]
enum Covered {
    Process,
    Service(Service),
}

/// The error when a name cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name is that of a service, or empty, which is the process.
    #[error(
        "cannot register {0:?} with the health service: the name has a meaning already; choose another"
    )]
    Taken(String),
    /// The service is not declared.
    #[error(transparent)]
    Unknown(#[from] UnknownService),
}

impl Health {
    /// Makes the health service of the process that `bus` is a part of.
    #[must_use]
    pub fn of<B: Bus>(bus: &Handle<B>) -> Self {
        Self::new(bus.readiness().clone(), Arc::clone(bus.time()))
    }

    /// Makes a health service that answers from `readiness`, with the clock and the timers of `time`.
    #[must_use]
    pub fn new(readiness: Readiness, time: Arc<dyn Time>) -> Self {
        Self {
            shared: Arc::new(Shared {
                readiness,
                time,
                names: Mutex::default(),
                is_shut_down: AtomicBool::new(false),
                subscriptions: Subscriptions::default(),
            }),
        }
    }

    /// Registers a name for the process, such as that of a gRPC service, `orders.v1.Orders`. It replaces what the name stood for.
    ///
    /// # Errors
    ///
    /// [`RegisterError`] when the name has a meaning already.
    pub fn register(&self, name: impl Into<String>) -> Result<(), RegisterError> {
        self.insert(name.into(), Covered::Process)
    }

    /// Registers a name for one service of the registry, whatever the status of the others.
    ///
    /// # Errors
    ///
    /// [`RegisterError`] when the name has a meaning already, or the service is not declared.
    pub fn register_for(
        &self,
        name: impl Into<String>,
        service: &str,
    ) -> Result<(), RegisterError> {
        let service = self.shared.readiness.service(service)?;
        self.insert(name.into(), Covered::Service(service))
    }

    /// Removes a registered name. Its watches send `SERVICE_UNKNOWN`.
    pub fn unregister(&self, name: &str) {
        self.shared.names().remove(name);
        self.shared.subscriptions.wake();
    }

    /// Ends all watches, after a last `NOT_SERVING`, and answers `NOT_SERVING` for every name from now on. To be called before a server
    /// waits for its calls in flight, if the supervision of the process does not end before that.
    pub fn shutdown(&self) {
        self.shared.is_shut_down.store(true, Ordering::Release);
        self.shared.subscriptions.wake();
    }

    fn insert(&self, name: String, covered: Covered) -> Result<(), RegisterError> {
        if name.is_empty() || self.shared.readiness.names().any(|it| it == name) {
            return Err(RegisterError::Taken(name));
        }
        self.shared.names().insert(name, covered);
        self.shared.subscriptions.wake();
        Ok(())
    }

    /// Returns the status of a name now; `None` if it is unknown.
    #[must_use]
    pub fn status(&self, name: &str) -> Option<ServingStatus> {
        self.status_at(name, self.shared.time.now())
    }

    fn status_at(&self, name: &str, now: Instant) -> Option<ServingStatus> {
        let covered = self.covered(name)?;
        Some(self.status_of(&covered, now))
    }

    /// Returns all names and their statuses; `None` if there are too many.
    fn statuses(&self) -> Option<Vec<(String, ServingStatus)>> {
        let readiness = &self.shared.readiness;
        let registered = self.shared.names().clone();
        if 1 + readiness.names().count() + registered.len() > MAX_LISTED {
            return None;
        }
        let services = readiness.services();
        let services = services.map(|it| (it.name().to_owned(), Covered::Service(it)));
        let all = [(String::new(), Covered::Process)].into_iter();
        let all = all.chain(services).chain(registered);
        let now = self.shared.time.now();
        Some(
            all.map(|(name, it)| (name, self.status_of(&it, now)))
                .collect(),
        )
    }

    fn covered(&self, name: &str) -> Option<Covered> {
        if name.is_empty() {
            return Some(Covered::Process);
        }
        match self.shared.readiness.service(name) {
            Ok(service) => Some(Covered::Service(service)),
            Err(UnknownService { .. }) => self.shared.names().get(name).cloned(),
        }
    }

    fn status_of(&self, covered: &Covered, now: Instant) -> ServingStatus {
        let is_serving = !self.shared.is_shut_down.load(Ordering::Acquire)
            && match covered {
                Covered::Process => self.shared.readiness.is_ready_for(Reader::Health, now),
                Covered::Service(service) => {
                    let report = service.report();
                    report.status_at(now + Reader::Health.lead()) == Status::Running
                }
            };
        if is_serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        }
    }

    /// Returns whether no status changes any more.
    fn has_ended(&self) -> bool {
        self.shared.is_shut_down.load(Ordering::Acquire) || self.shared.readiness.has_ended()
    }
}

impl Shared {
    fn names(&self) -> MutexGuard<'_, BTreeMap<String, Covered>> {
        // Nothing panics while it is locked.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health")
            .field("readiness", &self.shared.readiness)
            .finish_non_exhaustive()
    }
}
