//! Which cluster answers: the one that was proved, another at the same address, and a foreign broker among the bootstrap servers.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use livebus_core::{FailureClass, Settings, Status};
use livebus_kafka::{ClusterPolicy, KafkaConfig, LivenessBy};
use livebus_tests::apache_kafka::{CLUSTER_ID, NodeOptions};
use livebus_tests::kafka_supervision::{KafkaSupervision, fast, kafka_config};

use crate::context::Context;

/// The id of a second cluster.
const OTHER_ID: &str = "b3RoZXItY2x1c3Rlci0wMA";

const TOPIC: &str = "identity";

/// Several times what a bus takes that flaps: the interval of the fast preset grows to 5 s.
const OBSERVED: Duration = Duration::from_secs(12);

pub(crate) fn replaced_cluster_is_not_ready(context: &Context) -> anyhow::Result<()> {
    let mut first = context.own_node(&NodeOptions::default())?;
    first.create_topic(TOPIC, 1)?;
    let servers = first.bootstrap_servers();
    let remembering =
        context.supervise("remembering", context.host(), produce(&servers)?, fast())?;
    let any = produce(&servers)?.cluster(ClusterPolicy::Any);
    let any = context.supervise("any", context.host(), any, fast())?;
    let expecting = produce(&servers)?.cluster(ClusterPolicy::Expect(OTHER_ID.to_owned()));
    let mut expecting = context.supervise("expecting", context.host(), expecting, fast())?;
    let mut running = [remembering, any];
    for bus in &mut running {
        bus.expect_running()?;
    }
    expecting.expect_not_ready(&[FailureClass::WrongCluster])?;

    first.kill()?;
    for bus in &mut running {
        bus.expect_status(Status::NotReady)?;
    }
    drop(first);
    let second = context.own_node(&at_port(&servers, OTHER_ID)?)?;
    second.create_topic(TOPIC, 1)?;
    let [mut remembering, mut any] = running;
    until_running(&mut any)?;
    until_running(&mut expecting)?;
    until_not_ready_as(&mut remembering, FailureClass::WrongCluster)?;
    thread::sleep(OBSERVED);
    stays_not_ready(&mut remembering)?;
    for bus in [any, expecting] {
        bus.shut_down()?;
    }

    drop(second);
    let third = context.own_node(&at_port(&servers, CLUSTER_ID)?)?;
    third.create_topic(TOPIC, 1)?;
    until_running(&mut remembering)?;
    remembering.shut_down()?;
    Ok(())
}

pub(crate) fn foreign_bootstrap_server_is_not_ready(context: &Context) -> anyhow::Result<()> {
    let own = context.own_node(&NodeOptions::default())?;
    let mut foreign = context.own_node(&NodeOptions {
        cluster_id: Some(OTHER_ID),
        ..NodeOptions::default()
    })?;
    for node in [&own, &foreign] {
        node.create_topic(TOPIC, 1)?;
    }
    let both = format!(
        "{},{}",
        own.bootstrap_servers(),
        foreign.bootstrap_servers()
    );
    let expected = ClusterPolicy::Expect(CLUSTER_ID.to_owned());
    for (service, policy) in [
        ("disagreeing", ClusterPolicy::Remember),
        ("foreign", expected),
    ] {
        let kafka = produce(&both)?.cluster(policy);
        // A long first interval, so that the servers have answered before the first liveness message also on a busy machine.
        let patient = Settings {
            not_live_interval: Duration::from_secs(5),
            ..fast()
        };
        let mut bus = context.supervise(service, context.host(), kafka, patient)?;
        bus.expect_not_ready(&[FailureClass::WrongCluster])?;
        thread::sleep(OBSERVED);
        stays_not_ready(&mut bus)?;
        if service == "foreign" {
            foreign.kill()?;
            bus.expect_running()?;
        }
        bus.shut_down()?;
    }
    Ok(())
}

pub(crate) fn nothing_is_created_in_a_wrong_cluster(context: &Context) -> anyhow::Result<()> {
    let node = context.shared_node()?;
    let topic = "never-in-the-wrong-cluster";
    let create = LivenessBy::Produce {
        topic: topic.to_owned(),
        create: true,
    };
    let kafka = kafka_config(&node.bootstrap_servers(), create)?
        .cluster(ClusterPolicy::Expect(OTHER_ID.to_owned()));
    let mut bus = context.supervise("creating", context.host(), kafka, fast())?;
    bus.expect_not_ready(&[FailureClass::WrongCluster])?;
    thread::sleep(OBSERVED);
    stays_not_ready(&mut bus)?;
    bus.shut_down()?;
    let refusal = node.client().produce(topic, Duration::from_secs(5));
    ensure!(refusal.is_err(), "the topic was created");
    Ok(())
}

fn produce(servers: &str) -> anyhow::Result<KafkaConfig> {
    livebus_tests::kafka_supervision::by_produce(servers, TOPIC)
}

/// The options of a node of the cluster `id` at the port of `address`.
fn at_port(address: &str, id: &'static str) -> anyhow::Result<NodeOptions> {
    let (_, port) = address.rsplit_once(':').context("host:port")?;
    Ok(NodeOptions {
        port: Some(port.parse()?),
        cluster_id: Some(id),
        ..NodeOptions::default()
    })
}

/// Waits for a change to NotReady for this class, from NotReady for another.
fn until_not_ready_as(bus: &mut KafkaSupervision, class: FailureClass) -> anyhow::Result<()> {
    loop {
        let report = bus.next_change()?.report;
        ensure!(report.status == Status::NotReady, "{bus:?}");
        if matches!(report.cause, livebus_core::Cause::LivenessFailed(failure) if failure.class == class)
        {
            return Ok(());
        }
    }
}

/// Waits until it is Running without a warning. A new cluster has no topic for a moment.
fn until_running(bus: &mut KafkaSupervision) -> anyhow::Result<()> {
    loop {
        let report = bus.next_change()?.report;
        if report.status == Status::Running && report.warning.is_none() {
            return Ok(());
        }
    }
}

/// Checks that no change since the last look was to another status than NotReady.
fn stays_not_ready(bus: &mut KafkaSupervision) -> anyhow::Result<()> {
    let changes = bus.take_changes();
    let stayed = changes
        .iter()
        .all(|change| change.report.status == Status::NotReady);
    ensure!(stayed, "it flaps: {bus:?}");
    Ok(())
}
