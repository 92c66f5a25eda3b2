//! What the author of a service calls with.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use livebus_core::calls::{Config, Counters, Identity, Settings};
use livebus_core::{ConfigError, Handler};

use crate::calls::call::Call;
use crate::calls::headers::HeaderWire;
use crate::calls::mailbox::CallMailbox;
use crate::calls::replies::{ReplyPartitions, ReplySubscription};
use crate::calls::wire::Wire;
use crate::loops::Clock;
use crate::random::random_number;

/// Calls over a bus: sends requests to topics, and receives their replies on partitions of a reply topic. Cheap to clone.
///
/// It is made first, so that handlers can have a clone of it, and works from when it is a part of a supervision
/// ([`Builder::caller`](crate::Builder::caller)). Before, and while the bus cannot be used, each call fails at once.
///
/// ```
/// use std::time::Duration;
/// use livebus_runner::calls::{CallError, Caller};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let caller = Caller::builder("orders", "orders-replies").build()?;
/// // Builder::new(kafka).caller(&caller).start().await?;
/// # let _ = async move {
/// let reply = caller.call("stock-requests", "article 7", "reserve 3").deadline(Duration::from_secs(2)).await?;
/// println!("{}", String::from_utf8_lossy(reply.payload()));
/// # Ok::<(), CallError>(())
/// # };
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Caller {
    spec: Arc<CallerSpec>,
    mailbox: Arc<CallMailbox>,
    /// That of its supervision, once it has one.
    clock: Arc<OnceLock<Clock>>,
}

/// Everything about a caller that was checked.
pub(crate) struct CallerSpec {
    pub(crate) replies: ReplySubscription,
    pub(crate) is_required: bool,
    pub(crate) config: Config,
    pub(crate) identity: Identity,
    pub(crate) wire: Arc<dyn Wire>,
    default_deadline: Duration,
}

/// What a caller needs: from [`Caller::builder`].
#[must_use = "it does nothing before it is built"]
pub struct CallerBuilder {
    name: String,
    reply_topic: String,
    partitions: ReplyPartitions,
    is_required: bool,
    instance: Option<u64>,
    default_deadline: Duration,
    properties: Vec<(String, String)>,
    settings: Settings,
    wire: Arc<dyn Wire>,
}

/// A caller that cannot be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallerError {
    /// The name is empty.
    #[error("a caller has an empty name: name it after what it calls, for people")]
    NoName,
    /// The reply topic is empty.
    #[error("the caller `{caller}` has no reply topic: name one that no other service reads")]
    NoReplyTopic {
        /// The caller.
        caller: String,
    },
    /// The number of the reply partition is negative.
    #[error("the caller `{caller}` has the reply partition {partition}: make it 0 or more")]
    Partition {
        /// The caller.
        caller: String,
        /// The number.
        partition: i32,
    },
    /// A setting is invalid.
    #[error("the caller `{caller}`: {source}")]
    Settings {
        /// The caller.
        caller: String,
        /// Which one, and why.
        source: ConfigError,
    },
    /// It is a part of a supervision already, or was.
    #[error("the caller `{caller}` was given to a builder before: build another one")]
    AlreadyStarted {
        /// The caller.
        caller: String,
    },
    /// The bus refuses it.
    #[error("the caller `{caller}`: {reason}")]
    Rejected {
        /// The caller.
        caller: String,
        /// What is wrong, with the value and the remedy.
        reason: String,
    },
}

impl Caller {
    /// How long a call may take that sets no deadline, unless the caller says otherwise.
    pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

    /// Begins a caller with this name, for people, and a reply topic. No handler or other caller of the service may have the same name.
    ///
    /// Instances of one service may share the reply topic: each reads one partition of it and ignores the replies to others.
    pub fn builder(name: impl Into<String>, reply_topic: impl Into<String>) -> CallerBuilder {
        CallerBuilder {
            name: name.into(),
            reply_topic: reply_topic.into(),
            partitions: ReplyPartitions::OfInstance,
            is_required: true,
            instance: None,
            default_deadline: Self::DEFAULT_DEADLINE,
            properties: Vec::new(),
            settings: Settings::default(),
            wire: Arc::new(HeaderWire),
        }
    }

    /// Prepares a call: a request to a topic, which is made when the call is awaited. Requests with one key go to one partition, in the order
    /// of their calls; an empty key leaves the choice of the partition to the client library.
    ///
    /// It ends with the reply, or with a [`CallError`](crate::calls::CallError) that says whether the request was executed.
    pub fn call(
        &self,
        topic: impl Into<Arc<str>>,
        key: impl Into<Vec<u8>>,
        request: impl Into<Vec<u8>>,
    ) -> Call {
        Call {
            mailbox: Arc::clone(&self.mailbox),
            clock: Arc::clone(&self.clock),
            topic: topic.into(),
            key: Some(key.into()).filter(|key| !key.is_empty()),
            payload: request.into(),
            timeout: self.spec.default_deadline,
            idempotency_key: None,
            method: None,
            traceparent: None,
        }
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.replies.caller
    }

    /// Returns the id that its replies carry.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.spec.identity
    }

    /// Returns what was counted since it was made: at most a tenth of a second old, but for the calls that were refused at once.
    ///
    /// A call that was never awaited counts as little as one that was not made.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.mailbox.shown().progress().counters
    }

    pub(crate) const fn spec(&self) -> &Arc<CallerSpec> {
        &self.spec
    }

    pub(crate) const fn mailbox(&self) -> &Arc<CallMailbox> {
        &self.mailbox
    }

    pub(crate) fn supervised(&self) -> Handler {
        Handler {
            name: self.name().to_owned(),
            required: self.spec.is_required,
        }
    }

    /// Logs it if the calls in flight may be replied for longer than the supervision waits, which stops at `shutdown_bound`.
    pub(crate) fn warn_when_cut_off_by(&self, service: &str, shutdown_bound: Duration) {
        let bound = self.spec.config.shutdown_bound();
        if bound > shutdown_bound {
            tracing::warn!(
                service,
                caller = self.name(),
                drain_ms = bound.as_millis(),
                shutdown_bound_ms = shutdown_bound.as_millis(),
                "the supervision may stop before the caller has: make `drain` of the caller shorter, or `drain` of the supervision longer"
            );
        }
    }

    /// Makes it a part of a supervision.
    pub(crate) fn start(&self, clock: &Clock) -> Result<(), CallerError> {
        let caller = || self.name().to_owned();
        let started = self.mailbox.start();
        started.map_err(|_| CallerError::AlreadyStarted { caller: caller() })?;
        // It starts once.
        let _ = self.clock.set(clock.clone());
        Ok(())
    }
}

impl CallerBuilder {
    /// Sets which partitions of the reply topic are read. The default is one, which follows from the instance.
    pub fn reply_partitions(self, partitions: ReplyPartitions) -> Self {
        Self { partitions, ..self }
    }

    /// Lets the service be ready while this caller cannot read its replies.
    pub fn optional(self) -> Self {
        Self {
            is_required: false,
            ..self
        }
    }

    /// Sets the id of the instance; the default is a random one. No other caller that shares the reply topic may have it.
    ///
    /// With an id that stays the same over restarts, the instance keeps its reply partition, and replies to the process before it are counted
    /// as such.
    pub fn instance(self, id: u64) -> Self {
        Self {
            instance: Some(id),
            ..self
        }
    }

    /// Sets how long a call may take that sets no deadline.
    pub fn default_deadline(self, deadline: Duration) -> Self {
        Self {
            default_deadline: deadline,
            ..self
        }
    }

    /// Sets a property of the client library for the clients of this caller alone. It is checked when the supervision starts.
    pub fn property(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.push((key.into(), value.into()));
        self
    }

    /// Replaces all limits, timings and policies.
    pub fn settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// Replaces the wire: how requests and replies are written. The default is [`HeaderWire`].
    pub fn wire(self, wire: impl Wire) -> Self {
        Self {
            wire: Arc::new(wire),
            ..self
        }
    }

    /// Checks everything that can be seen in this caller alone.
    ///
    /// # Errors
    ///
    /// [`CallerError`] for the first thing that cannot be right.
    pub fn build(self) -> Result<Caller, CallerError> {
        if self.name.is_empty() {
            return Err(CallerError::NoName);
        }
        let caller = || self.name.clone();
        if self.reply_topic.is_empty() {
            return Err(CallerError::NoReplyTopic { caller: caller() });
        }
        match self.partitions {
            ReplyPartitions::One(partition) if partition < 0 => {
                return Err(CallerError::Partition {
                    caller: caller(),
                    partition,
                });
            }
            ReplyPartitions::OfInstance | ReplyPartitions::One(_) | ReplyPartitions::All => {}
        }
        let instance = self.instance.unwrap_or_else(random_number);
        let settings = Settings {
            seed: if self.settings.seed == 0 {
                instance
            } else {
                self.settings.seed
            },
            ..self.settings
        };
        let config = Config::new(settings).map_err(|source| CallerError::Settings {
            caller: caller(),
            source,
        })?;
        let limits = config.settings().limits.clone();
        let hint = config.settings().overload_hint;
        let replies = ReplySubscription {
            caller: self.name,
            topic: self.reply_topic.into(),
            instance,
            partitions: self.partitions,
            properties: self.properties,
            max_bytes: limits.bytes,
        };
        Ok(Caller {
            spec: Arc::new(CallerSpec {
                replies,
                is_required: self.is_required,
                config,
                identity: Identity {
                    instance,
                    epoch: microseconds(SystemTime::now()),
                },
                wire: self.wire,
                default_deadline: self.default_deadline,
            }),
            mailbox: Arc::new(CallMailbox::new(limits, hint)),
            clock: Arc::default(),
        })
    }
}

/// A process that starts later has a greater one, unless the clock went back between them.
fn microseconds(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("name", &self.name())
            .field("identity", &self.identity())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CallerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallerBuilder")
            .field("name", &self.name)
            .field("reply_topic", &self.reply_topic)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
