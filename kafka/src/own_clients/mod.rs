//! The service's own clients: their traffic as evidence, and their errors as suspicions.

mod answers;
mod context;
mod failed_deliveries;
mod future_producer;
mod link;
mod shared;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::consumer::{BaseConsumer, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{BaseProducer, Partitioner, ProducerContext, ThreadedProducer};
use rdkafka::util::AsyncRuntime;

pub use context::{OwnConsumerContext, OwnContext};
pub use failed_deliveries::OnFailedDelivery;
pub use future_producer::{OwnDelivery, OwnFutureProducer};
pub(crate) use link::Link;
pub(crate) use shared::{Claim, Shared};

pub(crate) const STATISTICS_INTERVAL: &str = "statistics.interval.ms";

/// Makes the service's own Kafka clients, so that their traffic is evidence and their errors are suspicions.
///
/// It is small, and clones are the same. [`KafkaConfig::own_clients`](crate::KafkaConfig::own_clients) returns it before the
/// supervision starts, [`KafkaBus::own_clients`](crate::KafkaBus::own_clients) afterwards. While the service's own clients prove that
/// the bus works, no liveness message is sent.
///
/// ```no_run
/// use livebus_kafka::rdkafka::producer::{DefaultProducerContext, ThreadedProducer};
/// # fn example(kafka: &livebus_kafka::KafkaConfig) -> Result<(), Box<dyn std::error::Error>> {
/// let own = kafka.own_clients();
/// let producer: ThreadedProducer<_> = own.create(&kafka.client_config(), DefaultProducerContext)?;
/// # Ok(())
/// # }
/// ```
///
/// # What is evidence
///
/// An answer of a broker, with the instant at which it arrived, which librdkafka's statistics have. So it does not matter how late
/// the service takes a record or a result from a queue of the client.
///
/// - A producer: a delivery that a broker has acknowledged. With `acks=0` nothing is acknowledged, and nothing is evidence.
/// - A consumer: fetch requests are sent, and a broker answers. A record proves nothing: it may have been in the client's queue for
///   long. While a consumer is paused, has no partition, or is full, it fetches nothing, and proves nothing. A commit that is
///   acknowledged to [`commit_callback`](OwnConsumerContext::commit_callback) is evidence too.
///
/// Evidence is as old as the newest statistics. Where the configuration has no `statistics.interval.ms`, it is set to
/// [`statistics_every`](Self::statistics_every), by default one second, and the context never receives these statistics. An interval of
/// the configuration stays, and its statistics go to the context too; if it is longer than `live_interval`, liveness messages are
/// sent as if there were no traffic, and a warning is logged once. `0` means no statistics, and no evidence.
///
/// # What is a suspicion
///
/// What librdkafka reports to [`ClientContext::error`], and a delivery that fails without the answer of a broker. A delivery that
/// fails for good also counts for its topic: see [`OnFailedDelivery`].
#[derive(Clone)]
pub struct OwnClients {
    shared: Arc<Shared>,
    interval: Duration,
}

impl OwnClients {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            interval: Duration::from_secs(1),
        }
    }

    /// Sets how often a client makes statistics, where its configuration has no `statistics.interval.ms`. It should be at most a
    /// quarter of [`live_interval`](livebus_core::Settings::live_interval). The least is one millisecond.
    #[must_use]
    pub fn statistics_every(self, interval: Duration) -> Self {
        let interval = interval.max(Duration::from_millis(1));
        Self { interval, ..self }
    }

    /// Makes a client whose traffic is evidence, with `context` inside: each of its callbacks is called as before. Everything else
    /// of `config` stays as it is.
    ///
    /// ```no_run
    /// # use livebus_kafka::{OwnClients, OwnFutureProducer, rdkafka};
    /// # use rdkafka::client::DefaultClientContext;
    /// # use rdkafka::consumer::{BaseConsumer, DefaultConsumerContext, StreamConsumer};
    /// # use rdkafka::producer::{BaseProducer, DefaultProducerContext, ThreadedProducer};
    /// # use rdkafka::util::AsyncRuntime;
    /// # fn example<R: AsyncRuntime>(own: &OwnClients, config: &rdkafka::ClientConfig) -> rdkafka::error::KafkaResult<()> {
    /// let producer: BaseProducer<_> = own.create(config, DefaultProducerContext)?;
    /// let producer: ThreadedProducer<_> = own.create(config, DefaultProducerContext)?;
    /// // In place of a `FutureProducer`:
    /// let producer: OwnFutureProducer<_, R> = own.create(config, DefaultClientContext)?;
    /// let consumer: BaseConsumer<_> = own.create(config, DefaultConsumerContext)?;
    /// let consumer: StreamConsumer<_, R> = own.create(config, DefaultConsumerContext)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// That of rdkafka, when it cannot make the client.
    ///
    /// # Panics
    ///
    /// As rdkafka's own: a `StreamConsumer` on tokio must be made inside a runtime.
    pub fn create<T, C>(&self, config: &ClientConfig, context: C) -> KafkaResult<T>
    where
        T: OwnClient<C>,
        C: ClientContext,
    {
        let mut config = config.clone();
        let is_user_s = config.get(STATISTICS_INTERVAL).is_some();
        if !is_user_s {
            let interval = self.interval.as_millis().min(86_400_000);
            config.set(STATISTICS_INTERVAL, interval.to_string());
        }
        let link = Link::new(Arc::clone(&self.shared), is_user_s);
        T::from_context(&config, OwnContext::new(context, link))
    }
}

impl OwnClients {
    /// Counts a record for `topic` that the `send` of a [`BaseProducer`] or a [`ThreadedProducer`] has refused at once, as a delivery
    /// that has failed: rdkafka calls no callback for it. An [`OwnFutureProducer`] does this itself. A full queue is no failure.
    pub fn on_refused(&self, topic: &str, error: &KafkaError) {
        self.shared.deliveries.on_error(topic, error);
    }
}

impl fmt::Debug for OwnClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnClients")
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

/// A client that [`OwnClients::create`] makes, with a context of the type `C` inside: rdkafka's [`BaseProducer`],
/// [`ThreadedProducer`], [`BaseConsumer`] and [`StreamConsumer`], and [`OwnFutureProducer`].
///
/// rdkafka's `FutureProducer` is none: it keeps the results of its deliveries to itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made with the context `{C}`",
    note = "use `OwnFutureProducer` in place of `FutureProducer`; the context of a consumer implements `OwnConsumerContext` in place of \
            `ConsumerContext`"
)]
pub trait OwnClient<C: ClientContext>: Sized + sealed::Sealed {
    #[doc(hidden)]
    fn from_context(config: &ClientConfig, context: OwnContext<C>) -> KafkaResult<Self>;
}

mod sealed {
    pub trait Sealed {}
}

impl<C: ProducerContext<P>, P: Partitioner> sealed::Sealed for BaseProducer<OwnContext<C>, P> {}
impl<C: ProducerContext<P>, P: Partitioner> OwnClient<C> for BaseProducer<OwnContext<C>, P> {
    fn from_context(config: &ClientConfig, context: OwnContext<C>) -> KafkaResult<Self> {
        Self::from_config_and_context(config, context)
    }
}

impl<C, P> sealed::Sealed for ThreadedProducer<OwnContext<C>, P>
where
    C: ProducerContext<P> + 'static,
    P: Partitioner + Send + Sync + 'static,
{
}
impl<C, P> OwnClient<C> for ThreadedProducer<OwnContext<C>, P>
where
    C: ProducerContext<P> + 'static,
    P: Partitioner + Send + Sync + 'static,
{
    fn from_context(config: &ClientConfig, context: OwnContext<C>) -> KafkaResult<Self> {
        Self::from_config_and_context(config, context)
    }
}

impl<C: ClientContext + 'static, R: AsyncRuntime> sealed::Sealed for OwnFutureProducer<C, R> {}
impl<C: ClientContext + 'static, R: AsyncRuntime> OwnClient<C> for OwnFutureProducer<C, R> {
    fn from_context(config: &ClientConfig, context: OwnContext<C>) -> KafkaResult<Self> {
        Self::new(config, context)
    }
}

impl<C: OwnConsumerContext> sealed::Sealed for BaseConsumer<OwnContext<C>> {}
impl<C: OwnConsumerContext> OwnClient<C> for BaseConsumer<OwnContext<C>> {
    fn from_context(config: &ClientConfig, context: OwnContext<C>) -> KafkaResult<Self> {
        Self::from_config_and_context(config, context)
    }
}

impl<C, R> sealed::Sealed for StreamConsumer<OwnContext<C>, R>
where
    C: OwnConsumerContext + 'static,
    R: AsyncRuntime,
{
}
impl<C, R> OwnClient<C> for StreamConsumer<OwnContext<C>, R>
where
    C: OwnConsumerContext + 'static,
    R: AsyncRuntime,
{
    fn from_context(config: &ClientConfig, context: OwnContext<C>) -> KafkaResult<Self> {
        Self::from_config_and_context(config, context)
    }
}

#[cfg(test)]
mod tests;
