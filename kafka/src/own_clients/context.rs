//! The context of a client, which reports to the bus, and the user's context inside, to which it delegates each callback.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::Statistics;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{
    BaseConsumer, Consumer as _, ConsumerContext, DefaultConsumerContext, Rebalance,
    RebalanceProtocol,
};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{Partitioner, ProducerContext};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::util::Timeout;

use super::link::Link;

/// The context of a client that [`OwnClients::create`](super::OwnClients::create) has made, with the user's context inside.
#[derive(Debug)]
pub struct OwnContext<C> {
    inner: C,
    link: Arc<Link>,
}

impl<C> OwnContext<C> {
    pub(super) const fn new(inner: C, link: Arc<Link>) -> Self {
        Self { inner, link }
    }

    /// Returns the user's context.
    #[must_use]
    pub const fn inner(&self) -> &C {
        &self.inner
    }

    pub(super) const fn link(&self) -> &Arc<Link> {
        &self.link
    }
}

impl<C: ClientContext> ClientContext for OwnContext<C> {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = C::ENABLE_REFRESH_OAUTH_TOKEN;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.inner.log(level, facility, message);
    }

    // Called only by the user's own `stats_raw`, and then on the user's context.
    fn stats(&self, statistics: Statistics) {
        self.inner.stats(statistics);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.link.on_statistics(statistics);
        if self.link.forwards_statistics {
            self.inner.stats_raw(statistics);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.link.on_error(&error, reason);
        self.inner.error(error, reason);
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.inner.generate_oauth_token(config)
    }
}

impl<C: ProducerContext<P>, P: Partitioner> ProducerContext<P> for OwnContext<C> {
    type DeliveryOpaque = C::DeliveryOpaque;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: C::DeliveryOpaque) {
        self.link.on_delivery(result);
        self.inner.delivery(result, opaque);
    }

    fn get_custom_partitioner(&self) -> Option<&P> {
        self.inner.get_custom_partitioner()
    }
}

impl<C: OwnConsumerContext> ConsumerContext for OwnContext<C> {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        kind: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        self.inner.rebalance(consumer, kind, partitions);
    }

    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        self.inner.pre_rebalance(consumer, rebalance);
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        self.inner.post_rebalance(consumer, rebalance);
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        // A commit of nothing is not sent.
        if result.is_ok() && offsets.count() > 0 {
            self.link.on_commit();
        }
        self.inner.commit_callback(result, offsets);
    }

    fn main_queue_min_poll_interval(&self) -> Timeout {
        self.inner.main_queue_min_poll_interval()
    }
}

/// The context of a consumer that [`OwnClients::create`](super::OwnClients::create) makes, in place of rdkafka's
/// [`ConsumerContext`](rdkafka::consumer::ConsumerContext).
///
/// It has the same callbacks with the same defaults. Only the type of the consumer that they receive differs, because a consumer's
/// type names its context, and this one is inside an [`OwnContext`].
///
/// ```
/// use livebus_kafka::rdkafka::client::ClientContext;
/// use livebus_kafka::rdkafka::consumer::{BaseConsumer, Rebalance};
/// use livebus_kafka::{OwnConsumerContext, OwnContext};
///
/// struct Orders;
///
/// impl ClientContext for Orders {}
///
/// impl OwnConsumerContext for Orders {
///     fn pre_rebalance(&self, _: &BaseConsumer<OwnContext<Self>>, rebalance: &Rebalance<'_>) {
///         println!("{rebalance:?}");
///     }
/// }
/// ```
pub trait OwnConsumerContext: ClientContext + Sized {
    /// Assigns and revokes partitions. The default calls [`pre_rebalance`](Self::pre_rebalance) and
    /// [`post_rebalance`](Self::post_rebalance), and does between them what the group's protocol needs.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<OwnContext<Self>>,
        kind: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let is_assignment = kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        let rebalance = if is_assignment {
            Rebalance::Assign(partitions)
        } else if kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS {
            Rebalance::Revoke(partitions)
        } else {
            Rebalance::Error(KafkaError::Rebalance(kind.into()))
        };
        self.pre_rebalance(consumer, &rebalance);
        let is_cooperative = matches!(
            consumer.rebalance_protocol(),
            RebalanceProtocol::Cooperative
        );
        let done = match (is_assignment, is_cooperative) {
            (true, true) => consumer.incremental_assign(partitions),
            (true, false) => consumer.assign(partitions),
            (false, true) => consumer.incremental_unassign(partitions),
            (false, false) => consumer.unassign(),
        };
        if let Err(error) = done {
            tracing::error!(%error, ?rebalance, "a rebalance failed");
        }
        self.post_rebalance(consumer, &rebalance);
    }

    /// Called before a rebalance.
    #[expect(unused_variables, reason = "the default does nothing")]
    fn pre_rebalance(&self, consumer: &BaseConsumer<OwnContext<Self>>, rebalance: &Rebalance<'_>) {}

    /// Called after a rebalance.
    #[expect(unused_variables, reason = "the default does nothing")]
    fn post_rebalance(&self, consumer: &BaseConsumer<OwnContext<Self>>, rebalance: &Rebalance<'_>) {
    }

    /// Called with the result of a commit.
    #[expect(unused_variables, reason = "the default does nothing")]
    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {}

    /// Returns the minimum interval at which the main queue is polled, which has log lines, statistics and errors.
    fn main_queue_min_poll_interval(&self) -> Timeout {
        Timeout::After(Duration::from_secs(1))
    }
}

impl OwnConsumerContext for DefaultConsumerContext {}
