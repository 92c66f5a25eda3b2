//! Builds and starts a supervision.

mod callees;
mod callers;
mod error;
mod handlers;
mod parts;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use futures::channel::mpsc;
use livebus_core::{Config, Failure, Handler, Settings, Supervisor};
use livebus_readiness::{Heartbeat, Registry, Reporter, ServiceLoop};

use crate::bus::{Bus, IntoBus};
use crate::calls::{CallBus, Caller, RunnableCallHandler};
use crate::cancel::cancel_on_drop;
use crate::effects::Effects;
use crate::explainer::Explainer;
use crate::handle::Handle;
use crate::handlers::{ConsumerBus, RunnableHandler};
use crate::loops::Clock;
use crate::observer::{ObservedSupervisor, Observer};
use crate::publish::Publisher;
use crate::random::random_number;
use crate::register::Register;
use crate::runner::{Runner, Supervision};
use crate::runtime::Runtime;
#[cfg(unix)]
use crate::systemd::{Notify, Systemd, SystemdError};
use crate::time::Time;
use callees::Replying;
use callers::Calling;
use handlers::{AnyHandler, Consuming};
use parts::Parts;
#[cfg(feature = "http")]
use {
    crate::serve::{Serve, ServeError},
    livebus_endpoints::Probes,
    livebus_endpoints::http::{self, Limits, Server},
    std::io,
    std::net::{SocketAddr, TcpListener},
};

pub use error::BuildError;

/// Builds the supervision of one bus, to be run by `R`.
#[must_use = "nothing runs until it is started"]
pub struct Builder<R, B> {
    make_bus: Box<dyn FnOnce(&Config) -> B + Send>,
    settings: Settings,
    service: Service,
    parts: Parts<B>,
    #[cfg(feature = "http")]
    http: Option<Http>,
    #[cfg(feature = "http")]
    http_as_in_voltha: bool,
    #[cfg(unix)]
    systemd: Option<Notify>,
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

impl<R: Runner, B: Bus> Builder<R, B> {
    /// The default name of the service.
    pub const DEFAULT_SERVICE: &'static str = "message-bus";

    /// Begins a supervision of `bus`: a configuration such as livebus-kafka's `KafkaConfig`, or a bus of your own.
    pub fn new(bus: impl IntoBus<R, Bus = B>) -> Self {
        Self {
            make_bus: Box::new(|config| bus.into_bus(config)),
            settings: Settings::default(),
            service: Service::Alone(Self::DEFAULT_SERVICE.to_owned()),
            parts: Parts::new(),
            #[cfg(feature = "http")]
            http: None,
            #[cfg(feature = "http")]
            http_as_in_voltha: false,
            #[cfg(unix)]
            systemd: None,
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
        self.parts
            .handlers
            .push(AnyHandler::Registration(handler, register));
        self
    }

    /// Adds a request handler: its consumer is started after each start of the client, and again with a back-off while that fails. It is
    /// registered when it is a member of its group and has the partitions that it was given, which may be none.
    ///
    /// It handles records only while the bus can be used.
    pub fn request_handler(mut self, handler: RunnableHandler) -> Self
    where
        R: Runtime,
        B: ConsumerBus,
    {
        self.parts
            .handlers
            .push(AnyHandler::Request(Box::new(handler)));
        self.parts.needs.consuming = Some(Consuming {
            check: B::check_subscriptions,
            open: B::open_consumer,
            explain: B::explain_handler,
            spawner: R::spawner,
        });
        self
    }

    /// Adds a call handler: a request handler whose function returns a reply. Its replies are sent by a client of their own, which is made for
    /// the first of them.
    pub fn call_handler(mut self, handler: RunnableCallHandler) -> Self
    where
        R: Runtime,
        B: ConsumerBus + CallBus,
    {
        self.parts.needs.replying = Some(Replying {
            open: B::open_reply_client,
            sleep: |duration| Box::pin(R::sleep(duration)),
            spawner: R::spawner,
        });
        let RunnableCallHandler { handler, callee } = handler;
        self.parts.callees.push((handler.subscription(), callee));
        self.request_handler(handler)
    }

    /// Adds a caller: its clients are started after each start of the client, and again with a back-off while that fails. It is registered when
    /// its replies can be read.
    ///
    /// While the bus cannot be used, its calls fail at once; while its replies cannot be read, the service is NotReady, unless the caller is
    /// [optional](crate::calls::CallerBuilder::optional). A caller can be given to one builder, once.
    pub fn caller(mut self, caller: &Caller) -> Self
    where
        B: CallBus,
    {
        self.parts.callers.push(caller.clone());
        self.parts.needs.calling = Some(Calling {
            check: B::check_caller,
            open: B::open_call_client,
            explain: B::explain_caller,
        });
        self
    }

    /// Serves the [probes](livebus_endpoints::Probes) at `address`: `/livez`, `/readyz`, `/startupz`, `/statusz` and `/metrics`. Port 0
    /// means any free port ([`Handle::http_address`]). If it is called twice, the last address counts.
    ///
    /// They cover all services of the registry and all their loops, so one server is enough for several buses.
    /// [`Handle::probes`] is for a server that the process has already.
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

    /// Also serves `/readz`, `/healthz` and `/detailz`, with the answers of VOLTHA's probe
    /// ([`Probes::as_in_voltha`](livebus_endpoints::Probes::as_in_voltha)). Has no effect without [`http`](Self::http).
    #[cfg(feature = "http")]
    pub fn http_as_in_voltha(self) -> Self {
        Self {
            http_as_in_voltha: true,
            ..self
        }
    }

    /// Notifies systemd, if that has started the process and listens: `Type=notify` of a unit. On systems without Unix sockets there is
    /// no such method.
    ///
    /// Sends `READY=1` once, when each required service of the process has been Running (as `/startupz` passes); `STATUS=` with the status
    /// of each service and its cause, at each change; `STOPPING=1` when this supervision shuts down; and `WATCHDOG=1` twice in
    /// `WatchdogSec=`, while no loop of the process is stuck (as `/livez` passes). It never waits for systemd: what cannot be sent is
    /// logged once, and sent again later.
    ///
    /// One supervision of a process needs this: the one that lives as long as the process. No variable of the environment is changed.
    #[cfg(unix)]
    pub fn systemd(self) -> Self
    where
        R: Runtime,
    {
        self.notify(Systemd::from_env())
    }

    /// As [`systemd`](Self::systemd), with what `systemd` says in place of the environment.
    #[cfg(unix)]
    pub fn systemd_at(self, systemd: Systemd) -> Self
    where
        R: Runtime,
    {
        self.notify(Ok(Some(systemd)))
    }

    #[cfg(unix)]
    fn notify(self, systemd: Result<Option<Systemd>, SystemdError>) -> Self
    where
        R: Runtime,
    {
        let spawn = |task| R::spawn(task);
        Self {
            systemd: Some(Notify { systemd, spawn }),
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
        let clock = self.time.clone().map_or(Clock::Real, Clock::Replaced);
        let time = self.time.unwrap_or_else(R::time);
        let now = time.now();
        let config = Config::new(Settings {
            seed: Some(self.settings.seed.unwrap_or_else(random_number)),
            ..self.settings
        })?
        .with_handlers(self.parts.supervised())?;
        let bus = Arc::new((self.make_bus)(&config));
        let checked = self.parts.check(&bus, &clock)?;
        let reporter = match self.service {
            Service::OneOfSeveral(reporter) => reporter,
            Service::Alone(name) => {
                let registry = Registry::builder().required(&name).build_at(now)?;
                registry.reporter(&name)?
            }
        };
        let (readiness, service) = (reporter.readiness(), reporter.service());
        let heartbeat = Heartbeat::new(now);
        #[cfg(feature = "http")]
        let server = {
            let probes = Probes::new(readiness.clone());
            let probes = if self.http_as_in_voltha {
                probes.as_in_voltha()
            } else {
                probes
            };
            self.http.map(|http| http.start(probes)).transpose()?
        };
        // The last step that can fail: a start that is refused must not replace an earlier recording.
        let mut observers = self.observers;
        for observer in &mut observers {
            let begun = observer.begin(service.name(), &config, now);
            begun.map_err(BuildError::Observer)?;
        }
        let parts = checked.observe(&mut observers, &clock, now)?;
        tracing::info!(
            service = service.name(),
            detection_bound_ms = config.detection_bound().as_millis(),
            partial_detection_bound_ms = config.partial_detection_bound().as_millis(),
            shutdown_bound_ms = config.shutdown_bound().as_millis(),
            "supervising"
        );
        parts.warn_when_cut_off(service.name(), config.shutdown_bound());
        let explainers = parts.explainers();
        let (registrars, loops) = parts.start(service.name(), &bus, &clock, now)?;
        let own_loop = ServiceLoop::of_service(heartbeat.clone());
        let service_loops = [own_loop].into_iter().chain(loops.service_loops());
        reporter.set_loops(service_loops.collect());
        reporter.set_explainer(Arc::new(Explainer::new(
            &bus,
            explainers,
            &config,
            &registrars,
            &loops,
        )));
        // Each sender has a capacity of one message.
        let (messages, inbox) = mpsc::channel(0);
        let (cancel_guard, cancel) = cancel_on_drop();
        let supervisor = Supervisor::new(config.clone(), now);
        R::launch(Supervision {
            supervisor: ObservedSupervisor::new(supervisor, now, observers),
            effects: Effects::new(
                Arc::clone(&bus),
                registrars,
                loops,
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
            #[cfg(unix)]
            notified: Notify::start(self.systemd, &readiness, &service, &time),
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

impl<R, B> fmt::Debug for Builder<R, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("service", &self.service)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
