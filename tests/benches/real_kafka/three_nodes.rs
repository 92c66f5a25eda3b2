//! Three nodes: one that is killed is waited for, two are too many.

use std::thread;
use std::time::{Duration, Instant};

use livebus_core::{Cause, FailureKind, Status};
use livebus_readiness::StatusChange;
use livebus_tests::apache_kafka::{
    BrokerSession, ClusterOptions, Controllers, KafkaCluster, Replicas,
};
use livebus_tests::kafka_supervision::KafkaSupervision;

use crate::bare_producer::BareProducer;
use crate::figures::{count, millis, millis_or_never, row};
use crate::nodes::START_LIMIT;
use crate::plan::Plan;
use crate::supervisions::{TOPIC, losses, presets, supervise, until};

/// Each broker leads one partition, and has all.
const THREE: Replicas<'static> = Replicas {
    partitions: &[&[1, 2, 3], &[2, 3, 1], &[3, 1, 2]],
    min_in_sync: 2,
};

/// How long one of three is watched: Kafka needs at most some 14 s to go on without it.
const ONE_KILLED: Duration = Duration::from_secs(25);
/// How long the bare producer is watched after two of three are killed.
const TWO_KILLED: Duration = Duration::from_secs(10);

/// Kills one of three, and then two of three.
pub(crate) fn measure(_: &Plan) -> anyhow::Result<()> {
    let mut cluster = KafkaCluster::start(
        &ClusterOptions {
            brokers: 3,
            controllers: Controllers::Brokers,
            // What is measured: for so long no record is acknowledged that needs the broker.
            broker_session: BrokerSession::KafkaDefault,
        },
        START_LIMIT,
    )?;
    cluster.create_topic(TOPIC, THREE)?;
    let servers = cluster.bootstrap_servers();
    let bare = BareProducer::start(&servers)?;
    one_killed(&mut cluster, &mut supervise_all(&servers)?, &bare)?;

    cluster.broker(1).restart()?;
    cluster.client().wait_until_in_sync(TOPIC, START_LIMIT)?;
    two_killed(&mut cluster, &mut supervise_all(&servers)?, &bare)
}

/// Starts a supervision of each preset, and waits until all are Running.
fn supervise_all(servers: &str) -> anyhow::Result<Vec<(&'static str, KafkaSupervision)>> {
    let mut buses = Vec::new();
    for (preset, host, settings) in presets() {
        let mut bus = supervise(preset, host, servers, settings)?;
        until(&mut bus, Status::Running)?;
        buses.push((preset, bus));
    }
    Ok(buses)
}

fn one_killed(
    cluster: &mut KafkaCluster,
    buses: &mut [(&str, KafkaSupervision)],
    bare: &BareProducer,
) -> anyhow::Result<()> {
    bare.wait_until_it_works()?;
    for (_, bus) in &mut *buses {
        bus.take_changes();
    }
    let fault = Instant::now();
    cluster.broker(1).kill()?;
    thread::sleep(ONE_KILLED);
    let end = Instant::now();
    for (preset, bus) in buses {
        let changes = bus.take_changes();
        let warning = changes.iter().find(|change| is_partial(change));
        let what = format!("one of three killed: warning, {preset}");
        let warning = millis_or_never(fault, warning.map(|change| change.at));
        row(&what, "ms", vec![warning], "under 15000");
        let lost = losses(&changes);
        if lost > 0 {
            eprintln!("{}", bus.history_text());
        }
        let seconds = ONE_KILLED.as_secs();
        let what = format!("one of three killed: NotReady in {seconds} s, {preset}");
        row(&what, "number", vec![count(lost)], "0");
    }
    let what =
        "one of three killed: longest time without an acknowledgement, a bare producer (acks=all)";
    row(what, "ms", vec![longest_gap(&bare.all(), fault, end)], "");
    Ok(())
}

fn two_killed(
    cluster: &mut KafkaCluster,
    buses: &mut [(&str, KafkaSupervision)],
    bare: &BareProducer,
) -> anyhow::Result<()> {
    bare.wait_until_it_works()?;
    let fault = Instant::now();
    cluster.broker(1).kill()?;
    cluster.broker(2).kill()?;
    let killed = Instant::now();
    for (preset, bus) in buses {
        let lost = until(bus, Status::NotReady)?;
        let class = if let Cause::LivenessFailed(failure) = lost.report.cause {
            failure.class.name()
        } else {
            lost.report.cause.name()
        };
        let what = format!("two of three killed: NotReady ({class}), {preset}");
        row(&what, "ms", vec![millis(fault, lost.at)], "under 3000");
    }
    thread::sleep(TWO_KILLED.saturating_sub(killed.elapsed()));
    let after = bare.all().iter().filter(|at| **at > killed).count();
    let what = format!(
        "two of three killed: records acknowledged in the {} s after it, a bare producer (acks=all)",
        TWO_KILLED.as_secs()
    );
    row(&what, "number", vec![count(after)], "");
    Ok(())
}

fn is_partial(change: &StatusChange) -> bool {
    let warning = change.report.warning;
    warning.is_some_and(|warning| warning.class.kind() == FailureKind::Partial)
}

/// Returns the longest time between two acknowledgements of which one is in the span, in milliseconds; up to the end, if there
/// is none at all.
fn longest_gap(acknowledged: &[Instant], begin: Instant, end: Instant) -> f64 {
    let before = acknowledged.iter().filter(|at| **at < begin).max();
    let within = acknowledged
        .iter()
        .filter(|at| **at >= begin && **at <= end);
    let mut last = *before.unwrap_or(&begin);
    let mut longest: f64 = 0.0;
    for at in within.chain([&end]) {
        longest = longest.max(millis(last, *at));
        last = *at;
    }
    longest
}
