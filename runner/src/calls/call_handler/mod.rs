//! The side that is called: a request handler whose function returns a reply.

mod answering;
mod intake;
mod log;
mod replying;
mod request;
mod running;
mod state;
mod turns;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use livebus_core::ConfigError;
use livebus_core::calls::{CalleeConfig, CalleeSettings};
use livebus_core::dispatch::{self, FailurePolicy, Order, Settings, Then};

use crate::calls::headers::HeaderWire;
use crate::calls::wire::Wire;
use crate::handlers::{HandlerError, RequestHandler, RunnableHandler, Subscription};
use intake::CallIntake;

pub(crate) use answering::Answering;
pub(crate) use replying::{OnFailure, Outside};
pub use request::{CallContext, NotReplied, Request};

/// A call handler: a [request handler](RequestHandler) whose function returns a reply to the caller.
///
/// It needs a name, topics and a group, as a request handler. The rest has defaults:
///
/// - It is required: the service is not Running before the handler is registered.
/// - Requests with one key run one after the other, up to 64 requests at once.
/// - A request whose caller does not wait any more is dropped before it runs, and so is one that its caller cancelled.
/// - A request runs at least once: after a crash or a rebalance some run again. [`at_most_once`](Self::at_most_once) is the other choice.
///
/// ```
/// use livebus_runner::calls::{ApplicationError, CallHandler};
///
/// let handler = CallHandler::new("stock")
///     .topics(["stock-requests"])
///     .group("stock")
///     .run(|request, _cx| async move {
///         let text = str::from_utf8(request.payload()).map_err(|error| ApplicationError {
///             code: 1,
///             reason: error.to_string(),
///         })?;
///         Ok(format!("reserved: {text}").into_bytes())
///     });
/// // Builder::new(kafka).call_handler(handler).start().await?;
/// ```
#[derive(Clone)]
#[must_use = "a handler does nothing before it has a function and is given to a builder"]
pub struct CallHandler {
    handler: RequestHandler,
    wire: Arc<dyn Wire>,
    methods: Vec<String>,
    callee: CalleeSettings,
    default_deadline: Duration,
}

/// A call handler with its function, for [`Builder::call_handler`](crate::Builder::call_handler).
#[must_use = "a handler does nothing before it is given to a builder"]
pub struct RunnableCallHandler {
    pub(crate) handler: RunnableHandler,
    pub(crate) callee: Result<Arc<Answering>, ConfigError>,
}

impl CallHandler {
    /// How many requests run at once, unless [`concurrency`](Self::concurrency) says otherwise.
    pub const DEFAULT_CONCURRENCY: u32 = 64;

    /// How long the caller of a request waits whose wire does not say it, unless [`default_deadline`](Self::default_deadline) says otherwise.
    pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

    /// How long a commit waits for others with `at_most_once`.
    const COMMIT_INTERVAL: Duration = Duration::from_millis(5);

    /// Begins a handler with this name, for people: usually that of its topic. No two handlers or callers of a service may have the same.
    pub fn new(name: impl Into<String>) -> Self {
        let handler = RequestHandler::new(name)
            .order(Order::Key)
            .concurrency(Self::DEFAULT_CONCURRENCY);
        Self {
            handler,
            wire: Arc::new(HeaderWire),
            methods: Vec::new(),
            callee: CalleeSettings::default(),
            default_deadline: Self::DEFAULT_DEADLINE,
        }
    }

    /// Reads these topics.
    pub fn topics(self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        self.with(|handler| handler.topics(names))
    }

    /// Shares the partitions with the other members of this group. Each request runs in one of them.
    pub fn group(self, name: impl Into<String>) -> Self {
        self.with(|handler| handler.group(name))
    }

    /// Lets the service be ready without this handler.
    pub fn optional(self) -> Self {
        self.with(RequestHandler::optional)
    }

    /// Sets which requests wait for which.
    pub fn order(self, order: Order) -> Self {
        self.with(|handler| handler.order(order))
    }

    /// Sets how many requests run at once.
    pub fn concurrency(self, requests: u32) -> Self {
        self.with(|handler| handler.concurrency(requests))
    }

    /// Sets a property of the client library for the clients of this handler alone. It is checked when the supervision starts.
    pub fn property(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(|handler| handler.property(key, value))
    }

    /// Names the methods that it has. A request for another one, or for none, is refused as unsupported. Without this call every request runs.
    pub fn methods(mut self, names: impl IntoIterator<Item: Into<String>>) -> Self {
        self.methods.extend(names.into_iter().map(Into::into));
        self
    }

    /// Replaces the wire: how requests and replies are written. The default is [`HeaderWire`].
    pub fn wire(self, wire: impl Wire) -> Self {
        Self {
            wire: Arc::new(wire),
            ..self
        }
    }

    /// Runs each request at most once: its position is acknowledged by the group before it begins.
    ///
    /// A crash then loses requests, where it would repeat them otherwise; their callers learn nothing before their deadlines. Each request
    /// waits for a commit, which costs some milliseconds.
    pub fn at_most_once(mut self) -> Self {
        self.callee.at_most_once = true;
        self
    }

    /// Sets how much older than its deadline a request may be and still runs: for clocks that differ. One second by default.
    pub fn tolerance(mut self, tolerance: Duration) -> Self {
        self.callee.tolerance = tolerance;
        self
    }

    /// Sets how many replies are kept for each partition, for requests that come again with the same idempotency key. 1,000 by default.
    pub fn old_replies(mut self, replies: u32) -> Self {
        self.callee.old_replies = replies;
        self
    }

    /// Sets how long the caller of a request waits whose wire does not say it.
    pub fn default_deadline(self, deadline: Duration) -> Self {
        Self {
            default_deadline: deadline,
            ..self
        }
    }

    /// Replaces all limits and timings of the dispatcher. What follows a failure is not one of them: the caller learns of it, and the request
    /// is over. `record_timeout` bounds each run, whatever deadline its caller has set: the caller receives the code -2.
    pub fn settings(self, settings: Settings) -> Self {
        self.with(|handler| handler.settings(settings))
    }

    /// Calls `function` with each request that is to run. `Ok` is the reply.
    ///
    /// The future is polled on the runtime and must not block. It is dropped where it waits when its caller does not wait any more, when its
    /// partition is taken away, and when the service shuts down before it is done. A panic is an error of the application for the caller.
    pub fn run<F, T>(self, function: F) -> RunnableCallHandler
    where
        F: Fn(Request, CallContext) -> T + Send + Sync + 'static,
        T: Future<Output = Result<Vec<u8>, NotReplied>> + Send + 'static,
    {
        let settings = self.handler.current_settings().clone();
        let once = self.callee.at_most_once;
        let never_again = FailurePolicy {
            retries: 0,
            then: Then::Skip,
            ..settings.permanent.clone()
        };
        let settings = Settings {
            commit_interval: if once {
                settings.commit_interval.min(Self::COMMIT_INTERVAL)
            } else {
                settings.commit_interval
            },
            ..settings
        };
        let of_dispatcher = Settings {
            // The callee ends functions itself, and replies.
            record_timeout: None,
            ..settings.clone()
        };
        let handler = self.handler.settings(of_dispatcher).on_failure(never_again);
        let callee = callee_config(&self.callee, &settings).map(|config| {
            Arc::new(Answering::new(
                config,
                self.wire,
                self.methods,
                self.default_deadline,
                &settings,
            ))
        });
        let answering = callee.clone();
        let function = Arc::new(function);
        let handler = handler.run(move |record, cx| {
            let (answering, function) = (answering.clone(), Arc::clone(&function));
            async move {
                match answering {
                    Ok(answering) => answering.answer(record, cx, function).await,
                    // It is refused when the supervision starts.
                    Err(_) => Ok(()),
                }
            }
        });
        let handler = match &callee {
            Ok(answering) => handler.with_intake(Arc::new(CallIntake::new(Arc::clone(answering)))),
            Err(_) => handler,
        };
        RunnableCallHandler { handler, callee }
    }

    fn with(self, change: impl FnOnce(RequestHandler) -> RequestHandler) -> Self {
        Self {
            handler: change(self.handler),
            ..self
        }
    }
}

/// Checks the settings of the callee. How many requests another member may have begun follows from those of the dispatcher.
fn callee_config(
    callee: &CalleeSettings,
    settings: &Settings,
) -> Result<CalleeConfig, ConfigError> {
    let config = dispatch::Config::new(settings.clone())?;
    CalleeConfig::new(CalleeSettings {
        max_duplicates: config.max_duplicates(),
        ..callee.clone()
    })
}

impl RunnableCallHandler {
    /// Returns what the handler consumes.
    ///
    /// # Errors
    ///
    /// What is wrong with this handler alone.
    pub fn subscription(&self) -> Result<Subscription, HandlerError> {
        self.handler.subscription()
    }
}

impl fmt::Debug for CallHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallHandler")
            .field("handler", &self.handler)
            .field("methods", &self.methods)
            .field("callee", &self.callee)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RunnableCallHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunnableCallHandler")
            .field("handler", &self.handler)
            .finish_non_exhaustive()
    }
}
