//! Clusters of several brokers: one that is away is waited for, two of three are too many, and a controller is not missed.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use livebus_core::{Cause, FailureClass, FailureKind, Settings, Status};
use livebus_tests::apache_kafka::{
    BrokerSession, ClusterOptions, Controllers, KafkaCluster, Replicas,
};
use livebus_tests::kafka_supervision::{KafkaSupervision, by_produce, by_produce_with};

use crate::context::{Context, START_LIMIT};

/// What a busy machine may add to a bound.
const MARGIN: Duration = Duration::from_secs(2);

pub(crate) fn one_of_three_is_waited_for_and_two_are_missed(
    context: &Context,
) -> anyhow::Result<()> {
    let mut cluster = KafkaCluster::start(
        &ClusterOptions {
            brokers: 3,
            controllers: Controllers::Brokers,
            // What a test is about: for so long no record is acknowledged that needs the broker.
            broker_session: BrokerSession::KafkaDefault,
        },
        START_LIMIT,
    )?;
    // The first one to be killed is the one that is missed for the longest time.
    let first = cluster.active_controller()?;
    let [second, third] = [first % 3 + 1, (first + 1) % 3 + 1];
    let [a, b, c] = [first, second, third].map(|id| i32::try_from(id).expect("at most 3"));
    create(&cluster, "three", &[&[a, b, c], &[b, c, a], &[c, a, b]])?;
    create(&cluster, "led-by-first", &[&[a, b, c], &[a, c, b]])?;
    create(&cluster, "pair", &[&[a, b], &[b, a]])?;
    let mut waiting = Vec::new();
    for &host in context.hosts() {
        waiting.push(produce(
            context,
            &cluster,
            &format!("three, {host}"),
            "three",
        )?);
    }
    waiting.push(produce(context, &cluster, "led-by-first", "led-by-first")?);
    let mut pair = produce(context, &cluster, "pair", "pair")?;
    let servers = cluster.bootstrap_servers();
    let leader_only = by_produce_with(&servers, "three", &["acks=1"])?;
    let mut leader_only = supervise(context, "acks=1", leader_only)?;
    all_running(waiting.iter_mut().chain([&mut pair, &mut leader_only]))?;

    let killed = Instant::now();
    cluster.broker(first).kill()?;
    all_are_degraded_for_a_while(&mut waiting)?;
    lacks_replicas(&mut pair, killed)?;
    leader_only.expect_no_change()?;
    cluster.broker(first).restart()?;
    pair.expect_running()?;
    all_in_sync(&cluster)?;

    let stopped = Instant::now();
    cluster.broker(second).stop()?;
    all_are_degraded_for_a_while(&mut waiting)?;
    lacks_replicas(&mut pair, stopped)?;
    leader_only.expect_no_change()?;
    cluster.broker(second).cont()?;
    pair.expect_running()?;
    pair.shut_down()?;
    all_in_sync(&cluster)?;

    for id in 1..=3 {
        cluster.broker(id).terminate(START_LIMIT)?;
        cluster.broker(id).start()?;
        all_in_sync(&cluster)?;
    }
    for bus in waiting.iter_mut().chain([&mut leader_only]) {
        stayed_running(bus)?;
    }
    // After the restarts it depends on the elections which partitions the survivor leads.
    leader_only.shut_down()?;

    // The survivor leads no partition of the second one.
    create(
        &cluster,
        "led-by-each",
        &[&[a, b, c], &[b, c, a], &[c, a, b]],
    )?;
    create(&cluster, "not-led-by-third", &[&[a, b, c], &[b, a, c]])?;
    let mut missing = vec![
        produce(context, &cluster, "led-by-each", "led-by-each")?,
        produce(context, &cluster, "not-led-by-third", "not-led-by-third")?,
    ];
    all_running(&mut missing)?;
    // The newest metadata of most of them does not have the third one, which is back.
    cluster.broker(third).terminate(START_LIMIT)?;
    thread::sleep(MARGIN);
    cluster.broker(third).start()?;
    all_in_sync(&cluster)?;
    for bus in missing.iter_mut().chain(&mut waiting) {
        stayed_running(bus)?;
    }
    let killed = Instant::now();
    cluster.broker(first).kill()?;
    cluster.broker(second).kill()?;
    for bus in missing.iter_mut().chain(&mut waiting) {
        lacks_replicas(bus, killed)?;
    }
    for bus in missing.into_iter().chain(waiting) {
        bus.shut_down()?;
    }
    Ok(())
}

pub(crate) fn controller_that_is_away_alone_changes_nothing(
    context: &Context,
) -> anyhow::Result<()> {
    let mut cluster = KafkaCluster::start(
        &ClusterOptions {
            brokers: 2,
            controllers: Controllers::Apart,
            broker_session: BrokerSession::Short,
        },
        START_LIMIT,
    )?;
    create(&cluster, "pair", &[&[1, 2], &[2, 1]])?;
    let mut bus = produce(context, &cluster, "pair", "pair")?;
    all_running([&mut bus])?;
    cluster.controller()?.stop()?;
    let settings = bus.handle().config().settings().clone();
    // Long enough for two liveness messages, the later one with brokers that have missed their heartbeats.
    thread::sleep(2 * settings.live_interval + settings.liveness_timeout);
    bus.expect_no_change()?;
    cluster.controller()?.cont()?;
    bus.shut_down()?;
    Ok(())
}

/// Creates a topic with these replicas, the leader of each partition first. Two of them must be in sync.
fn create(cluster: &KafkaCluster, topic: &str, partitions: &[&[i32]]) -> anyhow::Result<()> {
    let replicas = Replicas {
        partitions,
        min_in_sync: 2,
    };
    cluster.create_topic(topic, replicas)
}

fn produce(
    context: &Context,
    cluster: &KafkaCluster,
    service: &str,
    topic: &str,
) -> anyhow::Result<KafkaSupervision> {
    let kafka = by_produce(&cluster.bootstrap_servers(), topic)?;
    supervise(context, service, kafka)
}

/// Supervises at the defaults, without a drain.
fn supervise(
    context: &Context,
    service: &str,
    kafka: livebus_kafka::KafkaConfig,
) -> anyhow::Result<KafkaSupervision> {
    let settings = Settings {
        drain: Duration::ZERO,
        ..Settings::default()
    };
    let host = context
        .hosts()
        .iter()
        .find(|host| service.ends_with(host.name()));
    context.supervise(
        service,
        host.copied().unwrap_or(context.host()),
        kafka,
        settings,
    )
}

/// Waits until all are Running. Before that, the first liveness message of one may have failed on a busy machine.
fn all_running<'a>(
    buses: impl IntoIterator<Item = &'a mut KafkaSupervision>,
) -> anyhow::Result<()> {
    for bus in buses {
        while bus.last_status() != Status::Running {
            bus.next_change()?;
        }
    }
    Ok(())
}

fn all_in_sync(cluster: &KafkaCluster) -> anyhow::Result<()> {
    for topic in ["three", "led-by-first", "pair"] {
        cluster.client().wait_until_in_sync(topic, START_LIMIT)?;
    }
    Ok(())
}

/// Expects Running with a warning that a part is missing, and then without one.
fn all_are_degraded_for_a_while(buses: &mut [KafkaSupervision]) -> anyhow::Result<()> {
    for bus in buses {
        let mut change = bus.next_change()?;
        let warning = change.report.warning;
        ensure!(
            warning.is_some_and(|warning| warning.class.kind() == FailureKind::Partial),
            "expected a warning: {}",
            bus.history_text()
        );
        while change.report.warning.is_some() {
            is_degraded_at_most(bus, change.report.status, change.report.warning)?;
            change = bus.next_change()?;
        }
        is_degraded_at_most(bus, change.report.status, None)?;
    }
    Ok(())
}

/// Checks that every change since the last one was Running, with a warning at most.
fn stayed_running(bus: &mut KafkaSupervision) -> anyhow::Result<()> {
    for change in bus.take_changes() {
        is_degraded_at_most(bus, change.report.status, change.report.warning)?;
    }
    Ok(())
}

fn is_degraded_at_most(
    bus: &KafkaSupervision,
    status: Status,
    warning: Option<livebus_core::Failure>,
) -> anyhow::Result<()> {
    let is_partial = warning.is_none_or(|it| it.class.kind() == FailureKind::Partial);
    ensure!(
        status == Status::Running && is_partial,
        "expected Running, with a warning at most: {}",
        bus.history_text()
    );
    Ok(())
}

/// Expects NotReady because there are too few replicas, within the bound that is documented, perhaps after a warning.
fn lacks_replicas(bus: &mut KafkaSupervision, fault: Instant) -> anyhow::Result<()> {
    let mut change = bus.next_change()?;
    while change.report.status == Status::Running {
        is_degraded_at_most(bus, change.report.status, change.report.warning)?;
        change = bus.next_change()?;
    }
    let is_cause =
        |class| matches!(change.report.cause, Cause::LivenessFailed(it) if it.class == class);
    ensure!(
        change.report.status == Status::NotReady && is_cause(FailureClass::NotEnoughReplicas),
        "expected too few replicas: {}",
        bus.history_text()
    );
    let took = change.at.saturating_duration_since(fault);
    let bound = bus.handle().config().partial_detection_bound() + MARGIN;
    ensure!(
        took <= bound,
        "NotReady after {took:?}: {}",
        bus.history_text()
    );
    Ok(())
}
