//! A client that decides whether a cluster works, independent of the code under test.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::{Metadata, MetadataTopic};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};

use super::process::POLL_INTERVAL;

/// The topic that [`IndependentClient::first_answer`] produces to.
const SCRATCH_TOPIC: &str = "livebus-harness-scratch";

/// The timeout of one administrative request.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(1);

/// The timeout of one request for metadata. A broker answers it at once, or not at all.
const METADATA_TIMEOUT: Duration = Duration::from_millis(200);

/// After how long without an answer another producer is made: metadata that names no broker, from one that its controller has not
/// taken back yet, makes librdkafka forget all brokers.
const PRODUCER_LIFETIME: Duration = Duration::from_secs(5);

/// The replicas of a topic.
#[derive(Debug, Clone, Copy)]
pub struct Replicas<'a> {
    /// For each partition the brokers that have it; the first one leads it.
    pub partitions: &'a [&'a [i32]],
    /// How many must be in sync for a message with `acks=all`.
    pub min_in_sync: u8,
}

/// A plain librdkafka client, configured only to reconnect fast to a broker that was unreachable.
#[derive(Debug, Clone)]
pub struct IndependentClient {
    bootstrap_servers: String,
}

impl IndependentClient {
    /// Creates a client of the cluster at `bootstrap_servers`: `host:port`, several separated by commas.
    #[must_use]
    pub fn new(bootstrap_servers: impl Into<String>) -> Self {
        Self {
            bootstrap_servers: bootstrap_servers.into(),
        }
    }

    /// Produces one message to `topic` and returns the instant at which all in-sync replicas had acknowledged it.
    ///
    /// # Errors
    ///
    /// Returns the error of the cluster or of librdkafka, after all retries that fit; `MessageTimedOut` when there was no answer
    /// `within` that time (accurate to a fraction of a second).
    pub fn produce(&self, topic: &str, within: Duration) -> KafkaResult<Instant> {
        let deadline = Instant::now() + within;
        let mut producer = AnsweredProducer::new(self)?;
        producer.send(topic)?;
        loop {
            if let Some(answer) = producer.answer(POLL_INTERVAL) {
                return answer;
            }
            if Instant::now() >= deadline {
                return Err(KafkaError::MessageProduction(
                    RDKafkaErrorCode::MessageTimedOut,
                ));
            }
        }
    }

    /// Waits until the cluster works, and returns the instant at which it first showed that.
    ///
    /// It works when it acknowledges a message (`acks=all`) on a scratch topic, which is created if it is missing. An answer to a
    /// metadata request is not enough: a broker answers one while it is fenced and no partition has a leader.
    ///
    /// # Errors
    ///
    /// Returns the last error when there is no answer `within` that time (accurate to about a second).
    pub fn first_answer(&self, within: Duration) -> anyhow::Result<Instant> {
        self.first_answer_while(within, || Ok(()))
    }

    /// Like [`first_answer`](Self::first_answer), but stops as soon as `check` returns an error, and returns that.
    pub(super) fn first_answer_while(
        &self,
        within: Duration,
        mut check: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<Instant> {
        let deadline = Instant::now() + within;
        let mut last_error = None;
        loop {
            let until = deadline.min(Instant::now() + PRODUCER_LIFETIME);
            match self.answer_of_one_producer(until, &mut check)? {
                Ok(at) => return Ok(at),
                Err(error) => last_error = error.or(last_error),
            }
            if Instant::now() >= deadline {
                let what = format!("no answer within {within:?}");
                return Err(match last_error {
                    Some(error) => anyhow::Error::new(error).context(what),
                    None => anyhow::Error::msg(what),
                });
            }
        }
    }

    /// Returns the instant of the first answer, or the last error if there is none `until` then.
    fn answer_of_one_producer(
        &self,
        until: Instant,
        check: &mut impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<Result<Instant, Option<KafkaError>>> {
        let mut producer = AnsweredProducer::new(self)?;
        while let Err(error) = self.ensure_scratch_topic(&producer) {
            check()?;
            if Instant::now() >= until {
                return Ok(Err(Some(error)));
            }
            thread::sleep(POLL_INTERVAL);
        }

        let mut last_error = None;
        producer.send(SCRATCH_TOPIC)?;
        loop {
            match producer.answer(POLL_INTERVAL) {
                Some(Ok(at)) => return Ok(Ok(at)),
                Some(Err(error)) => {
                    last_error = Some(error);
                    producer.send(SCRATCH_TOPIC)?;
                }
                None => {}
            }
            check()?;
            if Instant::now() >= until {
                return Ok(Err(last_error));
            }
        }
    }

    /// Creates a topic, one replica per partition, and waits until each partition has a leader. Succeeds if the topic exists
    /// already with the same number of partitions.
    ///
    /// # Errors
    ///
    /// Returns the last error when that is not the case `within` that time.
    pub fn create_topic(
        &self,
        name: &str,
        partitions: i32,
        within: Duration,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + within;
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let count = usize::try_from(partitions).context("a number of partitions is positive")?;
        self.create(&topic, count, deadline)
    }

    /// Creates a topic with these replicas, and waits until each partition has a leader.
    ///
    /// # Errors
    ///
    /// As for [`create_topic`](Self::create_topic).
    pub fn create_replicated_topic(
        &self,
        name: &str,
        replicas: Replicas<'_>,
        within: Duration,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + within;
        let partitions = replicas.partitions.len();
        let min_in_sync = replicas.min_in_sync.to_string();
        let replication = TopicReplication::Variable(replicas.partitions);
        let topic = NewTopic::new(name, i32::try_from(partitions)?, replication)
            .set("min.insync.replicas", &min_in_sync);
        self.create(&topic, partitions, deadline)
    }

    /// Waits until every replica of each partition of the topic is in sync.
    ///
    /// # Errors
    ///
    /// When that is not the case `within` that time, with the replicas that are.
    pub fn wait_until_in_sync(&self, topic: &str, within: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + within;
        let client: BaseProducer = self.config().create()?;
        loop {
            let metadata = client.client().fetch_metadata(None, METADATA_TIMEOUT);
            let in_sync = metadata.map(|metadata| in_sync(&metadata, topic));
            if in_sync
                .as_ref()
                .is_ok_and(|all| all.iter().all(|(of, all)| of == all) && !all.is_empty())
            {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("{topic} is not in sync: in-sync replicas of all, by partition: {in_sync:?}");
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    fn create(&self, topic: &NewTopic<'_>, count: usize, deadline: Instant) -> anyhow::Result<()> {
        let name = topic.name;
        let what = format!("the topic {name} cannot be created");
        until(deadline, || self.try_create(topic)).context(what)?;
        self.wait_for_leaders(name, Some(count), deadline)
    }

    /// Deletes a topic and waits until it is gone from the metadata. Succeeds if there is no such topic.
    ///
    /// # Errors
    ///
    /// Returns the last error when that is not the case `within` that time.
    pub fn delete_topic(&self, name: &str, within: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + within;
        let what = format!("the topic {name} cannot be deleted");
        until(deadline, || self.try_delete(name)).context(what)?;
        self.wait_for_leaders(name, None, deadline)
    }

    /// Creates the scratch topic, unless the metadata shows that it exists: dropping an [`AdminClient`] takes 0.1 s, which would
    /// delay every first answer.
    fn ensure_scratch_topic(&self, producer: &AnsweredProducer) -> KafkaResult<()> {
        let metadata = producer
            .producer
            .client()
            .fetch_metadata(None, METADATA_TIMEOUT)?;
        if metadata
            .topics()
            .iter()
            .any(|topic| topic.name() == SCRATCH_TOPIC)
        {
            return Ok(());
        }
        self.try_create(&NewTopic::new(SCRATCH_TOPIC, 1, TopicReplication::Fixed(1)))
    }

    fn try_create(&self, topic: &NewTopic<'_>) -> KafkaResult<()> {
        let results = pollster::block_on(self.admin()?.create_topics([topic], &admin_options()))?;
        unless(RDKafkaErrorCode::TopicAlreadyExists, results)
    }

    fn try_delete(&self, name: &str) -> KafkaResult<()> {
        let results = pollster::block_on(self.admin()?.delete_topics(&[name], &admin_options()))?;
        unless(RDKafkaErrorCode::UnknownTopicOrPartition, results)
    }

    /// Waits until the topic has as many partitions with a leader as `expected`; `None` means that there is no topic.
    fn wait_for_leaders(
        &self,
        topic: &str,
        expected: Option<usize>,
        deadline: Instant,
    ) -> anyhow::Result<()> {
        let client: BaseProducer = self.config().create()?;
        loop {
            let led = partitions_with_leader(&client, topic);
            if led == Ok(expected) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let led = led.with_context(|| format!("no metadata of the topic {topic}"))?;
                bail!("{topic} has {led:?} partitions with a leader instead of {expected:?}");
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    fn admin(&self) -> KafkaResult<AdminClient<DefaultClientContext>> {
        self.config().create()
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set("client.id", "livebus-independent-client")
            .set("acks", "all")
            .set("linger.ms", "0")
            .set("reconnect.backoff.ms", "10")
            .set("reconnect.backoff.max.ms", "50")
            .set("retry.backoff.ms", "10")
            .set("retry.backoff.max.ms", "50")
            .set("topic.metadata.refresh.fast.interval.ms", "50")
            // Long enough for the metadata of a new topic, short enough to notice soon that a topic does not exist.
            .set("topic.metadata.propagation.max.ms", "1000");
        config
    }
}

/// Returns the number of replicas that are in sync, and of all, of each partition of the topic.
fn in_sync(metadata: &Metadata, topic: &str) -> Vec<(usize, usize)> {
    let topics = metadata.topics().iter();
    let partitions = topics
        .filter(|found| found.name() == topic)
        .flat_map(MetadataTopic::partitions);
    partitions
        .map(|partition| (partition.isr().len(), partition.replicas().len()))
        .collect()
}

/// Returns the number of partitions of the topic that have a leader; `None` if there is no such topic.
fn partitions_with_leader(client: &BaseProducer, topic: &str) -> KafkaResult<Option<usize>> {
    // For all topics: a request for this one would create it on a broker with automatic creation.
    let metadata = client.client().fetch_metadata(None, METADATA_TIMEOUT)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    Ok(found.map(|found| {
        let partitions = found.partitions().iter();
        partitions
            .filter(|partition| partition.leader() >= 0)
            .count()
    }))
}

/// Repeats `attempt` until it succeeds, or the deadline has passed.
fn until(deadline: Instant, mut attempt: impl FnMut() -> KafkaResult<()>) -> KafkaResult<()> {
    loop {
        match attempt() {
            Err(_) if Instant::now() < deadline => thread::sleep(POLL_INTERVAL),
            end => return end,
        }
    }
}

fn admin_options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(ADMIN_TIMEOUT))
        .operation_timeout(Some(ADMIN_TIMEOUT))
}

/// Returns the error of an administrative request about one topic, unless it is the `harmless` one.
fn unless(
    harmless: RDKafkaErrorCode,
    results: Vec<Result<String, (String, RDKafkaErrorCode)>>,
) -> KafkaResult<()> {
    for result in results {
        match result {
            Err((_, code)) if code != harmless => return Err(KafkaError::AdminOp(code)),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

/// A producer that records the instants at which its messages were acknowledged.
struct AnsweredProducer {
    producer: BaseProducer<Answers>,
    answers: Receiver<KafkaResult<Instant>>,
}

impl AnsweredProducer {
    fn new(client: &IndependentClient) -> KafkaResult<Self> {
        let (sender, answers) = mpsc::channel();
        let producer = client.config().create_with_context(Answers(sender))?;
        Ok(Self { producer, answers })
    }

    fn send(&mut self, topic: &str) -> KafkaResult<()> {
        let record = BaseRecord::<(), [u8]>::to(topic).payload(b"?");
        self.producer.send(record).map_err(|(error, _)| error)
    }

    /// Waits `within` that time for the result of a message.
    fn answer(&mut self, within: Duration) -> Option<KafkaResult<Instant>> {
        self.producer.poll(within);
        self.answers.try_recv().ok()
    }
}

/// Records the instant at which librdkafka reports an answer.
struct Answers(Sender<KafkaResult<Instant>>);

impl ClientContext for Answers {}

impl ProducerContext for Answers {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let answer = match result {
            Ok(_) => Ok(Instant::now()),
            Err((error, _)) => Err(error.clone()),
        };
        // Fails only when the receiver was dropped with the producer.
        let _ = self.0.send(answer);
    }
}
