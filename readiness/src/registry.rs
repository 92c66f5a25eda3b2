//! The registry: the services of a process, declared once, and their reporters.

use std::sync::Arc;
use std::time::Instant;

use crate::errors::{ReporterError, ServiceNameError};
use crate::one_line::breaks_lines;
use crate::predicate::{Predicate, all_required_running, none_failed_or_stopped};
use crate::readiness::Readiness;
use crate::reporter::{LeaselessReporter, Reporter};
use crate::shared::Shared;

/// The services of a process. Its owner gives a [`Reporter`] to the code that knows the status of a service, and a
/// [`Readiness`] to the code that reads it.
///
/// Only the registry makes reporters, and it is not `Clone`: code that has a `Readiness` cannot make a service ready.
///
/// ```
/// use livebus_readiness::{LeaselessReporter, Registry};
/// use livebus_core::Status;
///
/// let registry = Registry::builder().required("bus").optional("cache").build()?;
/// let readiness = registry.readiness();
/// let bus: LeaselessReporter = registry.leaseless_reporter("bus")?;
/// assert!(registry.reporter("bus").is_err(), "a service has one reporter at a time");
/// assert!(!readiness.is_ready());
/// bus.set(Status::Running);
/// assert!(readiness.is_ready());
/// drop(bus);
/// assert!(!readiness.is_ready(), "its reporter was dropped");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Registry {
    shared: Arc<Shared>,
}

impl Registry {
    /// Returns a builder to declare the services.
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder {
            services: Vec::new(),
            ready: all_required_running,
            healthy: none_failed_or_stopped,
        }
    }

    /// Returns the one reporter of this service, whose Running always has a lease. After it is dropped there may be another. The
    /// service is Unknown until the new reporter reports.
    ///
    /// # Errors
    ///
    /// [`ReporterError`] when no service of this name is declared, or when it has a reporter already.
    pub fn reporter(&self, name: &str) -> Result<Reporter, ReporterError> {
        let index = self.shared.index(name)?;
        match self.shared.begin_reporting(index, Instant::now()) {
            Some(number) => Ok(Reporter::new(Arc::clone(&self.shared), index, number)),
            None => Err(ReporterError::Taken(name.to_owned())),
        }
    }

    /// Returns the one reporter of this service, whose Running has no lease: it holds until the next report, or until the
    /// reporter is dropped. For a status that cannot become wrong without a report.
    ///
    /// # Errors
    ///
    /// [`ReporterError`] when no service of this name is declared, or when it has a reporter already.
    pub fn leaseless_reporter(&self, name: &str) -> Result<LeaselessReporter, ReporterError> {
        self.reporter(name).map(LeaselessReporter::new)
    }

    /// Returns a reader of the readiness.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        Readiness::new(Arc::clone(&self.shared))
    }
}

/// Declares the services of a [`Registry`].
#[derive(Debug, Clone)]
#[must_use = "declares nothing until it is built"]
pub struct RegistryBuilder {
    services: Vec<(String, bool)>,
    ready: Predicate,
    healthy: Predicate,
}

impl RegistryBuilder {
    /// Declares a service without which the process is not ready.
    pub fn required(mut self, name: impl Into<String>) -> Self {
        self.services.push((name.into(), true));
        self
    }

    /// Declares a service that does not decide whether the process is ready.
    pub fn optional(mut self, name: impl Into<String>) -> Self {
        self.services.push((name.into(), false));
        self
    }

    /// Replaces the predicate for ready, which is "every required service is Running".
    pub fn ready_when(mut self, predicate: Predicate) -> Self {
        self.ready = predicate;
        self
    }

    /// Replaces the predicate for healthy, which is "no service is Failed or Stopped".
    pub fn healthy_when(mut self, predicate: Predicate) -> Self {
        self.healthy = predicate;
        self
    }

    /// Builds the registry, whose services are Unknown as of now.
    ///
    /// # Errors
    ///
    /// [`ServiceNameError`] for a name that is empty, has a control character, or is declared twice; and for no name at all.
    pub fn build(self) -> Result<Registry, ServiceNameError> {
        self.build_at(Instant::now())
    }

    /// As [`build`](Self::build), as of `now`: for tests with their own clock. No report may be older.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn build_at(self, now: Instant) -> Result<Registry, ServiceNameError> {
        if self.services.is_empty() {
            return Err(ServiceNameError::None);
        }
        for (i, (name, _)) in self.services.iter().enumerate() {
            if name.is_empty() {
                return Err(ServiceNameError::Empty);
            }
            if name.contains(breaks_lines) {
                return Err(ServiceNameError::Control(name.clone()));
            }
            if self.services[..i].iter().any(|(other, _)| other == name) {
                return Err(ServiceNameError::Twice(name.clone()));
            }
        }
        let shared = Shared::new(self.services, self.ready, self.healthy, now);
        Ok(Registry {
            shared: Arc::new(shared),
        })
    }
}
