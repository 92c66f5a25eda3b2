//! The rdkafka callbacks of the liveness client: deliveries, errors and log lines.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use futures::channel::mpsc::UnboundedSender;
use livebus_core::{ClientId, Failure};
use livebus_runner::Observations;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, DeliveryResult, ProducerContext};

use crate::error_class::failure;

pub(crate) type Producer = BaseProducer<LivenessContext>;

/// Turns librdkafka's callbacks into observations, and deliveries into outcomes of a round.
#[derive(Debug)]
pub(crate) struct LivenessContext {
    /// The id of the client.
    pub(crate) client: ClientId,
    pub(crate) observations: Arc<Observations>,
}

/// The opaque value of one record of a round: librdkafka returns it with the delivery.
#[derive(Debug)]
pub(crate) struct Vote {
    pub(crate) outcome: UnboundedSender<Result<(), Failure>>,
    pub(crate) tally: Arc<Tally>,
}

/// The number of leaders to which a round has sent a record, and the number that have acknowledged theirs, also late.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) sent: AtomicU8,
    pub(crate) answered: AtomicU8,
}

impl ClientContext for LivenessContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let client = self.client.number();
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning
            | RDKafkaLogLevel::Notice => {
                tracing::debug!(target: "librdkafka", client, facility, message);
            }
            RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::trace!(target: "librdkafka", client, facility, message);
            }
        }
    }

    // A producer calls this twice for one error; the cell keeps one of them.
    fn error(&self, error: KafkaError, reason: &str) {
        let failure = failure(&error);
        tracing::debug!(target: "librdkafka", client = self.client.number(), class = %failure.class, reason);
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.observations.lost(self.client, failure);
        } else {
            self.observations.suspicion(failure);
        }
    }
}

impl ProducerContext for LivenessContext {
    type DeliveryOpaque = Box<Vote>;

    fn delivery(&self, result: &DeliveryResult<'_>, vote: Box<Vote>) {
        let outcome = match result {
            Ok(_) => {
                self.observations.live();
                vote.tally.answered.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err((error, _)) => Err(failure(error)),
        };
        // The round may be over: then there is no receiver.
        let _ = vote.outcome.unbounded_send(outcome);
    }
}
