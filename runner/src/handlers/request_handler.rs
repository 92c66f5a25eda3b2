//! What the author of a service writes.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use livebus_core::Handler;
use livebus_core::dispatch::{Config, Delivery, FailurePolicy, Order, Settings, Then};

use crate::handlers::control::Context;
use crate::handlers::failed::Failed;
use crate::handlers::function::{AsyncFunction, BlockingFunction, Function, HandleRecord};
use crate::handlers::intake::Intake;
use crate::handlers::record::Record;
use crate::handlers::subscription::{Begin, HandlerError, Subscription, Topics};

/// A request handler: which topics it reads, how, and with [`run`](Self::run) the function that is called with each record.
///
/// It needs a name, topics, and a group or [`broadcast`](Self::broadcast). The rest has defaults:
///
/// - It is required: the service is not Running before the handler is registered.
/// - A partition of which the group has no position begins with its earliest record.
/// - The records of a partition are handled one after the other.
/// - A record that fails is called again, with a back-off. After three retries its partition stops until a retry succeeds: nothing is
///   skipped unless a policy says so.
///
/// ```
/// use livebus_core::dispatch::Order;
/// use livebus_runner::handlers::{Failed, RequestHandler};
///
/// let handler = RequestHandler::new("orders")
///     .topics(["orders"])
///     .group("billing")
///     .order(Order::Key)
///     .concurrency(16)
///     .run(|record, _cx| async move {
///         let order = str::from_utf8(record.payload().unwrap_or_default())
///             .map_err(Failed::permanent)?;
///         println!("{order}");
///         Ok(())
///     });
/// ```
#[derive(Debug, Clone)]
#[must_use = "a handler does nothing before it has a function and is given to a builder"]
pub struct RequestHandler {
    name: String,
    is_required: bool,
    topics: Topics,
    source: Source,
    begin: Begin,
    dead_letter_topic: Option<String>,
    with_headers: bool,
    properties: Vec<(String, String)>,
    settings: Settings,
}

#[derive(Debug, Clone)]
enum Source {
    Unnamed,
    Group(String),
    Broadcast,
}

/// A request handler with its function, for [`Builder::request_handler`](crate::Builder::request_handler).
#[must_use = "a handler does nothing before it is given to a builder"]
pub struct RunnableHandler {
    handler: RequestHandler,
    function: Box<dyn Function>,
    intake: Option<Arc<dyn Intake>>,
}

/// A request handler that was checked.
pub(crate) struct Spec {
    pub(crate) subscription: Subscription,
    pub(crate) config: Config,
    pub(crate) function: Box<dyn Function>,
    pub(crate) intake: Option<Arc<dyn Intake>>,
}

impl Spec {
    /// Returns whether a shutdown of this handler may take longer than that of the supervision, which stops at `shutdown_bound`.
    pub(crate) fn is_cut_off_by(&self, shutdown_bound: Duration) -> bool {
        self.config.shutdown_bound() > shutdown_bound
    }

    /// Logs it.
    pub(crate) fn warn_when_cut_off_by(&self, service: &str, shutdown_bound: Duration) {
        if self.is_cut_off_by(shutdown_bound) {
            let settings = self.config.settings();
            tracing::warn!(
                service,
                handler = self.subscription.handler,
                drain_ms = settings.drain.as_millis(),
                commit_timeout_ms = settings.commit_timeout.as_millis(),
                handler_shutdown_bound_ms = self.config.shutdown_bound().as_millis(),
                shutdown_bound_ms = shutdown_bound.as_millis(),
                "the supervision may stop before the handler has: make `drain` or `commit_timeout` of the handler shorter, or `drain` of the supervision longer"
            );
        }
    }
}

impl RequestHandler {
    /// How long one commit may take, unless the settings say otherwise: so that a shutdown with the default drain ends within that of the
    /// supervision.
    const COMMIT_TIMEOUT: Duration = Duration::from_secs(2);

    /// Begins a handler with this name, for people: usually that of its topic. No two handlers of a service may have the same.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            is_required: true,
            topics: Topics::Named(Vec::new()),
            source: Source::Unnamed,
            begin: Begin::Earliest,
            dead_letter_topic: None,
            with_headers: true,
            properties: Vec::new(),
            settings: Settings {
                commit_timeout: Self::COMMIT_TIMEOUT,
                ..Settings::default()
            },
        }
    }

    /// Reads these topics.
    pub fn topics(self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        Self {
            topics: Topics::Named(names),
            ..self
        }
    }

    /// Reads all topics whose whole names match a regular expression, also those that are created later.
    pub fn pattern(self, expression: impl Into<String>) -> Self {
        Self {
            topics: Topics::Pattern(expression.into()),
            ..self
        }
    }

    /// Shares the partitions with the other members of this group. Each record is handled by one member at least once.
    pub fn group(self, name: impl Into<String>) -> Self {
        Self {
            source: Source::Group(name.into()),
            ..self
        }
    }

    /// Reads all partitions, as every instance of the service does, and commits nothing. It begins with the latest records.
    ///
    /// So it misses what came while it was down. With [`begin`](Self::begin) at the earliest records it reads all of them after each start
    /// instead.
    pub fn broadcast(self) -> Self {
        Self {
            source: Source::Broadcast,
            begin: Begin::Latest,
            ..self
        }
    }

    /// Sets where a partition begins of which the group has no position; for a broadcast, where each start begins.
    pub fn begin(self, begin: Begin) -> Self {
        Self { begin, ..self }
    }

    /// Lets the service be ready without this handler.
    pub fn optional(self) -> Self {
        Self {
            is_required: false,
            ..self
        }
    }

    /// Sets which records wait for which.
    pub fn order(mut self, order: Order) -> Self {
        self.settings.order = order;
        self
    }

    /// Sets how many calls of the function are in flight at most. With [`Order::Partition`] there is one for each partition at most.
    pub fn concurrency(mut self, calls: u32) -> Self {
        self.settings.limits.runs = calls;
        self
    }

    /// Sets how long the function may take for one record; `None`: as long as it wants.
    pub fn record_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.settings.record_timeout = timeout;
        self
    }

    /// Sets what follows each failure: transient, permanent, too late, or a panic.
    pub fn on_failure(mut self, policy: FailurePolicy) -> Self {
        self.settings.transient = policy.clone();
        self.settings.permanent = policy.clone();
        self.settings.timed_out = policy.clone();
        self.settings.panicked = policy;
        self
    }

    /// Sets what follows a [permanent](Failed::permanent) failure.
    pub fn on_permanent(mut self, policy: FailurePolicy) -> Self {
        self.settings.permanent = policy;
        self
    }

    /// Sets the topic of dead letters, which the policy [`Then::DeadLetter`] needs.
    pub fn dead_letter_topic(self, topic: impl Into<String>) -> Self {
        Self {
            dead_letter_topic: Some(topic.into()),
            ..self
        }
    }

    /// Leaves out the headers of records: the function sees none, and a dead letter has only those that livebus adds.
    ///
    /// For a function that does not need them and many small records: librdkafka allocates memory to look for the headers of a record, even
    /// where there are none.
    pub fn without_headers(self) -> Self {
        Self {
            with_headers: false,
            ..self
        }
    }

    /// Sets a property of the client library for the consumer of this handler alone. It is checked when the supervision starts.
    pub fn property(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.push((key.into(), value.into()));
        self
    }

    /// Replaces all limits, timings and policies. `delivery` is set by [`group`](Self::group) and [`broadcast`](Self::broadcast) alone.
    pub fn settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// Returns the limits, timings and policies.
    #[must_use]
    pub const fn current_settings(&self) -> &Settings {
        &self.settings
    }

    /// Calls `function` with each record. `Ok` is final: the record will not come again, unless the process ends before that is committed.
    ///
    /// The future is polled on the runtime and must not block. It is dropped where it waits when it is cancelled: at its deadline, and
    /// when its partition is taken away or the service shuts down before it is done. A panic is a failure of the record.
    pub fn run<F, T>(self, function: F) -> RunnableHandler
    where
        F: Fn(Record, Context) -> T + Send + Sync + 'static,
        T: Future<Output = Result<(), Failed>> + Send + 'static,
    {
        self.with(AsyncFunction(Arc::new(function)))
    }

    /// Calls [`HandleRecord::handle`] with each record.
    pub fn run_with(self, handler: impl HandleRecord) -> RunnableHandler {
        let handler = Arc::new(handler);
        self.run(move |record, cx| {
            let handler = Arc::clone(&handler);
            async move { handler.handle(&record, &cx).await }
        })
    }

    /// Calls a function that blocks its thread, on the threads that the runtime has for that.
    ///
    /// It cannot be cancelled: beyond its deadline it counts as failed only when it returns, and a partition that is taken away in the meantime
    /// may be handled by its next owner at the same time. A function that takes long must look at [`Context::is_cancelled`] itself, and
    /// must have a time limit for each call that waits.
    pub fn run_blocking<F>(self, function: F) -> RunnableHandler
    where
        F: Fn(Record, Context) -> Result<(), Failed> + Send + Sync + 'static,
    {
        self.with(BlockingFunction(Arc::new(function)))
    }

    fn with(self, function: impl Function + 'static) -> RunnableHandler {
        RunnableHandler {
            handler: self,
            function: Box::new(function),
            intake: None,
        }
    }

    fn writes_dead_letters(&self) -> bool {
        let Settings {
            transient,
            permanent,
            timed_out,
            panicked,
            ..
        } = &self.settings;
        let policies = [transient, permanent, timed_out, panicked];
        policies
            .iter()
            .any(|policy| policy.then == Then::DeadLetter)
    }
}

impl RunnableHandler {
    /// Lets `intake` look at the records before they run.
    pub(crate) fn with_intake(self, intake: Arc<dyn Intake>) -> Self {
        Self {
            intake: Some(intake),
            ..self
        }
    }

    pub(crate) fn supervised(&self) -> Handler {
        Handler {
            name: self.handler.name.clone(),
            required: self.handler.is_required,
        }
    }

    /// Returns what the handler consumes.
    ///
    /// # Errors
    ///
    /// What is wrong with this handler alone.
    pub fn subscription(&self) -> Result<Subscription, HandlerError> {
        Ok(self.checked()?.0)
    }

    /// Checks everything that can be seen in this handler alone.
    pub(crate) fn check(self) -> Result<Spec, HandlerError> {
        let (subscription, config) = self.checked()?;
        Ok(Spec {
            subscription,
            config,
            function: self.function,
            intake: self.intake,
        })
    }

    fn checked(&self) -> Result<(Subscription, Config), HandlerError> {
        let handler = &self.handler;
        let name = || handler.name.clone();
        if handler.writes_dead_letters() && handler.dead_letter_topic.is_none() {
            return Err(HandlerError::NoDeadLetterTopic { handler: name() });
        }
        let group = match &handler.source {
            Source::Unnamed => return Err(HandlerError::NoGroup { handler: name() }),
            Source::Group(group) => Some(group.clone()),
            Source::Broadcast => None,
        };
        let settings = Settings {
            delivery: match group {
                Some(_) => Delivery::Group,
                None => Delivery::Broadcast,
            },
            ..handler.settings.clone()
        };
        let config = Config::new(settings).map_err(|source| HandlerError::Settings {
            handler: name(),
            source,
        })?;
        let subscription = Subscription {
            handler: name(),
            topics: handler.topics.clone(),
            group,
            begin: handler.begin,
            dead_letter_topic: handler.dead_letter_topic.clone(),
            with_headers: handler.with_headers,
            properties: handler.properties.clone(),
            max_bytes: handler.settings.limits.bytes,
            revocation_bound: config.revocation_bound(),
        };
        subscription.check()?;
        Ok((subscription, config))
    }
}

impl fmt::Debug for RunnableHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunnableHandler")
            .field("handler", &self.handler)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
