//! The service's own clients: they replace liveness messages, and their failures count.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use livebus_core::{FailureClass, Settings};
use livebus_kafka::{OnFailedDelivery, OwnFutureProducer};
use livebus_tests::apache_kafka::NodeOptions;
use livebus_tests::kafka_supervision::{by_produce, fast};
use livebus_tokio::TokioRuntime;
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _, DefaultConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{
    BaseRecord, DefaultProducerContext, FutureRecord, Producer as _, ThreadedProducer,
};
use rdkafka::{Message as _, Offset, TopicPartitionList};

use crate::context::Context;

const ORDERS: &str = "orders";
const LIMIT: Duration = Duration::from_secs(30);

/// Long enough for several liveness messages, were there no traffic.
const BUSY: Duration = Duration::from_secs(12);

pub(crate) fn busy_service_sends_no_liveness_message(context: &Context) -> anyhow::Result<()> {
    let node = context.own_node(&NodeOptions::default())?;
    let servers = node.bootstrap_servers();
    node.create_topic(ORDERS, 1)?;
    let settings = Settings {
        live_interval: Duration::from_secs(3),
        drain: Duration::ZERO,
        ..Settings::default()
    };
    for &host in context.hosts() {
        for kind in ["producer", "consumer"] {
            let liveness = format!("liveness-{host}-{kind}");
            node.create_topic(&liveness, 1)?;
            let mut reader = Reader::new(&servers, &liveness)?;
            let kafka = by_produce(&servers, &liveness)?;
            let (own, mut config) = (kafka.own_clients(), kafka.client_config());
            let mut service = context.supervise(kind, host, kafka, settings.clone())?;
            service.expect_running()?;
            let producer: ThreadedProducer<_>;
            let consumer: BaseConsumer<_>;
            let mut work: Box<dyn FnMut() -> anyhow::Result<()> + '_> = if kind == "producer" {
                producer = own.create(&config, DefaultProducerContext)?;
                Box::new(|| {
                    let sent = producer.send(BaseRecord::<str, str>::to(ORDERS).payload("order"));
                    sent.map_err(|(error, _)| error)?;
                    thread::sleep(Duration::from_millis(10));
                    Ok(())
                })
            } else {
                config
                    .set("group.id", "orders")
                    .set("enable.auto.commit", "false");
                consumer = own.create(&config, DefaultConsumerContext)?;
                consumer.assign(&beginning(ORDERS)?)?;
                Box::new(|| {
                    let record = consumer.poll(Duration::from_millis(10)).transpose()?;
                    drop(record);
                    Ok(())
                })
            };
            let mut busy = |time| {
                let start = Instant::now();
                while start.elapsed() < time {
                    work()?;
                }
                anyhow::Ok(())
            };
            // The first statistics come a second after the client.
            busy(Duration::from_secs(3))?;
            let before = reader.count()?;
            busy(BUSY)?;
            let after = reader.count()?;
            ensure!(before > 0, "the first proof is a liveness message");
            ensure!(
                after == before,
                "{} liveness messages during traffic of a {kind} on {host}",
                after - before
            );
            thread::sleep(BUSY);
            let silent = reader.count()?;
            println!(
                "{kind} on {host}: {BUSY:?} busy: {} liveness messages; {BUSY:?} silent: {}",
                after - before,
                silent - after
            );
            ensure!(silent > after, "no liveness message in silence");
            service.expect_no_change()?;
            service.shut_down()?;
        }
    }
    Ok(())
}

pub(crate) fn failed_deliveries_name_their_topic(context: &Context) -> anyhow::Result<()> {
    let node = context.own_node(&NodeOptions {
        properties: vec![("message.max.bytes".to_owned(), "2000".to_owned())],
        ..NodeOptions::default()
    })?;
    let servers = node.bootstrap_servers();
    node.create_topic(ORDERS, 1)?;
    node.create_topic("liveness", 1)?;
    for &host in context.hosts() {
        for on_failure in [OnFailedDelivery::Warn, OnFailedDelivery::NotReady] {
            let kafka = by_produce(&servers, "liveness")?.on_failed_delivery(on_failure);
            let (own, config) = (kafka.own_clients(), kafka.client_config());
            let name = format!("{on_failure:?}");
            let mut service = context.supervise(&name, host, kafka, fast())?;
            service.expect_running()?;
            let producer: OwnFutureProducer<_, TokioRuntime> =
                own.create(&config, DefaultClientContext)?;
            let send = |size| {
                let payload = "a".repeat(size);
                let record = FutureRecord::<str, str>::to(ORDERS).payload(&payload);
                let sent = producer.send_result(record).map_err(|(error, _)| error)?;
                anyhow::Ok(futures::executor::block_on(sent)?)
            };
            ensure!(send(10)?.is_ok(), "a small record");
            ensure!(
                send(5_000)?.is_err(),
                "the broker takes no record of this size"
            );
            if on_failure == OnFailedDelivery::Warn {
                service.expect_running_with(Some(FailureClass::TopicUnusable))?;
            } else {
                service.expect_not_ready(&[FailureClass::RequiredTopicUnusable])?;
            }
            ensure!(send(10)?.is_ok(), "a small record");
            service.expect_running_with(None)?;
            producer.flush(LIMIT)?;
            service.shut_down()?;
        }
    }
    Ok(())
}

fn beginning(topic: &str) -> anyhow::Result<TopicPartitionList> {
    let mut partitions = TopicPartitionList::new();
    partitions.add_partition_offset(topic, 0, Offset::Beginning)?;
    Ok(partitions)
}

fn is_transport(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::BrokerTransportFailure)
    )
}

/// Reads a topic with a client that livebus knows nothing of.
pub(crate) struct Reader {
    consumer: BaseConsumer,
    topic: String,
    count: usize,
}

impl Reader {
    pub(crate) fn new(servers: &str, topic: &str) -> anyhow::Result<Self> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", servers)
            .set("group.id", "reader")
            .set("enable.auto.commit", "false")
            .create()?;
        consumer.assign(&beginning(topic)?)?;
        Ok(Self {
            consumer,
            topic: topic.to_owned(),
            count: 0,
        })
    }

    /// Reads to the end, and returns the number of records since the beginning.
    pub(crate) fn count(&mut self) -> anyhow::Result<usize> {
        let (_, end) = self.consumer.fetch_watermarks(&self.topic, 0, LIMIT)?;
        let deadline = Instant::now() + LIMIT;
        while self.count < usize::try_from(end).context("an offset")? {
            ensure!(
                Instant::now() < deadline,
                "the reader does not reach the end"
            );
            match self.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(record)) => {
                    self.count = usize::try_from(record.offset()).context("an offset")? + 1;
                }
                // A client without a connection for a moment connects again: the deadline counts.
                Some(Err(error)) if is_transport(&error) => {}
                Some(Err(error)) => return Err(error.into()),
                None => {}
            }
        }
        Ok(self.count)
    }
}
