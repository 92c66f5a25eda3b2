//! The rdkafka callbacks of a handler's consumer. None of them waits.

use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;

use crate::lock::lock;
use crate::log_level::is_notable;
use crate::oauth::Tokens;
use crate::own_clients::Link;

pub(crate) type Client = BaseConsumer<HandlerContext>;

/// A partition of a topic, as librdkafka names it.
pub(crate) type TopicPartition = (String, i32);

/// Keeps what the callbacks report, until the loop takes it.
pub(crate) struct HandlerContext {
    handler: String,
    tokens: Tokens,
    link: Arc<Link>,
    rebalances: Mutex<Vec<Rebalance>>,
    /// How many callbacks there were: rdkafka's poll returns nothing after one, though more may be there.
    calls: AtomicU64,
    is_closing: AtomicBool,
}

/// A rebalance that must be answered, by an assign or an unassign: librdkafka reports no other one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rebalance {
    Assign(Vec<TopicPartition>),
    Revoke {
        partitions: Vec<TopicPartition>,
        /// Another member may have them already.
        are_lost: bool,
    },
}

impl HandlerContext {
    /// With the link through which the traffic of the consumer is evidence, and its errors are suspicions.
    pub(crate) const fn new(handler: String, tokens: Tokens, link: Arc<Link>) -> Self {
        Self {
            handler,
            tokens,
            link,
            rebalances: Mutex::new(Vec::new()),
            calls: AtomicU64::new(0),
            is_closing: AtomicBool::new(false),
        }
    }

    pub(crate) fn take_rebalances(&self) -> Vec<Rebalance> {
        std::mem::take(&mut *lock(&self.rebalances))
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// From now on every rebalance is answered in its callback: librdkafka waits for that when it closes.
    pub(crate) fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
    }

    /// A commit has succeeded: for a position at least the coordinator has acknowledged it.
    pub(crate) fn on_commit(&self) {
        self.link.on_commit();
    }

    fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }
}

impl ClientContext for HandlerContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.called();
        self.tokens.make(config)
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.called();
        let handler = &*self.handler;
        if is_notable(level) {
            tracing::debug!(target: "librdkafka", handler, facility, message);
        } else {
            tracing::trace!(target: "librdkafka", handler, facility, message);
        }
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.called();
        self.link.on_statistics(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.called();
        self.link.on_error(&error, reason);
        tracing::debug!(target: "librdkafka", handler = self.handler, %error, reason);
    }
}

impl ConsumerContext for HandlerContext {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        self.called();
        let is_assign = error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.is_closing.load(Ordering::Acquire) {
            let is_cooperative = is_cooperative(consumer);
            let answered = match (is_assign, is_cooperative) {
                (true, true) => consumer.incremental_assign(list),
                (true, false) => consumer.assign(list),
                (false, true) => consumer.incremental_unassign(list),
                (false, false) => consumer.unassign(),
            };
            if let Err(error) = answered {
                tracing::debug!(handler = self.handler, %error, "a rebalance while closing");
            }
            return;
        }
        let partitions = list
            .elements()
            .iter()
            .map(|it| (it.topic().to_owned(), it.partition()))
            .collect();
        let rebalance = if is_assign {
            Rebalance::Assign(partitions)
        } else {
            Rebalance::Revoke {
                partitions,
                // It is known only here.
                are_lost: consumer.assignment_lost(),
            }
        };
        lock(&self.rebalances).push(rebalance);
    }
}

/// Returns whether partitions are assigned one by one.
pub(crate) fn is_cooperative(consumer: &Client) -> bool {
    matches!(
        consumer.rebalance_protocol(),
        RebalanceProtocol::Cooperative
    )
}
