//! Sends the replies of a call handler.

use std::sync::Arc;
use std::time::Instant;

use livebus_core::Failure;
use livebus_runner::calls::{OutgoingRecord, ReplyClient};
use livebus_runner::handlers::Subscription;

use super::config::reply_config;
use super::producer::{Owner, RecordProducer, Reports};
use crate::config::KafkaConfig;
use crate::error_class::failure;
use crate::own_clients::Link;

/// The producer of one call handler.
pub(super) struct KafkaReplyClient(RecordProducer<()>);

impl KafkaReplyClient {
    pub(super) fn open(
        kafka: &KafkaConfig,
        subscription: &Subscription,
        on_failure: Arc<dyn Fn(Failure) + Send + Sync>,
    ) -> Result<Self, Failure> {
        let reports = Reports {
            on_delivery: Box::new(move |delivery| {
                if let Err(error) = delivery.result {
                    on_failure(failure(&error));
                }
            }),
            on_error: Box::new(|| {}),
        };
        let producer = RecordProducer::open(
            &reply_config(kafka, subscription),
            &Owner::Handler(subscription.handler.clone()),
            kafka.tokens().clone(),
            Link::new(Arc::clone(kafka.shared()), false),
            reports,
        )?;
        Ok(Self(producer))
    }
}

impl ReplyClient for KafkaReplyClient {
    fn send(&self, record: OutgoingRecord) -> Result<(), Failure> {
        let sent = self.0.send(&record, ());
        sent.map_err(|error| failure(&error))
    }

    fn flush(&self, deadline: Instant) {
        self.0.flush(deadline);
    }
}
