//! The consumers of request handlers.
//!
//! - `kafka_consumer`: the consumer of one handler, which its loop polls.
//! - `context`: the callbacks of rdkafka. `rebalancing` decides the answers to what they report, `assigning`
//!   gives them, `commits` keeps to one commit at a time.
//! - `answers`, `lookups`: threads for calls that wait for a broker.
//! - `assigned`: the partitions, and the records that were fetched of them.
//! - `done_set`: the metadata of a committed position. `config`: properties. `dead_letters`: their producer.

mod answers;
mod assigned;
mod assigning;
mod commit_calls;
mod commits;
mod config;
mod context;
mod dead_letters;
mod done_set;
mod fetch_check;
mod kafka_consumer;
mod lookups;
mod rebalancing;

use livebus_core::Failure;
use livebus_runner::handlers::{Consumer, ConsumerBus, PartitionNumbers, Subscription, Wake};
use livebus_runner::{Bus as _, Explanation, Runtime};

use crate::kafka_bus::KafkaBus;
use crate::remedy::handler_remedy;
pub(crate) use context::TopicPartition;
pub(crate) use fetch_check::FetchCheck;
use kafka_consumer::KafkaConsumer;
pub(crate) use lookups::list;

impl<R: Runtime> ConsumerBus for KafkaBus<R> {
    fn check_subscriptions(&self, subscriptions: &[&Subscription]) -> Result<(), String> {
        config::check(self.config(), subscriptions)
    }

    fn open_consumer(
        &self,
        subscription: &Subscription,
        numbers: &PartitionNumbers,
        wake: Wake,
    ) -> Result<Box<dyn Consumer>, Failure> {
        let consumer = KafkaConsumer::open(self.config(), subscription, numbers, wake)?;
        Ok(Box::new(consumer))
    }

    fn explain_handler(&self, failure: Failure) -> Explanation {
        Explanation {
            remedy: Some(handler_remedy(failure).into()),
            ..self.explain(failure)
        }
    }
}
