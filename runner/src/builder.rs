//! Builds and starts a supervision.

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::channel::mpsc;
use livebus_core::{Config, ConfigError, Failure, Handler, Settings, Supervisor};
use livebus_readiness::{Heartbeat, Registry, Reporter, ReporterError, ServiceNameError};

use crate::bus::{Bus, IntoBus};
use crate::cancel::cancel_on_drop;
use crate::effects::{Effects, Register};
use crate::handle::Handle;
use crate::observer::{ObservedSupervisor, Observer, ObserverError};
use crate::publish::Publisher;
use crate::runner::{Runner, Supervision};
use crate::time::Time;
#[cfg(feature = "http")]
use {
    crate::serve::{Serve, ServeError},
    livebus_endpoints::http::{self, Limits, Server},
    livebus_readiness::Probes,
    std::io,
    std::net::{SocketAddr, TcpListener},
};

/// Builds the supervision of one bus, to be run by `R`.
#[must_use = "nothing runs until it is started"]
pub struct Builder<R, B> {
    make_bus: Box<dyn FnOnce(&Config) -> B + Send>,
    settings: Settings,
    service: Service,
    handlers: Vec<(Handler, Register)>,
    #[cfg(feature = "http")]
    http: Option<Http>,
    observers: Vec<Box<dyn Observer>>,
    time: Option<Arc<dyn Time>>,
    runner: PhantomData<fn() -> R>,
}

/// Where the status is reported.
#[derive(Debug)]
enum Service {
    /// To a registry of its own, under this name.
    Alone(String),
    /// To a registry with other services.
    OneOfSeveral(Reporter),
}

/// The address at which the probes are served, and the limits on the HTTP clients.
#[cfg(feature = "http")]
struct Http {
    address: SocketAddr,
    limits: Limits,
    serve: fn(TcpListener, Probes, Limits) -> io::Result<Server>,
}

#[cfg(feature = "http")]
impl Http {
    fn start(self, probes: Probes) -> Result<Server, ServeError> {
        let served = http::listen(self.address)
            .and_then(|listener| (self.serve)(listener, probes, self.limits));
        served.map_err(|source| ServeError::new(self.address, source))
    }
}

/// The error when a supervision cannot be started as it is configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting is invalid, or the name of a handler.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The name of the service is invalid.
    #[error(transparent)]
    ServiceName(#[from] ServiceNameError),
    /// The service has no free reporter.
    #[error(transparent)]
    Reporter(#[from] ReporterError),
    /// The probes cannot be served.
    #[cfg(feature = "http")]
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// An observer cannot begin: for example a recorder whose file cannot be created.
    #[error(transparent)]
    Observer(ObserverError),
}

impl<R: Runner, B: Bus> Builder<R, B> {
    /// The default name of the service.
    pub const DEFAULT_SERVICE: &'static str = "message-bus";

    /// Begins a supervision of `bus`: a configuration such as livebus-kafka's `KafkaConfig`, or a bus of your own.
    pub fn new(bus: impl IntoBus<R, Bus = B>) -> Self {
        Self {
            make_bus: Box::new(|config| bus.into_bus(config)),
            settings: Settings::default(),
            service: Service::Alone(Self::DEFAULT_SERVICE.to_owned()),
            handlers: Vec::new(),
            #[cfg(feature = "http")]
            http: None,
            observers: Vec::new(),
            time: None,
            runner: PhantomData,
        }
    }

    /// Replaces the settings.
    pub fn settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// Replaces the service's name, which the readiness and the logs show. The service is the only one of its own registry.
    pub fn service(self, name: impl Into<String>) -> Self {
        Self {
            service: Service::Alone(name.into()),
            ..self
        }
    }

    /// Makes this bus one of several services of a [`Registry`], under the name of the reporter.
    pub fn reporter(self, reporter: Reporter) -> Self {
        Self {
            service: Service::OneOfSeveral(reporter),
            ..self
        }
    }

    /// Adds a request handler: `register` is called after each start, and again with a back-off while it fails. The service
    /// is not Running before every required one is registered.
    ///
    /// A registration that takes too long, or whose client is lost, is dropped.
    pub fn handler<F, T>(mut self, handler: Handler, register: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let register: Register = Arc::new(move || register().boxed());
        self.handlers.push((handler, register));
        self
    }

    /// Serves `/livez` and `/readyz` at `address`; port 0 means any free port ([`Handle::http_address`]). If it is called twice,
    /// the last address counts.
    ///
    /// `/readyz` covers all services of the registry, `/livez` only the loop of this bus.
    #[cfg(feature = "http")]
    pub fn http(self, address: SocketAddr) -> Self
    where
        R: Serve,
    {
        self.http_within(address, Limits::default())
    }

    /// As [`http`](Self::http), with other limits on the resources that HTTP clients may use.
    #[cfg(feature = "http")]
    pub fn http_within(self, address: SocketAddr, limits: Limits) -> Self
    where
        R: Serve,
    {
        let serve = R::serve;
        Self {
            http: Some(Http {
                address,
                limits,
                serve,
            }),
            ..self
        }
    }

    /// Adds an observer of the supervisor's inputs and actions, for example a recorder. It begins when the supervision starts.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// Replaces the clock and the timers of the supervision and of its [`Handle::changes`], for tests. Probes,
    /// [`Handle::is_ready`] and [`Handle::status`] use the real clock.
    pub fn time(self, time: Arc<dyn Time>) -> Self {
        Self {
            time: Some(time),
            ..self
        }
    }

    /// Starts the supervision. Returns as soon as it runs, whatever the bus does.
    ///
    /// Must be called where the runner can launch: inside its runtime.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when a setting or a name is invalid, the probes cannot be served, or an observer cannot begin.
    ///
    /// # Panics
    ///
    /// On tokio, outside of a runtime, in one without time enabled, and with `http` in one without IO enabled.
    #[expect(
        clippy::unused_async,
        reason = "nothing waits now; a start that must wait would otherwise change the signature"
    )]
    pub async fn start(self) -> Result<Handle<B>, BuildError> {
        let time = self.time.unwrap_or_else(R::time);
        let now = time.now();
        let (handlers, registrations) = self.handlers.into_iter().unzip();
        let config = Config::new(Settings {
            seed: Some(self.settings.seed.unwrap_or_else(any_seed)),
            ..self.settings
        })?
        .with_handlers(handlers)?;
        let reporter = match self.service {
            Service::OneOfSeveral(reporter) => reporter,
            Service::Alone(name) => {
                let registry = Registry::builder().required(&name).build_at(now)?;
                registry.reporter(&name)?
            }
        };
        reporter.set_remedies(B::remedy);
        let (readiness, service) = (reporter.readiness(), reporter.service());
        let heartbeat = Heartbeat::new(now);
        #[cfg(feature = "http")]
        let server = {
            let heartbeats = vec![(service.name().to_owned(), heartbeat.clone())];
            let probes = Probes::new(readiness.clone(), heartbeats);
            self.http.map(|http| http.start(probes)).transpose()?
        };
        // The last step that can fail: a start that is refused must not replace an earlier recording.
        let mut observers = self.observers;
        for observer in &mut observers {
            let begun = observer.begin(service.name(), &config, now);
            begun.map_err(BuildError::Observer)?;
        }
        tracing::info!(
            service = service.name(),
            detection_bound_ms = config.detection_bound().as_millis(),
            partial_detection_bound_ms = config.partial_detection_bound().as_millis(),
            shutdown_bound_ms = config.shutdown_bound().as_millis(),
            "supervising"
        );

        let bus = Arc::new((self.make_bus)(&config));
        // Each sender has a capacity of one message.
        let (messages, inbox) = mpsc::channel(0);
        let (cancel_guard, cancel) = cancel_on_drop();
        let supervisor = Supervisor::new(config.clone(), now);
        R::launch(Supervision {
            supervisor: ObservedSupervisor::new(supervisor, now, observers),
            effects: Effects::new(
                Arc::clone(&bus),
                registrations,
                Publisher::new(reporter),
                messages.clone(),
                Arc::clone(&time),
            ),
            inbox,
            cancel,
            heartbeat: heartbeat.clone(),
            time: Arc::clone(&time),
        });
        Ok(Handle {
            bus,
            config,
            readiness,
            service,
            heartbeat,
            shutdown: Mutex::new(messages),
            _cancel_guard: cancel_guard,
            #[cfg(feature = "http")]
            server,
            time,
        })
    }
}

/// Returns a random seed, from the randomness of the standard library's hash maps.
fn any_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

impl<R, B> fmt::Debug for Builder<R, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("service", &self.service)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
