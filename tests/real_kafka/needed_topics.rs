//! The topics that the service needs: missing, without leaders or replicas, and without rights.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use livebus_core::{FailureClass, Status};
use livebus_kafka::NeededTopic;
use livebus_tests::apache_kafka::{
    BrokerSession, ClusterOptions, Controllers, KafkaCluster, NodeOptions, Replicas,
    TopicOperation, authorizer_properties,
};
use livebus_tests::http::get;
use livebus_tests::kafka_supervision::{KafkaSupervision, by_produce, fast};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, Producer as _};

use crate::context::{Context, START_LIMIT};

const LIVENESS: &str = "liveness";

/// The maximum time of a request to a node that works.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

pub(crate) fn missing_topic_is_reported_and_not_created(context: &Context) -> anyhow::Result<()> {
    // A look-up must not create what it looks for.
    let node = context.own_node(&NodeOptions {
        auto_create_topics: true,
        ..NodeOptions::default()
    })?;
    node.create_topic(LIVENESS, 1)?;
    let servers = node.bootstrap_servers();
    let start = |service, topic| supervise(context, &servers, service, &[topic]);
    let mut warned = start("warned", "orders")?;
    let mut required = start("required", "orders:required")?;
    until_warned(&mut warned, FailureClass::TopicUnusable, "orders")?;
    until_not_ready(&mut required, "orders")?;
    ensure!(!exists(&servers, "orders")?, "the topic was created");

    let created = Instant::now();
    node.create_topic("orders", 2)?;
    until_clean(&mut required)?;
    println!(
        "a required topic: Running {:?} after its creation",
        created.elapsed()
    );
    until_clean(&mut warned)?;

    node.delete_topic("orders")?;
    let deleted = Instant::now();
    until_warned(&mut warned, FailureClass::TopicUnusable, "orders")?;
    until_not_ready(&mut required, "orders")?;
    println!(
        "a topic that was deleted: reported after {:?}",
        deleted.elapsed()
    );
    warned.shut_down()?;
    required.shut_down()?;
    Ok(())
}

pub(crate) fn denied_topic_is_reported_and_not_written(context: &Context) -> anyhow::Result<()> {
    let node = context.own_node(&NodeOptions {
        properties: authorizer_properties(),
        ..NodeOptions::default()
    })?;
    for topic in [LIVENESS, "orders", "events"] {
        node.create_topic(topic, 1)?;
    }
    let servers = node.bootstrap_servers();
    for topic in ["orders", "events"] {
        node.allow(topic, TopicOperation::Describe)?;
    }
    let mut writes = supervise(context, &servers, "writes", &["orders:required"])?;
    let mut reads = supervise(context, &servers, "reads", &["events:read"])?;
    until_not_ready(&mut writes, "orders: this user has no right to write to it")?;
    until_warned(
        &mut reads,
        FailureClass::TopicUnusable,
        "events: this user has no right to read it",
    )?;

    node.allow("orders", TopicOperation::Write)?;
    node.allow("events", TopicOperation::Read)?;
    until_clean(&mut writes)?;
    until_clean(&mut reads)?;
    for topic in ["orders", "events"] {
        let client = client(&servers)?;
        let (_, end) = client.client().fetch_watermarks(topic, 0, REQUEST_LIMIT)?;
        ensure!(end == 0, "{end} records were written to {topic}");
    }
    writes.shut_down()?;
    reads.shut_down()?;
    Ok(())
}

pub(crate) fn topic_without_replicas_is_reported(context: &Context) -> anyhow::Result<()> {
    let mut cluster = KafkaCluster::start(
        &ClusterOptions {
            brokers: 2,
            controllers: Controllers::Apart,
            broker_session: BrokerSession::Short,
        },
        START_LIMIT,
    )?;
    let replicas = |partitions, min_in_sync| Replicas {
        partitions,
        min_in_sync,
    };
    // The liveness topic does without the second broker.
    cluster.create_topic(LIVENESS, replicas(&[&[1]], 1))?;
    cluster.create_topic("pair", replicas(&[&[1, 2], &[2, 1]], 2))?;
    cluster.create_topic("second", replicas(&[&[1], &[2]], 1))?;
    let servers = cluster.bootstrap_servers();
    let mut pair = supervise(context, &servers, "pair", &["pair"])?;
    let mut second = supervise(context, &servers, "second", &["second:required"])?;
    for bus in [&mut pair, &mut second] {
        until_clean(bus)?;
    }
    cluster.broker(2).kill()?;
    let few = "pair: fewer than 2 replicas in sync for 2 of 2 partitions (0, 1)";
    until_warned(&mut pair, FailureClass::TopicUnusable, few)?;
    until_not_ready(&mut second, "second: no leader for 1 of 2 partitions (1)")?;
    cluster.broker(2).restart()?;
    for mut bus in [pair, second] {
        until_clean(&mut bus)?;
        bus.shut_down()?;
    }
    Ok(())
}

fn supervise(
    context: &Context,
    servers: &str,
    service: &str,
    topics: &[&str],
) -> anyhow::Result<KafkaSupervision> {
    let mut kafka = by_produce(servers, LIVENESS)?;
    for topic in topics {
        kafka = kafka.needs_topic(topic.parse::<NeededTopic>()?);
    }
    context.supervise(service, context.host(), kafka, fast())
}

/// Waits until it is Running with a warning of this class, whose reason has this text.
fn until_warned(bus: &mut KafkaSupervision, class: FailureClass, text: &str) -> anyhow::Result<()> {
    loop {
        let report = bus.next_change()?.report;
        // A leader that is away is a warning of its own.
        if report.status == Status::Running && report.warning.is_some_and(|it| it.class == class) {
            return says(bus, 200, text);
        }
    }
}

/// Waits until it is NotReady because of a required topic, with a reason that has this text.
fn until_not_ready(bus: &mut KafkaSupervision, text: &str) -> anyhow::Result<()> {
    let class = FailureClass::RequiredTopicUnusable;
    loop {
        let report = bus.next_change()?.report;
        if matches!(report.cause, livebus_core::Cause::LivenessFailed(failure) if failure.class == class)
        {
            return says(bus, 503, text);
        }
    }
}

/// Waits until it is Running without a warning.
fn until_clean(bus: &mut KafkaSupervision) -> anyhow::Result<()> {
    loop {
        let report = bus.next_change()?.report;
        if report.status == Status::Running && report.warning.is_none() {
            return Ok(());
        }
    }
}

fn says(bus: &KafkaSupervision, status: u16, text: &str) -> anyhow::Result<()> {
    let answer = get(bus.probes(), "/readyz?verbose")?;
    ensure!(
        answer.status == status && answer.body.contains(text),
        "expected {status} with {text:?}: {answer:?}"
    );
    Ok(())
}

fn exists(servers: &str, topic: &str) -> anyhow::Result<bool> {
    let client = client(servers)?;
    let metadata = client.client().fetch_metadata(None, REQUEST_LIMIT);
    let metadata = metadata.context("no metadata")?;
    Ok(metadata.topics().iter().any(|it| it.name() == topic))
}

fn client(servers: &str) -> anyhow::Result<BaseProducer> {
    Ok(ClientConfig::new()
        .set("bootstrap.servers", servers)
        .create()?)
}
