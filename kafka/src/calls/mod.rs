//! Requests and replies.
//!
//! - `call_client`: the clients of one caller, which its loop polls: a consumer of replies and a `producer` of requests.
//! - `reply_client`: the producer of a call handler.
//! - `sent`: what a delivery report says about a request. `positions`: where replies continue, across clients.
//! - `leader_check`: whether the leaders of the reply partitions answer. `lookups`: the questions to them.
//! - `reply_partitions`: what is assigned, and the records that were fetched of it. `config`: properties.

mod call_client;
mod config;
mod context;
mod leader_check;
mod lookups;
mod positions;
mod producer;
mod reply_client;
mod reply_partitions;
mod sent;

use std::sync::Arc;

use livebus_core::Failure;
use livebus_runner::calls::{CallBus, CallClient, ReplyClient, ReplySubscription};
use livebus_runner::handlers::{Subscription, Wake};
use livebus_runner::{Bus as _, Explanation, Runtime};

use crate::kafka_bus::KafkaBus;
use crate::remedy::caller_remedy;
use call_client::KafkaCallClient;
pub use leader_check::REPLIES_UNREACHABLE_BOUND;
pub(crate) use positions::CallerPositions;
use reply_client::KafkaReplyClient;

impl<R: Runtime> CallBus for KafkaBus<R> {
    fn check_caller(&self, replies: &ReplySubscription) -> Result<(), String> {
        config::check(self.config(), replies)
    }

    fn open_call_client(
        &self,
        replies: &ReplySubscription,
        wake: Wake,
    ) -> Result<Box<dyn CallClient>, Failure> {
        let positions = self.caller_positions().of(replies);
        let client = KafkaCallClient::open(self.config(), replies, positions, wake)?;
        Ok(Box::new(client))
    }

    fn open_reply_client(
        &self,
        subscription: &Subscription,
        on_failure: Arc<dyn Fn(Failure) + Send + Sync>,
    ) -> Result<Arc<dyn ReplyClient>, Failure> {
        let client = KafkaReplyClient::open(self.config(), subscription, on_failure)?;
        Ok(Arc::new(client))
    }

    fn explain_caller(&self, failure: Failure) -> Explanation {
        Explanation {
            remedy: Some(caller_remedy(failure).into()),
            ..self.explain(failure)
        }
    }
}
