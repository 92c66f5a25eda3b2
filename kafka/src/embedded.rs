//! A Kafka cluster inside this process, with faults on purpose.
//!
//! It is librdkafka's mock cluster: real TCP listeners on 127.0.0.1 that speak Kafka's protocol well enough to produce,
//! to consume and to request metadata. Nothing is stored beyond the process, and there is no TLS, no SASL and no admin API;
//! a consumer waits for its whole `fetch.wait.max.ms` even when there is a record.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr, RDKafkaType};

/// A running cluster. Clones are handles of the same cluster; it ends with the last of them.
///
/// Brokers are numbered from 1. Each has at most one fault at a time (killed, hung or slow): a new one replaces the one before,
/// and [`restore`](Self::restore) ends all of them. A broker keeps its address through every fault.
#[derive(Clone)]
pub struct EmbeddedCluster {
    inner: Arc<Inner>,
}

struct Inner {
    /// Owns the mock cluster, and does nothing else, see [`EmbeddedCluster::start`].
    client: Client<Silent>,
    bootstrap_servers: String,
    state: Mutex<State>,
}

struct State {
    /// One per broker; the broker's id is its index + 1.
    faults: Vec<Option<Fault>>,
    refused_topics: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Killed,
    /// Answers take this long. [`Duration::MAX`] is hung.
    Delayed(Duration),
}

/// The error of an operation on an embedded cluster.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// A cluster needs at least one broker.
    #[error("an embedded cluster needs at least one broker")]
    NoBrokers,
    /// The cluster has no broker of this number.
    #[error("there is no embedded broker {broker}: they are numbered 1 to {brokers}")]
    UnknownBroker {
        /// The requested broker.
        broker: u8,
        /// The number of brokers of the cluster.
        brokers: usize,
    },
    /// librdkafka rejected the operation.
    #[error(
        "librdkafka rejected the operation on the embedded cluster: check the topic, its partition, and that a port is free"
    )]
    Refused(#[from] KafkaError),
}

impl EmbeddedCluster {
    /// Starts a cluster of `brokers` brokers on free ports of 127.0.0.1. It accepts connections when this returns.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::NoBrokers`] for 0; [`EmbeddedError::Refused`] when there is no thread or no port.
    pub fn start(brokers: u8) -> Result<Self, EmbeddedError> {
        if brokers == 0 {
            return Err(EmbeddedError::NoBrokers);
        }
        // Otherwise the owning client would be a client of its own cluster: it would log each fault and reconnect after it.
        let mut config = ClientConfig::new();
        config
            .set("test.mock.num.brokers", brokers.to_string())
            .set("reconnect.backoff.ms", NEVER_MS)
            .set("reconnect.backoff.max.ms", NEVER_MS)
            .set("topic.metadata.refresh.interval.ms", "-1")
            .set_log_level(RDKafkaLogLevel::Emerg);
        let native = config.create_native_config()?;
        // A plain client and not a producer: a producer collects events until it is polled.
        let client = Client::new(&config, native, RDKafkaType::RD_KAFKA_PRODUCER, Silent)?;
        let bootstrap_servers = mock(&client)?.bootstrap_servers();
        let state = Mutex::new(State {
            faults: vec![None; brokers.into()],
            refused_topics: Vec::new(),
        });
        Ok(Self {
            inner: Arc::new(Inner {
                client,
                bootstrap_servers,
                state,
            }),
        })
    }

    /// Returns the brokers' addresses, in the format of the property `bootstrap.servers`.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.inner.bootstrap_servers
    }

    /// Returns the brokers' ids, in order.
    pub fn brokers(&self) -> impl Iterator<Item = u8> + use<> {
        self.state().brokers()
    }

    /// Creates a topic whose partitions are led by the brokers in turn: partition 0 by broker 1, and so on.
    ///
    /// Any other topic is created with four partitions when it is requested for the first time.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::Refused`] when the topic exists, or its name holds a NUL.
    pub fn create_topic(&self, name: &str, partitions: u16) -> Result<(), EmbeddedError> {
        let state = self.state();
        let replicas = i32::try_from(state.faults.len().min(3)).unwrap_or(3);
        self.operate(|mock| mock.create_topic(name, partitions.into(), replicas))?;
        for (partition, leader) in (0..partitions).zip(state.brokers().cycle()) {
            let leader = Some(leader.into());
            self.operate(|mock| mock.partition_leader(name, partition.into(), leader))?;
        }
        Ok(())
    }

    /// Makes `leader` the leader of a partition; `None` leaves the partition without one.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::UnknownBroker`]; [`EmbeddedError::Refused`] when the topic has no such partition.
    pub fn set_leader(
        &self,
        topic: &str,
        partition: u16,
        leader: Option<u8>,
    ) -> Result<(), EmbeddedError> {
        let state = self.state();
        if let Some(leader) = leader {
            state.index_of(leader)?;
        }
        let leader = leader.map(i32::from);
        self.operate(|mock| mock.partition_leader(topic, partition.into(), leader))
    }

    /// Kills every broker: connections are closed, and new ones are refused.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::Refused`].
    pub fn kill(&self) -> Result<(), EmbeddedError> {
        self.set_all(Some(Fault::Killed))
    }

    /// Kills one broker. The partitions that it led keep it as their leader, see [`set_leader`](Self::set_leader).
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::UnknownBroker`] and [`EmbeddedError::Refused`].
    pub fn kill_broker(&self, broker: u8) -> Result<(), EmbeddedError> {
        self.set(broker, Some(Fault::Killed))
    }

    /// Hangs every broker: connections are kept and accepted, requests are read, and nothing is answered.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::Refused`].
    pub fn hang(&self) -> Result<(), EmbeddedError> {
        self.slow(Duration::MAX)
    }

    /// Hangs one broker.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::UnknownBroker`] and [`EmbeddedError::Refused`].
    pub fn hang_broker(&self, broker: u8) -> Result<(), EmbeddedError> {
        self.set(broker, Some(Fault::Delayed(Duration::MAX)))
    }

    /// Makes every broker answer this much later, to the millisecond.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::Refused`].
    pub fn slow(&self, delay: Duration) -> Result<(), EmbeddedError> {
        self.set_all(Some(Fault::Delayed(delay)))
    }

    /// Ends the faults of all brokers. A hung or slow broker first sends its delayed answers and then closes its connections; a
    /// broker without a fault is not affected. Refusals stay, see [`clear_refusals`](Self::clear_refusals).
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::Refused`].
    pub fn restore(&self) -> Result<(), EmbeddedError> {
        self.set_all(None)
    }

    /// Ends the fault of one broker.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::UnknownBroker`] and [`EmbeddedError::Refused`].
    pub fn restore_broker(&self, broker: u8) -> Result<(), EmbeddedError> {
        self.set(broker, None)
    }

    /// Answers the next `times` produce requests, to any broker, with `code`, after those of earlier calls.
    /// [`RDKafkaErrorCode::BrokerTransportFailure`] closes the connection instead.
    ///
    /// A client retries a produce request that was rejected for a temporary reason, so a lasting refusal needs many `times`.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::Refused`].
    pub fn refuse_produce(
        &self,
        code: RDKafkaErrorCode,
        times: usize,
    ) -> Result<(), EmbeddedError> {
        let codes = vec![native(code); times];
        mock(&self.inner.client)?.request_errors(RDKafkaApiKey::Produce, &codes);
        Ok(())
    }

    /// Answers every metadata request about `topic` with `code`. Creates the topic if it does not exist.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::Refused`] when the name holds a NUL.
    pub fn refuse_topic(&self, topic: &str, code: RDKafkaErrorCode) -> Result<(), EmbeddedError> {
        let mut state = self.state();
        self.operate(|mock| mock.topic_error(topic, native(code)))?;
        state.refused_topics.push(topic.to_owned());
        Ok(())
    }

    /// Ends all refusals.
    ///
    /// # Errors
    ///
    /// [`EmbeddedError::Refused`].
    pub fn clear_refusals(&self) -> Result<(), EmbeddedError> {
        let mut state = self.state();
        mock(&self.inner.client)?.clear_request_errors(RDKafkaApiKey::Produce);
        for topic in state.refused_topics.drain(..) {
            self.operate(|mock| mock.topic_error(&topic, native(RDKafkaErrorCode::NoError)))?;
        }
        Ok(())
    }

    fn set_all(&self, fault: Option<Fault>) -> Result<(), EmbeddedError> {
        self.brokers()
            .try_for_each(|broker| self.set(broker, fault))
    }

    fn set(&self, broker: u8, fault: Option<Fault>) -> Result<(), EmbeddedError> {
        let mut state = self.state();
        let index = state.index_of(broker)?;
        let before = state.faults[index];
        if before == fault {
            return Ok(());
        }
        let id = broker.into();
        if fault == Some(Fault::Killed) {
            self.operate(|mock| mock.broker_down(id))?;
        }
        if let Some(Fault::Delayed(_)) = before {
            self.operate(|mock| mock.broker_round_trip_time(id, Duration::ZERO))?;
            // The mock keeps a connection's timer at the old delay, and a later delay would wait for that timer:
            // only a new connection has a new timer.
            self.operate(|mock| mock.broker_down(id))?;
        }
        if fault != Some(Fault::Killed) {
            self.operate(|mock| mock.broker_up(id))?;
        }
        if let Some(Fault::Delayed(delay)) = fault {
            self.operate(|mock| mock.broker_round_trip_time(id, delay))?;
        }
        state.faults[index] = fault;
        Ok(())
    }

    /// Runs `operation` on the mock cluster's thread. The caller holds the state's lock.
    fn operate(
        &self,
        operation: impl FnOnce(&MockCluster<'_, Silent>) -> Result<(), KafkaError>,
    ) -> Result<(), EmbeddedError> {
        operation(&mock(&self.inner.client)?)?;
        // The thread misses the wake-up of an operation that comes before it sleeps again, and finds the operation only when the
        // sleep ends, up to a second later.
        thread::sleep(Duration::from_millis(1));
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn brokers(&self) -> impl Iterator<Item = u8> + Clone + use<> {
        (1..=u8::MAX).take(self.faults.len())
    }

    fn index_of(&self, broker: u8) -> Result<usize, EmbeddedError> {
        let brokers = self.faults.len();
        usize::from(broker)
            .checked_sub(1)
            .filter(|index| *index < brokers)
            .ok_or(EmbeddedError::UnknownBroker { broker, brokers })
    }
}

impl fmt::Debug for EmbeddedCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedCluster")
            .field("bootstrap_servers", &self.inner.bootstrap_servers)
            .field("faults", &self.state().faults)
            .finish()
    }
}

/// An hour, the maximum back-off of librdkafka.
const NEVER_MS: &str = "3600000";

struct Silent;

impl ClientContext for Silent {}

fn mock(client: &Client<Silent>) -> Result<MockCluster<'_, Silent>, KafkaError> {
    client
        .mock_cluster()
        .ok_or(KafkaError::MockCluster(RDKafkaErrorCode::NotConfigured))
}

fn native(code: RDKafkaErrorCode) -> RDKafkaRespErr {
    RDKafkaRespErr::try_from(code as i32).unwrap_or(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN)
}

#[cfg(test)]
mod tests;
