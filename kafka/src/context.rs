//! The rdkafka callbacks of the liveness client: deliveries, errors and log lines.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Instant;

use futures::channel::mpsc::UnboundedSender;
use livebus_core::{ClientId, Failure, FailureClass, FailureKind};
use livebus_runner::Observations;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, DeliveryResult, ProducerContext};

use crate::cluster_guard::ClusterGuard;
use crate::error_class::failure;
use crate::facts::Facts;
use crate::log_level::is_notable;
use crate::oauth::Tokens;
use crate::poll::PollEnd;
use crate::signals::Signals;
use crate::spacing::Spacing;
use crate::statistics::Statistics;
use crate::symptom::Symptom;

pub(crate) type Producer = BaseProducer<LivenessContext>;

/// Turns librdkafka's callbacks into observations, and deliveries into outcomes of a round.
#[derive(Debug)]
pub(crate) struct LivenessContext {
    /// The id of the client.
    pub(crate) client: ClientId,
    pub(crate) observations: Arc<Observations>,
    pub(crate) facts: Arc<Facts>,
    /// To the thread that makes and closes the producer.
    pub(crate) signals: Arc<Signals>,
    pub(crate) tokens: Tokens,
    /// Of suspicions that only a part of the bus is missing: librdkafka reports each failed attempt to connect to a broker that stays away.
    pub(crate) partial: Spacing,
    pub(crate) cluster: Arc<ClusterGuard>,
    /// The number of the client, among all that the guard of the cluster knows.
    pub(crate) number: u64,
    /// Of the poll in which the callbacks are called.
    pub(crate) poll_end: PollEnd,
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
    /// Nothing waits for the other acknowledgements any more.
    pub(crate) has_ended: AtomicBool,
}

impl Tally {
    /// Returns whether it says something about the leaders: a round that has just begun has no answer yet.
    pub(crate) fn has_result(&self) -> bool {
        self.answered.load(Ordering::Relaxed) > 0 || self.has_ended.load(Ordering::Relaxed)
    }
}

/// Notes the end of a round, however it ends.
pub(crate) struct RoundEnd(pub(crate) Arc<Tally>);

impl Drop for RoundEnd {
    fn drop(&mut self) {
        self.0.has_ended.store(true, Ordering::Relaxed);
    }
}

impl ClientContext for LivenessContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.tokens.make(config)
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.cluster.on_log(facility, message, self.number);
        let client = self.client.number();
        // What librdkafka expects to happen to any connection is no error to it, but a line in its log.
        if let Some(symptom) = Symptom::of_log(facility, message) {
            self.facts.observe(&symptom);
            // The end of a connection is not reported as an error. If it was that of one broker among several, the next check may
            // come soon: librdkafka connects to that broker again only for the next record.
            let best = self.facts.best();
            if let Some(part) = best.filter(|best| best.class.kind() == FailureKind::Partial) {
                self.suspect(part);
            }
        }
        if is_notable(level) {
            tracing::debug!(target: "librdkafka", client, facility, message);
        } else {
            tracing::trace!(target: "librdkafka", client, facility, message);
        }
    }

    fn stats_raw(&self, statistics: &[u8]) {
        let Some(statistics) = Statistics::parse(statistics) else {
            return;
        };
        if !statistics.has_brokers() {
            tracing::debug!(target: "librdkafka", client = self.client.number(), "no broker is left");
            self.signals.useless();
        }
        if let Some((address, delay)) = statistics.longest_delay() {
            tracing::debug!(target: "librdkafka", client = self.client.number(), address, ?delay, "a quota");
            self.facts.throttled(&address, delay);
        }
        self.poll_end.sleep_through_fraction();
    }

    // A producer calls this twice for one error; the cell keeps one of them.
    fn error(&self, error: KafkaError, reason: &str) {
        let failure = self.facts.observe(&Symptom::of(failure(&error), reason));
        tracing::debug!(target: "librdkafka", client = self.client.number(), class = %failure.class, reason);
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.observations.lost(self.client, failure);
        } else {
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::AllBrokersDown) => self.signals.down(),
                _ if matches!(
                    failure.class,
                    FailureClass::Authentication | FailureClass::Tls
                ) =>
                {
                    self.signals.rejected();
                    self.cluster.on_rejected_login();
                }
                _ => {}
            }
            self.suspect(self.facts.best().unwrap_or(failure));
        }
    }
}

impl LivenessContext {
    /// Takes that the bus has done its work just now.
    pub(crate) fn proved(&self) {
        self.observations.evidence_at(Instant::now());
        self.facts.clear();
        self.signals.proved();
    }

    fn suspect(&self, suspicion: Failure) {
        let is_partial = suspicion.class.kind() == FailureKind::Partial;
        if !is_partial || self.partial.admits(Instant::now()) {
            self.observations.suspicion(suspicion);
        }
    }
}

impl ProducerContext for LivenessContext {
    type DeliveryOpaque = Box<Vote>;

    fn delivery(&self, result: &DeliveryResult<'_>, vote: Box<Vote>) {
        let outcome = match result {
            Ok(_) => {
                // Else the round finds out first which cluster it was.
                if !self.cluster.is_unconfirmed() {
                    self.proved();
                }
                vote.tally.answered.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err((error, _)) => Err(failure(error)),
        };
        // The round may be over: then there is no receiver.
        let _ = vote.outcome.unbounded_send(outcome);
        self.poll_end.sleep_through_fraction();
    }
}

#[cfg(test)]
pub(crate) mod tests;
