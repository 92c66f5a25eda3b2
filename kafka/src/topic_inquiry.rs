//! Asks about topics without writing to them.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use livebus_core::Failure;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::{Offset, TopicPartitionList};

use crate::config::KafkaConfig;
use crate::deadlines::left_until;
use crate::error_class::failure;
use crate::lock::lock;
use crate::needed_topic::{Access, NeededTopic, PartitionState, Right, TopicState};
use crate::oauth::Tokens;
use crate::properties::set_reports;

/// The time of one poll of a client, and so the granularity of deadlines.
const POLL: Duration = Duration::from_millis(20);

/// A client that asks about topics, open while the bus works.
///
/// The right to write is asked by a record with `acks=2`. Apache Kafka checks the right first, and then refuses the record for its
/// `acks`, with nothing appended. A record to the liveness topic shows first whether these brokers do so; others are not asked.
pub(crate) struct TopicInquiry {
    producer: BaseProducer<Outcomes>,
    /// Made when the first topic is read.
    consumer: Option<BaseConsumer<Quiet>>,
    kafka: KafkaConfig,
    writing: WriteCheck,
}

/// Whether the right to write can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WriteCheck {
    Unproved,
    Proved,
    Impossible,
}

impl TopicInquiry {
    /// Makes the client, with the properties as they are now. Takes some milliseconds, and waits for no broker.
    pub(crate) fn open(mut kafka: KafkaConfig, timeout: Duration) -> Result<Self, Failure> {
        kafka.reload();
        let mut config = config(&kafka);
        config
            .set("acks", "2")
            .set("retries", "0")
            .set("linger.ms", "0")
            .set(
                "message.timeout.ms",
                timeout.as_millis().max(1_000).to_string(),
            );
        let context = Outcomes {
            quiet: Quiet(kafka.tokens().clone()),
            outcomes: Mutex::default(),
        };
        let producer = config.create_with_context(context);
        Ok(Self {
            producer: producer.map_err(|error| failure(&error))?,
            consumer: None,
            kafka,
            writing: WriteCheck::Unproved,
        })
    }

    /// Returns the state of each of `topics`, in their order, with an unknown number of replicas that must be in sync. Blocks until
    /// `deadline` at the latest. `liveness_topic` is ours: records may be written to it.
    ///
    /// # Errors
    ///
    /// The [`Failure`] of a metadata request without an answer.
    pub(crate) fn ask(
        &mut self,
        topics: &[NeededTopic],
        liveness_topic: Option<&str>,
        deadline: Instant,
    ) -> Result<Vec<TopicState>, Failure> {
        let mut states = Vec::with_capacity(topics.len());
        for topic in topics {
            states.push(TopicState {
                partitions: self.partitions(topic.name(), deadline)?,
                min_in_sync: None,
                right: Right::Unknown,
            });
        }
        if self.writing == WriteCheck::Unproved
            && let Some(topic) = liveness_topic
        {
            self.prove(topic, deadline)?;
        }
        let led = |state: &TopicState| {
            let partitions = state.partitions.as_deref().unwrap_or_default();
            partitions
                .iter()
                .find(|it| it.leader.is_some())
                .map(|it| it.id)
        };
        if self.writing == WriteCheck::Proved {
            let written: Vec<(usize, &str, i32)> = topics
                .iter()
                .enumerate()
                .filter(|(_, topic)| topic.access() == Access::Write)
                .filter_map(|(index, topic)| Some((index, topic.name(), led(&states[index])?)))
                .collect();
            for (index, answer) in self.write(&written, deadline) {
                states[index].right = self.right(answer);
            }
        }
        for (topic, state) in topics.iter().zip(&mut states) {
            if topic.access() == Access::Read
                && let Some(partition) = led(state)
            {
                state.right = self.read(topic.name(), partition, deadline);
            }
        }
        Ok(states)
    }

    /// Looks a topic up by its name, which does not create it: the client says so in its request.
    fn partitions(
        &self,
        topic: &str,
        deadline: Instant,
    ) -> Result<Result<Vec<PartitionState>, RDKafkaErrorCode>, Failure> {
        let metadata = self.producer.client();
        let metadata = metadata
            .fetch_metadata(Some(topic), left_until(deadline))
            .map_err(|error| failure(&error))?;
        let found = metadata.topics().iter().find(|it| it.name() == topic);
        let missing = RDKafkaErrorCode::UnknownTopicOrPartition;
        Ok(found.map_or(Err(missing), partitions_of))
    }

    /// Finds out whether these brokers refuse a record with `acks=2`.
    fn prove(&mut self, topic: &str, deadline: Instant) -> Result<(), Failure> {
        let partitions = self.partitions(topic, deadline)?.unwrap_or_default();
        let Some(led) = partitions.iter().find(|it| it.leader.is_some()) else {
            return Ok(());
        };
        for (_, answer) in self.write(&[(0, topic, led.id)], deadline) {
            self.right(answer);
        }
        Ok(())
    }

    /// Returns what an answer to a record says about the right to write, and takes what it says about the brokers.
    fn right(&mut self, answer: Result<(), RDKafkaErrorCode>) -> Right {
        match answer {
            Err(RDKafkaErrorCode::InvalidRequiredAcks) => {
                self.writing = WriteCheck::Proved;
                Right::Granted
            }
            Err(RDKafkaErrorCode::TopicAuthorizationFailed) => Right::Denied,
            Err(_) => Right::Unknown,
            Ok(()) => {
                // It was written.
                tracing::info!("the brokers accept acks=2: the right to write is not asked");
                self.writing = WriteCheck::Impossible;
                Right::Unknown
            }
        }
    }

    /// Sends a record with `acks=2` to each partition, and returns the answers until `deadline`.
    fn write(
        &self,
        partitions: &[(usize, &str, i32)],
        deadline: Instant,
    ) -> HashMap<usize, Result<(), RDKafkaErrorCode>> {
        let context = self.producer.context();
        // Late answers of the time before are of no use.
        lock(&context.outcomes).clear();
        for (index, topic, partition) in partitions {
            let record = BaseRecord::<(), [u8], usize>::with_opaque_to(topic, *index)
                .partition(*partition)
                .payload(b"livebus");
            // Without an answer it is not known.
            let _ = self.producer.send(record);
        }
        while lock(&context.outcomes).len() < partitions.len() && !left_until(deadline).is_zero() {
            self.producer.poll(POLL);
        }
        std::mem::take(&mut *lock(&context.outcomes))
    }

    /// Asks for the records after the last one of a partition: that needs the right to read, and there are none.
    fn read(&mut self, topic: &str, partition: i32, deadline: Instant) -> Right {
        self.try_read(topic, partition, deadline)
            .unwrap_or(Right::Unknown)
    }

    fn try_read(
        &mut self,
        topic: &str,
        partition: i32,
        deadline: Instant,
    ) -> Result<Right, KafkaError> {
        let consumer = match self.consumer.take() {
            Some(consumer) => consumer,
            None => self.open_consumer()?,
        };
        let consumer = self.consumer.insert(consumer);
        let mut assignment = TopicPartitionList::new();
        assignment.add_partition_offset(topic, partition, Offset::End)?;
        consumer.assign(&assignment)?;
        let mut right = Right::Unknown;
        while right == Right::Unknown && !left_until(deadline).is_zero() {
            right = match consumer.poll(POLL) {
                Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => Right::Granted,
                Some(Err(KafkaError::MessageConsumption(
                    RDKafkaErrorCode::TopicAuthorizationFailed,
                ))) => Right::Denied,
                Some(Err(_)) | None => Right::Unknown,
            };
        }
        consumer.unassign()?;
        Ok(right)
    }

    fn open_consumer(&self) -> Result<BaseConsumer<Quiet>, KafkaError> {
        let mut config = config(&self.kafka);
        if config.get("group.id").is_none() {
            // librdkafka wants one. Partitions are assigned by hand: nobody joins a group, and no offset is committed.
            config.set("group.id", "livebus");
        }
        config
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("fetch.wait.max.ms", "10")
            .create_with_context(Quiet(self.kafka.tokens().clone()))
    }
}

fn config(kafka: &KafkaConfig) -> ClientConfig {
    let mut config = kafka.inquiry_config();
    set_reports(&mut config);
    // A login that is rejected while it asks is not repeated ever faster.
    config.set("reconnect.backoff.max.ms", "5000");
    // A look-up by name would create the topic on brokers with automatic creation.
    config.set("allow.auto.create.topics", "false");
    config
}

fn partitions_of(topic: &MetadataTopic) -> Result<Vec<PartitionState>, RDKafkaErrorCode> {
    if let Some(error) = topic.error() {
        return Err(error.into());
    }
    let partition = |it: &rdkafka::metadata::MetadataPartition| PartitionState {
        id: it.id(),
        leader: (it.leader() >= 0).then_some(it.leader()),
        in_sync: it.isr().len(),
        replicas: it.replicas().len(),
    };
    Ok(topic.partitions().iter().map(partition).collect())
}

/// Says nothing: the liveness client reports what is wrong with the bus.
struct Quiet(Tokens);

impl ClientContext for Quiet {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.0.make(config)
    }

    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}

    fn error(&self, _error: KafkaError, _reason: &str) {}
}

impl ConsumerContext for Quiet {}

/// Collects the answers to records, by the index that each was sent with.
struct Outcomes {
    quiet: Quiet,
    outcomes: Mutex<HashMap<usize, Result<(), RDKafkaErrorCode>>>,
}

impl ClientContext for Outcomes {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.quiet.generate_oauth_token(config)
    }

    fn log(&self, _level: RDKafkaLogLevel, _facility: &str, _message: &str) {}

    fn error(&self, _error: KafkaError, _reason: &str) {}
}

impl ProducerContext for Outcomes {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, index: usize) {
        let outcome = match result {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(error
                .rdkafka_error_code()
                .unwrap_or(RDKafkaErrorCode::Unknown)),
        };
        lock(&self.outcomes).insert(index, outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::EmbeddedCluster;

    const TIMEOUT: Duration = Duration::from_secs(30);

    /// librdkafka's mock cluster accepts `acks=2`: nothing must be written to the service's topics there.
    #[test]
    fn brokers_that_accept_two_acknowledgements_are_not_asked_for_the_right_to_write() {
        let cluster = EmbeddedCluster::start(1).expect("starts");
        for topic in ["ours", "orders", "read"] {
            cluster.create_topic(topic, 1).expect("creates");
        }
        let kafka = KafkaConfig::embedded(&cluster).expect("its address is valid");
        let mut inquiry = TopicInquiry::open(kafka, TIMEOUT).expect("opens");
        let topics = ["orders", "read:read"].map(|it| it.parse().expect("a topic"));
        let deadline = Instant::now() + TIMEOUT;
        let states = inquiry
            .ask(&topics, Some("ours"), deadline)
            .expect("answers");
        assert_eq!(inquiry.writing, WriteCheck::Impossible);
        let rights: Vec<_> = states.iter().map(|state| state.right).collect();
        assert_eq!(rights, [Right::Unknown, Right::Granted]);
        let client = inquiry.producer.client();
        let written = |topic| client.fetch_watermarks(topic, 0, TIMEOUT).map(|it| it.1);
        assert_eq!((written("ours"), written("orders")), (Ok(1), Ok(0)));
    }

    #[test]
    fn without_a_liveness_topic_nothing_is_written_at_all() {
        let cluster = EmbeddedCluster::start(1).expect("starts");
        cluster.create_topic("orders", 2).expect("creates");
        let kafka = KafkaConfig::embedded(&cluster).expect("its address is valid");
        let mut inquiry = TopicInquiry::open(kafka, TIMEOUT).expect("opens");
        let deadline = Instant::now() + TIMEOUT;
        let topics = [NeededTopic::new("orders")];
        let states = inquiry.ask(&topics, None, deadline).expect("answers");
        let partitions = states[0].partitions.as_ref().map(Vec::len);
        assert_eq!((partitions, states[0].right), (Ok(2), Right::Unknown));
        let written = inquiry
            .producer
            .client()
            .fetch_watermarks("orders", 0, TIMEOUT);
        assert_eq!(written, Ok((0, 0)));
    }

    #[test]
    fn brokers_that_refuse_two_acknowledgements_are_asked_for_the_right_to_write() {
        let cluster = EmbeddedCluster::start(1).expect("starts");
        for topic in ["ours", "orders", "read"] {
            cluster.create_topic(topic, 1).expect("creates");
        }
        let code = RDKafkaErrorCode::InvalidRequiredAcks;
        cluster.refuse_produce(code, 1_000).expect("refuses");
        let kafka = KafkaConfig::embedded(&cluster).expect("its address is valid");
        let mut inquiry = TopicInquiry::open(kafka, TIMEOUT).expect("opens");
        let topics = ["orders", "read:read"].map(|it| it.parse().expect("a topic"));
        let mut rights = || {
            let states = inquiry.ask(&topics, Some("ours"), Instant::now() + TIMEOUT);
            let states = states.expect("answers");
            states.iter().map(|state| state.right).collect::<Vec<_>>()
        };
        assert_eq!(rights(), [Right::Granted, Right::Granted]);
        cluster.clear_refusals().expect("clears");
        let code = RDKafkaErrorCode::TopicAuthorizationFailed;
        cluster.refuse_produce(code, 1_000).expect("refuses");
        assert_eq!(rights(), [Right::Denied, Right::Granted]);
    }
}
