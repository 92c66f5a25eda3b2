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

/// A Kafka bus, with the liveness client that asks it, on the runtime `R`.
///
/// A start makes the client and waits for no broker. librdkafka connects by itself as soon as one is there, and the
/// liveness message that follows a start says whether it could: a service whose bus appears late is Running after the
/// reconnect, not after a back-off.
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
    /// Clients up to this one are not wanted any more, also those that are yet being made.
    given_up: Option<ClientId>,
    /// No client is wanted any more.
    is_stopped: bool,
}

/// How the newest round stands: shown, and decides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoundTally {
    /// Leaders that were asked: at most three.
    pub asked: u8,
    /// Leaders that have answered, late ones included.
    pub answered: u8,
}

impl<R: Runtime> KafkaBus<R> {
    /// Nothing happens before the first start.
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

    /// How the newest round stands; `None` before the first, and when liveness is asked by metadata.
    #[must_use]
    pub fn newest_round(&self) -> Option<RoundTally> {
        let tally = self.client()?.tally();
        let asked = tally.asked.load(Ordering::Relaxed);
        (asked > 0).then(|| RoundTally {
            asked,
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
            Some(client) => round::ask::<R>(client, &self.kafka, deadline).await,
            None => Err(FailureClass::ClientFatal.into()),
        }
    }

    fn discard_client(&self, client: ClientId) {
        let mut slot = lock(&self.client);
        slot.given_up = slot.given_up.max(Some(client));
        drop(slot.held.take_if(|held| held.id <= client));
    }

    /// The liveness client's own records are worth nothing to anyone: they are purged, not flushed.
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
