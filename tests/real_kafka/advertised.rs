//! Brokers that cannot be reached at the address that they advertise.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use livebus_core::{FailureClass, Settings, Status};
use livebus_kafka::LivenessBy;
use livebus_tests::apache_kafka::{KafkaNode, NodeOptions};
use livebus_tests::http::get;
use livebus_tests::kafka_supervision::{fast, kafka_config};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, Producer as _};

use crate::context::{Context, START_LIMIT};

/// A port on which nothing listens.
const DEAD: &str = "127.0.0.1:1";

/// Several times what a bus takes that flaps.
const OBSERVED: Duration = Duration::from_secs(10);

pub(crate) fn dead_advertised_address_is_not_ready(context: &Context) -> anyhow::Result<()> {
    let advertised = (
        "advertised.listeners".to_owned(),
        format!("BROKER://{DEAD}"),
    );
    let mut node = KafkaNode::new(&NodeOptions {
        properties: vec![advertised],
        ..NodeOptions::default()
    })?;
    node.start()?;
    let servers = node.bootstrap_servers();
    wait_for_metadata(&servers)?;

    let produce = |create| LivenessBy::Produce {
        topic: "missing".to_owned(),
        create,
    };
    let buses = [
        ("missing-topic", produce(false)),
        ("created-topic", produce(true)),
        ("metadata", LivenessBy::Metadata),
    ]
    .map(|(service, by)| {
        let kafka = kafka_config(&servers, by)?;
        context.supervise(service, context.host(), kafka, fast())
    });
    let mut buses = buses.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    for bus in &mut buses {
        bus.expect_not_ready(&[FailureClass::AdvertisedAddress])?;
        let answer = get(bus.probes(), "/readyz?verbose")?;
        ensure!(
            answer.status == 503 && answer.body.contains(DEAD),
            "the address is not named: {answer:?}"
        );
    }
    thread::sleep(OBSERVED);
    for mut bus in buses {
        let changes = bus.take_changes();
        let stayed = changes
            .iter()
            .all(|change| change.report.status == Status::NotReady);
        ensure!(stayed, "it flaps: {bus:?}");
        bus.shut_down()?;
    }
    Ok(())
}

pub(crate) fn several_creators_have_no_warning(context: &Context) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    let topic = format!("raced-{}", context.host());
    let began = Instant::now();
    let mut buses = Vec::new();
    for service in ["first", "second", "third", "fourth", "fifth"] {
        let by = LivenessBy::Produce {
            topic: topic.clone(),
            create: true,
        };
        let kafka = kafka_config(&node.bootstrap_servers(), by)?;
        // With the defaults a warning stays for 5 s. A long first interval, so that a busy machine does not look like a dead bus.
        let settings = Settings {
            not_live_interval: Duration::from_secs(5),
            ..Settings::default()
        };
        buses.push(context.supervise(service, context.host(), kafka, settings)?);
    }
    for bus in &mut buses {
        bus.expect_running()?;
    }
    let elapsed = began.elapsed();
    for mut bus in buses {
        bus.expect_no_change()?;
        bus.shut_down()?;
    }
    println!("several creators: all Running without a warning after {elapsed:?}");
    Ok(())
}

pub(crate) fn refused_creation_says_why(context: &Context) -> anyhow::Result<()> {
    // More replicas than there are brokers.
    let replicas = ("default.replication.factor".to_owned(), "3".to_owned());
    let node = context.own_node(&NodeOptions {
        properties: vec![replicas],
        ..NodeOptions::default()
    })?;
    let by = LivenessBy::Produce {
        topic: "refused".to_owned(),
        create: true,
    };
    let kafka = kafka_config(&node.bootstrap_servers(), by)?;
    let patient = Settings {
        not_live_interval: Duration::from_secs(5),
        ..fast()
    };
    let mut bus = context.supervise("refused", context.host(), kafka, patient)?;
    bus.expect_running_with(Some(FailureClass::TopicMissing))?;
    let answer = get(bus.probes(), "/readyz?verbose")?;
    ensure!(
        answer.status == 200
            && answer
                .body
                .contains("creating it failed: InvalidReplicationFactor"),
        "the reason is not shown: {answer:?}"
    );
    node.create_topic("refused", 1)?;
    bus.expect_running_with(None)?;
    bus.shut_down()?;
    Ok(())
}

/// Waits until the node answers a metadata request, which is all that it can do.
fn wait_for_metadata(servers: &str) -> anyhow::Result<()> {
    let client: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .create()?;
    let deadline = Instant::now() + START_LIMIT;
    loop {
        match client.client().fetch_metadata(None, Duration::from_secs(1)) {
            Ok(metadata) if !metadata.brokers().is_empty() => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error).context("no metadata"),
            Ok(_) | Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}
