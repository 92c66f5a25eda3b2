//! Kafka as a bus.

use std::marker::PhantomData;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use livebus_core::{ClientId, Config, Failure, FailureClass};
use livebus_runner::{Bus, IntoBus, Observations, Runtime};

use crate::config::KafkaConfig;
use crate::liveness_client::{LivenessClient, lock};
use crate::remedy::remedy;
use crate::round;

/// A Kafka bus, with its liveness client, on the runtime `R`.
///
/// A start makes the client and waits for no broker. librdkafka connects on its own as soon as there is one, and the liveness
/// message that follows a start proves it: a service whose bus appears late is Running after the reconnect, not after a
/// back-off.
pub struct KafkaBus<R> {
    kafka: KafkaConfig,
    config: Config,
    observations: Arc<Observations>,
    client: Mutex<Slot>,
    runtime: PhantomData<fn() -> R>,
}

#[derive(Default)]
struct Slot {
    held: Option<Arc<LivenessClient>>,
    /// Clients up to this id are discarded, including those that are still being made.
    given_up: Option<ClientId>,
    /// All clients are discarded.
    is_stopped: bool,
}

/// The progress of the newest round. Informational: it decides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoundTally {
    /// The number of leaders to which a record was sent: at most three.
    pub sent: u8,
    /// The number of leaders that have acknowledged theirs, late ones included.
    pub answered: u8,
}

impl<R: Runtime> KafkaBus<R> {
    /// Returns a bus without a client. Nothing happens before the first start.
    #[must_use]
    pub fn new(kafka: KafkaConfig, config: &Config) -> Self {
        Self {
            kafka,
            config: config.clone(),
            observations: Arc::default(),
            client: Mutex::default(),
            runtime: PhantomData,
        }
    }

    /// Returns the progress of the newest round; `None` before the first, and for liveness messages by metadata.
    #[must_use]
    pub fn newest_round(&self) -> Option<RoundTally> {
        let tally = self.client()?.tally();
        let sent = tally.sent.load(Ordering::Relaxed);
        (sent > 0).then(|| RoundTally {
            sent,
            answered: tally.answered.load(Ordering::Relaxed),
        })
    }

    fn client(&self) -> Option<Arc<LivenessClient>> {
        lock(&self.client).held.clone()
    }
}

impl<R: Runtime> IntoBus<R> for KafkaConfig {
    type Bus = KafkaBus<R>;

    fn into_bus(self, config: &Config) -> KafkaBus<R> {
        KafkaBus::new(self, config)
    }
}

impl<R: Runtime> Bus for KafkaBus<R> {
    async fn start(&self, client: ClientId, _deadline: Instant) -> Result<(), Failure> {
        let config = self.kafka.liveness_client_config(&self.config);
        let observations = Arc::clone(&self.observations);
        let made = R::spawn_blocking(move || LivenessClient::create(client, config, observations));
        let made = made.await.ok_or(Failure::from(FailureClass::Other))??;
        let mut slot = lock(&self.client);
        if !slot.is_stopped && slot.given_up < Some(client) {
            slot.held = Some(Arc::new(made));
        }
        Ok(())
    }

    async fn send_liveness(&self, deadline: Instant) -> Result<(), Failure> {
        match self.client() {
            Some(client) => round::send_liveness::<R>(client, &self.kafka, deadline).await,
            None => Err(FailureClass::ClientFatal.into()),
        }
    }

    fn discard_client(&self, client: ClientId) {
        let mut slot = lock(&self.client);
        slot.given_up = slot.given_up.max(Some(client));
        drop(slot.held.take_if(|held| held.id <= client));
    }

    /// The liveness client's own records have no value: they are purged, not flushed.
    async fn stop(&self, _deadline: Instant) -> Result<(), Failure> {
        let mut slot = lock(&self.client);
        slot.is_stopped = true;
        drop(slot.held.take());
        Ok(())
    }

    fn observations(&self) -> &Observations {
        &self.observations
    }

    fn remedy(failure: Failure) -> Option<&'static str> {
        Some(remedy(failure))
    }
}

impl<R> std::fmt::Debug for KafkaBus<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaBus")
            .field("kafka", &self.kafka)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
