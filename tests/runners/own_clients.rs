//! The service's own clients on the embedded cluster: what they prove, and what they do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use livebus_core::{FailureClass, Settings, Status};
use livebus_kafka::{EmbeddedCluster, KafkaConfig, OnFailedDelivery, OwnClients};
use livebus_runner::Builder;
use livebus_tests::host::FullRunner;
use rdkafka::consumer::{BaseConsumer, Consumer as _, DefaultConsumerContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{
    BaseProducer, BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer,
};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::embedded::{config, fast, small};
use crate::waiting::{eventually, start};

const ORDERS: &str = "orders";

/// The records of the case, and the time that the service takes for each: they last for a minute.
const RECORDS: usize = 3_000;
const WORK: Duration = Duration::from_millis(20);

/// A consumer of the service, on a thread of its own.
struct SlowConsumer {
    handled: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl SlowConsumer {
    fn start(own: &OwnClients, config: &ClientConfig) -> Self {
        let mut config = config.clone();
        config
            .set("group.id", "slow")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "50");
        let consumer: BaseConsumer<_> = own
            .create(&config, DefaultConsumerContext)
            .expect("is made");
        let mut partitions = TopicPartitionList::new();
        let added = partitions.add_partition_offset(ORDERS, 0, Offset::Beginning);
        added.expect("a valid offset");
        consumer.assign(&partitions).expect("it exists");
        let (handled, is_over) = (Arc::default(), Arc::default());
        let (count, end) = (Arc::clone(&handled), Arc::clone(&is_over));
        let work = move || {
            while !AtomicBool::load(&end, Ordering::Relaxed) {
                if let Some(Ok(_)) = consumer.poll(Duration::from_millis(10)) {
                    thread::sleep(WORK);
                    AtomicUsize::fetch_add(&count, 1, Ordering::Relaxed);
                }
            }
        };
        Self {
            handled,
            is_over,
            thread: Some(thread::spawn(work)),
        }
    }

    fn handled(&self) -> usize {
        self.handled.load(Ordering::Relaxed)
    }
}

impl Drop for SlowConsumer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(
                ended.is_ok() || thread::panicking(),
                "the consumer panicked"
            );
        }
    }
}

fn own(cluster: &EmbeddedCluster) -> (KafkaConfig, OwnClients) {
    cluster.create_topic(ORDERS, 1).expect("there is none");
    let kafka = config(cluster);
    let own = kafka
        .own_clients()
        .statistics_every(Duration::from_millis(50));
    (kafka, own)
}

pub(crate) async fn slow_consumer_does_not_hide_a_stopped_broker<R: FullRunner>() {
    let cluster = small();
    let (kafka, own) = own(&cluster);
    let clients = kafka.client_config();
    let filler: BaseProducer = clients.create().expect("is made");
    for _ in 0..RECORDS {
        let sent = filler.send(BaseRecord::<str, str>::to(ORDERS).payload("order"));
        assert!(sent.is_ok());
    }
    filler.flush(livebus_tests::WAIT_LIMIT).expect("delivers");
    let (handle, mut changes) = start(Builder::<R, _>::new(kafka).settings(fast())).await;
    let consumer = SlowConsumer::start(&own, &clients);
    eventually::<R>("records are handled", || consumer.handled() > 10).await;
    assert!(handle.is_ready());
    cluster.hang().expect("hangs");
    let stopped = Instant::now();
    let report = changes.until(Status::NotReady).await;
    let handled = consumer.handled();
    eventually::<R>("records are still handled", || consumer.handled() > handled).await;
    // The bound holds from the newest evidence, and evidence is nothing that arrived after the broker was stopped.
    let evidence = report.evidence.expect("it was Running");
    assert!(
        evidence <= stopped + Duration::from_millis(100),
        "{report:?}"
    );
    cluster.restore().expect("restores");
    changes.until(Status::Running).await;
}

pub(crate) async fn traffic_of_own_clients_replaces_liveness_messages<R: FullRunner>() {
    let cluster = small();
    let (kafka, own) = own(&cluster);
    let clients = kafka.client_config();
    let settings = Settings {
        live_interval: Duration::from_secs(2),
        liveness_timeout: Duration::from_secs(2),
        drain: Duration::ZERO,
        ..Settings::default()
    };
    let (handle, _changes) = start(Builder::<R, _>::new(kafka).settings(settings)).await;
    handle.ready().await.expect("the bus answers");
    let producer: ThreadedProducer<_> = own
        .create(&clients, DefaultProducerContext)
        .expect("is made");
    let reader: BaseConsumer = clients.create().expect("is made");
    let liveness_messages = || {
        let topic = livebus_kafka::LivenessBy::DEFAULT_TOPIC;
        let offsets = reader.fetch_watermarks(topic, 0, livebus_tests::WAIT_LIMIT);
        offsets.expect("the cluster answers").1
    };
    let send = || {
        let sent = producer.send(BaseRecord::<str, str>::to(ORDERS).payload("order"));
        assert!(sent.is_ok());
    };
    let lease = || handle.report().lease.expect("it is Running");
    let first = lease();
    eventually::<R>("evidence of the traffic", || {
        send();
        lease() > first
    })
    .await;
    let (before, first) = (liveness_messages(), lease());
    eventually::<R>("the lease is renewed for three intervals", || {
        send();
        lease() > first + Duration::from_secs(6)
    })
    .await;
    assert_eq!(liveness_messages(), before);
    eventually::<R>("in silence there is one", || liveness_messages() > before).await;
}

pub(crate) async fn failed_deliveries_are_a_warning_or_not_ready<R: FullRunner>() {
    for (on_failure, class, status) in [
        (
            OnFailedDelivery::Warn,
            FailureClass::TopicUnusable,
            Status::Running,
        ),
        (
            OnFailedDelivery::NotReady,
            FailureClass::RequiredTopicUnusable,
            Status::NotReady,
        ),
    ] {
        let cluster = small();
        let (kafka, own) = own(&cluster);
        let clients = kafka.client_config();
        let kafka = kafka.on_failed_delivery(on_failure);
        let (handle, mut changes) = start(Builder::<R, _>::new(kafka).settings(fast())).await;
        changes.until(Status::Running).await;
        let producer: ThreadedProducer<_> = own
            .create(&clients, DefaultProducerContext)
            .expect("is made");
        let send = |topic| {
            let sent = producer.send(BaseRecord::<str, str>::to(topic).payload("order"));
            sent.map_err(|(error, _)| error)
        };
        send(ORDERS).expect("is queued");
        producer.flush(livebus_tests::WAIT_LIMIT).expect("delivers");
        let code = RDKafkaErrorCode::TopicAuthorizationFailed;
        cluster.refuse_topic("audit", code).expect("refuses");
        if let Err(error) = send("audit") {
            own.on_refused("audit", &error);
        }
        let report = changes.next().await;
        let failure = report.warning.or(report.cause.failure());
        assert_eq!(report.status, status, "{report:?}");
        assert_eq!(failure.map(|it| it.class), Some(class), "{report:?}");
        let reason = livebus_runner::Bus::explain(handle.bus(), class.into()).reason;
        let reason = reason.unwrap_or_default();
        assert!(
            reason.contains("audit") && reason.contains("Authorization"),
            "{reason}"
        );
        send(ORDERS).expect("is queued");
        producer.flush(livebus_tests::WAIT_LIMIT).expect("delivers");
        assert_eq!(handle.status(), status, "another topic changes nothing");
    }
}
