//! From a configuration to a supervision that runs.

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::marker::PhantomData;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use futures_channel::mpsc;
use futures_util::FutureExt;
use livebus_core::{
    Config, ConfigError, Failure, Handler, Readiness, ServiceNameError, Settings, Supervisor,
    UnknownService,
};
use livebus_endpoints::http::{self, Limits, Server};
use livebus_endpoints::{Changes, Clock, Heartbeat, Probes, Subscribers};
use livebus_kafka::{Bus, KafkaBus, KafkaConfig, Runtime};
use livebus_recording::{Record, RecordError, RecordOptions, RecordedSupervisor, Recorder};

use crate::effects::{Effects, Register};
use crate::handle::Handle;
use crate::owner::owner;
use crate::publish::Publisher;
use crate::runner::{Runner, Supervision};
use crate::serve::{Serve, ServeError};
use crate::time::Time;

/// Builds the supervision of one bus, to be run by `R`.
#[must_use = "nothing runs until it is started"]
pub struct Builder<R, B> {
    make_bus: Box<dyn FnOnce(&Config) -> B + Send>,
    settings: Settings,
    service: String,
    readiness: Option<Readiness>,
    handlers: Vec<(Handler, Register)>,
    serve: Option<(SocketAddr, StartServer)>,
    http_limits: Limits,
    looks_on: Vec<Box<dyn Record>>,
    record: Option<RecordOptions>,
    subscribers: Subscribers,
    time: Arc<dyn Time>,
    runner: PhantomData<fn() -> R>,
}

type StartServer = fn(TcpListener, Probes, Limits) -> io::Result<Server>;

/// A supervision cannot be started as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A setting cannot be right.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The readiness that was given does not know the service.
    #[error(transparent)]
    UnknownService(#[from] UnknownService),
    /// The service's name cannot be one.
    #[error(transparent)]
    ServiceName(#[from] ServiceNameError),
    /// The settings name a handler that nobody could register.
    #[error(
        "handler {0:?} stands in the settings: add it with its registration, by `Builder::handler`"
    )]
    NoRegistration(String),
    /// The probes cannot be served.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The recording cannot begin.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl<R: Runner + Runtime> Builder<R, KafkaBus<R>> {
    /// For a Kafka bus.
    pub fn kafka(kafka: KafkaConfig) -> Self {
        Self::new(move |config| KafkaBus::new(kafka, config))
    }
}

impl<R: Runner, B: Bus> Builder<R, B> {
    /// The name that the service has unless it is given one.
    pub const DEFAULT_SERVICE: &'static str = "message-bus";

    /// For any bus: `make_bus` is called once, with the configuration that was checked.
    pub fn new(make_bus: impl FnOnce(&Config) -> B + Send + 'static) -> Self {
        Self {
            make_bus: Box::new(make_bus),
            settings: Settings::default(),
            service: Self::DEFAULT_SERVICE.to_owned(),
            readiness: None,
            handlers: Vec::new(),
            serve: None,
            http_limits: Limits::default(),
            looks_on: Vec::new(),
            record: None,
            subscribers: Subscribers::new(),
            time: R::time(),
            runner: PhantomData,
        }
    }

    /// Replaces the settings. Their handlers stay empty: they come with their registrations, by [`handler`](Self::handler).
    pub fn settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// Replaces the name by which the readiness and the logs know this bus.
    pub fn service(self, name: impl Into<String>) -> Self {
        Self {
            service: name.into(),
            ..self
        }
    }

    /// Makes this bus one of several services of a readiness, which must have declared its name. Else the bus is alone.
    pub fn readiness(self, readiness: Readiness) -> Self {
        Self {
            readiness: Some(readiness),
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

    /// Serves `/livez` and `/readyz` here. Port 0 is any that is free.
    pub fn http(self, address: SocketAddr) -> Self
    where
        R: Serve,
    {
        Self {
            serve: Some((address, R::serve)),
            ..self
        }
    }

    /// Replaces what the clients of the probes may cost.
    pub fn http_limits(self, http_limits: Limits) -> Self {
        Self {
            http_limits,
            ..self
        }
    }

    /// Writes down all that the supervisor is told and does, to be replayed later. Never a payload, a property or a secret:
    /// the supervisor is told none. [`Handle::recording`] knows how it goes.
    pub fn record(self, options: RecordOptions) -> Self {
        Self {
            record: Some(options),
            ..self
        }
    }

    /// Has somebody look on at all that the supervisor is told and does.
    pub fn looked_on_by(mut self, record: impl Record) -> Self {
        self.looks_on.push(Box::new(record));
        self
    }

    /// Every change of status from the first on, with its cause. The stream ends with the supervision, also if that never
    /// starts.
    ///
    /// Where a runtime has several threads, the loop may have told the first changes before [`start`](Self::start) returns:
    /// [`Handle::changes`] begins after them.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.subscribers.subscribe()
    }

    /// Replaces the clock and the timer of the loop, for tests: probes and [`Handle::is_ready`] keep to the real clock.
    pub fn time(self, time: Arc<dyn Time>) -> Self {
        Self { time, ..self }
    }

    /// Starts. Returns as soon as the supervision runs, whatever the bus does.
    ///
    /// Must be called where the runner says that it can launch: inside its runtime.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when a setting is wrong, a name is unknown or impossible, the probes cannot be served, or the recording
    /// cannot begin.
    #[expect(
        clippy::unused_async,
        reason = "nothing waits now; a start that has to must not change what services call"
    )]
    pub async fn start(self) -> Result<Handle<B>, BuildError> {
        let now = self.time.now();
        if let Some(handler) = self.settings.handlers.first() {
            return Err(BuildError::NoRegistration(handler.name.clone()));
        }
        let (handlers, registrations) = self.handlers.into_iter().unzip();
        let config = Config::new(Settings {
            handlers,
            seed: Some(self.settings.seed.unwrap_or_else(any_seed)),
            ..self.settings
        })?;
        let readiness = match self.readiness {
            Some(readiness) => readiness,
            None => Readiness::builder().required(&self.service).build(now)?,
        };
        let service = readiness.service(&self.service)?;
        let heartbeat = Heartbeat::new(now);
        let server = match self.serve {
            Some((address, serve)) => {
                let heartbeats = vec![(self.service, heartbeat.clone())];
                let probes = Probes::new(readiness.clone(), heartbeats);
                let served = http::listen(address)
                    .and_then(|listener| serve(listener, probes, self.http_limits));
                Some(served.map_err(|source| ServeError::new(address, source))?)
            }
            None => None,
        };
        // Last of what can fail: a start that is refused leaves an earlier recording where it is.
        let (mut looks_on, mut recording) = (self.looks_on, None);
        if let Some(options) = self.record {
            let (recorder, begun) = Recorder::begin(&options, service.name(), &config, now)?;
            looks_on.push(Box::new(recorder));
            recording = Some(begun);
        }
        tracing::info!(
            service = service.name(),
            detection_bound_ms = config.detection_bound().as_millis(),
            partial_detection_bound_ms = config.partial_detection_bound().as_millis(),
            shutdown_bound_ms = config.shutdown_bound().as_millis(),
            "supervising"
        );

        let bus = Arc::new((self.make_bus)(&config));
        let (events, inbox) = mpsc::unbounded();
        let (owner, dropped) = owner();
        let supervisor = Supervisor::new(config.clone(), now);
        R::launch(Supervision {
            supervisor: RecordedSupervisor::new(supervisor, now, looks_on),
            effects: Effects::new(
                Arc::clone(&bus),
                registrations,
                Publisher::new(service.clone(), self.subscribers.clone()),
                events.clone(),
                Arc::clone(&self.time),
            ),
            inbox,
            owner: dropped,
            heartbeat: heartbeat.clone(),
            time: Arc::clone(&self.time),
        });
        Ok(Handle {
            bus,
            config,
            readiness,
            service,
            subscribers: self.subscribers,
            clock: Clock::new(),
            heartbeat,
            events,
            _owner: owner,
            server,
            recording,
            time: self.time,
        })
    }
}

/// From the randomness that the standard library gives every hash map.
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
