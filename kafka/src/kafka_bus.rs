//! Kafka as a bus.

use std::marker::PhantomData;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use futures::future::{Either, select};
use livebus_core::{ClientId, Config, Failure, FailureClass, FailureKind};
use livebus_runner::{Bus, Detail, Explanation, IntoBus, Leaders, Observations, Runtime};

use crate::calls::CallerPositions;
use crate::cluster_guard::ClusterGuard;
use crate::config::{KafkaConfig, LivenessBy};
use crate::connection::Connection;
use crate::deadlines::{left_until, share};
use crate::facts::Facts;
use crate::lock::lock;
use crate::needed_topics::NeededTopics;
use crate::own_clients::{Claim, OwnClients};
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
    facts: Arc<Facts>,
    cluster: Arc<ClusterGuard>,
    needed: Arc<NeededTopics>,
    client: Mutex<Slot>,
    caller_positions: CallerPositions,
    _claim: Option<Claim>,
    runtime: PhantomData<fn() -> R>,
}

#[derive(Default)]
struct Slot {
    held: Option<Arc<Connection>>,
    /// Clients up to this id are discarded, including those that are still being made.
    given_up: Option<ClientId>,
    /// All clients are discarded.
    is_stopped: bool,
}

/// The progress of a round. Informational: it decides nothing.
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
        let live_interval = config.settings().live_interval;
        let mut claim = Claim::of(kafka.shared(), live_interval);
        let kafka = if claim.is_some() {
            kafka
        } else {
            tracing::info!("the own clients of this configuration report to another bus");
            let kafka = kafka.separated();
            claim = Claim::of(kafka.shared(), live_interval);
            kafka
        };
        let observations = Arc::clone(&kafka.shared().observations);
        let facts = Arc::new(Facts::new(kafka.addresses(), kafka.secrets()));
        let gate = Arc::clone(&kafka.shared().gate);
        let shared = || {
            (
                Arc::clone(&observations),
                Arc::clone(&facts),
                Arc::clone(&gate),
            )
        };
        let (seen, known, evidence) = shared();
        let cluster = ClusterGuard::new(&kafka, config, seen, known, evidence);
        let (seen, known, evidence) = shared();
        let needed = NeededTopics::new(&kafka, config, seen, known, evidence);
        Self {
            facts,
            kafka,
            config: config.clone(),
            observations,
            cluster: Arc::new(cluster),
            needed: Arc::new(needed),
            client: Mutex::default(),
            caller_positions: CallerPositions::default(),
            _claim: claim,
            runtime: PhantomData,
        }
    }

    /// Returns the progress of the newest round that has an answer or has ended; `None` before the first, and for liveness messages by
    /// metadata.
    #[must_use]
    pub fn newest_round(&self) -> Option<RoundTally> {
        let tally = self.connection()?.client()?.tally();
        let sent = tally.sent.load(Ordering::Relaxed);
        (sent > 0).then(|| RoundTally {
            sent,
            answered: tally.answered.load(Ordering::Relaxed),
        })
    }

    /// Returns the id of the cluster to which the liveness client is connected; `None` before the first answer of a broker.
    #[must_use]
    pub fn cluster_id(&self) -> Option<String> {
        self.cluster.cluster_id()
    }

    /// Returns what makes the service's own clients, so that their traffic is evidence for this bus.
    #[must_use]
    pub fn own_clients(&self) -> OwnClients {
        self.kafka.own_clients()
    }

    /// Sends a liveness message on the open client; again on the next one if that is closed before there is a result.
    async fn send(&self, connection: &Connection, deadline: Instant) -> Result<(), Failure> {
        while let Some(client) = connection.opened::<R>(deadline).await {
            let round = pin!(round::send_liveness::<R>(
                Arc::clone(&client),
                &self.kafka,
                deadline
            ));
            let closed = pin!(connection.closed(&client));
            if let Either::Left((result, _)) = select(round, closed).await {
                let result = self.cluster.judge(result);
                if result == Err(FailureClass::WrongCluster.into()) {
                    // The next one looks at the cluster before it sends anything.
                    client.set_leaders(None);
                    // It keeps the brokers of that cluster.
                    connection.replace();
                }
                return result;
            }
        }
        Err(FailureClass::Unreachable.into())
    }

    pub(crate) const fn config(&self) -> &KafkaConfig {
        &self.kafka
    }

    pub(crate) const fn caller_positions(&self) -> &CallerPositions {
        &self.caller_positions
    }

    pub(crate) fn connection(&self) -> Option<Arc<Connection>> {
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
        let (kafka, config) = (self.kafka.clone(), self.config.clone());
        let (observations, facts) = (Arc::clone(&self.observations), Arc::clone(&self.facts));
        let cluster = Arc::clone(&self.cluster);
        let made = R::spawn_blocking(move || {
            Connection::open(client, kafka, config, observations, facts, cluster)
        });
        let made = made.await.ok_or(Failure::from(FailureClass::Other))??;
        let mut slot = lock(&self.client);
        if !slot.is_stopped && slot.given_up < Some(client) {
            slot.held = Some(Arc::new(made));
        }
        Ok(())
    }

    async fn send_liveness(&self, deadline: Instant) -> Result<(), Failure> {
        let Some(connection) = self.connection() else {
            return Err(FailureClass::ClientFatal.into());
        };
        // A broker that delays its answers asks for silence: each further record makes the delay longer.
        if self.facts.is_throttled(Instant::now()) && self.facts.silence().is_none() {
            let throttled = Err(FailureClass::Throttled.into());
            return self.needed.judge::<R>(throttled, deadline).await;
        }
        let mut message = connection.guard_message();
        let sent = pin!(async {
            self.cluster.admit::<R>(deadline).await?;
            self.send(&connection, deadline).await
        });
        let left = left_until(deadline);
        // A little before the deadline, so that the supervisor receives what is known, and not a timeout.
        let almost = pin!(R::sleep(share(left, 19, 20)));
        let result = match select(sent, almost).await {
            Either::Left((result, _)) => result,
            Either::Right(((), sent)) => match self.facts.silence() {
                // There was no answer, whatever is known about why.
                Some(failure) => return self.needed.judge::<R>(Err(failure), deadline).await,
                None => sent.await,
            },
        };
        // The connection learns what has happened now: not what is known from before, and not the state of the topics.
        message.ends(result);
        if result.is_err_and(|failure| failure.class.kind() == FailureKind::Rejected) {
            // A broker has answered where records would be sent: what was known of failures is over, as with an acknowledgement.
            self.facts.clear();
        }
        let interval = self.config.settings().live_interval;
        let result = match result {
            // The delay that comes with this answer is known a little later.
            Ok(()) if self.facts.was_throttled(Instant::now(), interval) => {
                Err(FailureClass::Throttled.into())
            }
            result => result.map_err(|failure| self.facts.known(failure)),
        };
        self.needed.judge::<R>(result, deadline).await
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
        self.needed.stop();
        drop(slot.held.take());
        Ok(())
    }

    fn observations(&self) -> &Observations {
        &self.observations
    }

    fn explain(&self, failure: Failure) -> Explanation {
        self.facts.explanation(failure)
    }

    fn details(&self) -> Vec<Detail> {
        let leaders = self.newest_round().map(|round| Detail {
            name: "leaders",
            value: format!("{} of {} answered", round.answered, round.sent),
        });
        let cluster = self.cluster_id().map(|value| Detail {
            name: "cluster_id",
            value,
        });
        let configured = self.kafka.details();
        leaders
            .into_iter()
            .chain(cluster)
            .chain(configured)
            .collect()
    }

    fn leaders(&self) -> Option<Leaders> {
        match self.kafka.liveness_message() {
            LivenessBy::Produce { .. } => {
                let round = self.newest_round();
                Some(round.map_or_else(Leaders::default, |round| Leaders {
                    asked: round.sent.into(),
                    answered: round.answered.into(),
                }))
            }
            LivenessBy::Metadata => None,
        }
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
