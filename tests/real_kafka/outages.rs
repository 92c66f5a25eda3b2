//! A node that is absent, killed, hung, paused and restarted.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use livebus_core::{FailureClass, Settings, Status};
use livebus_kafka::LivenessBy;
use livebus_readiness::StatusChange;
use livebus_tests::apache_kafka::{KafkaNode, NodeOptions};
use livebus_tests::kafka_supervision::{KafkaSupervision, by_produce, fast, kafka_config};

use crate::context::{Context, START_LIMIT};

const TOPIC: &str = "followed";

/// The failure of a dead broker: nothing accepts connections there.
const DEAD: &[FailureClass] = &[FailureClass::Unreachable];

/// The failure of a hung broker: it accepts connections and does not answer.
const HUNG: &[FailureClass] = &[FailureClass::Unresponsive];

/// The failures of a hung broker that is noticed sooner than its address is tried.
const HUNG_SO_FAR: &[FailureClass] = &[FailureClass::Timeout, FailureClass::Unresponsive];

/// How long to stay idle: four times the fast preset's interval.
const IDLE: Duration = Duration::from_secs(1);

pub(crate) fn every_outage_is_followed(context: &Context) -> anyhow::Result<()> {
    let mut node = absent_node_with_topic(context)?;
    let servers = node.bootstrap_servers();
    let mut buses = Vec::new();
    for &host in context.hosts() {
        let kafka = by_produce(&servers, TOPIC)?;
        buses.push(context.supervise(&format!("produce, {host}"), host, kafka, fast())?);
    }
    let kafka = kafka_config(&servers, LivenessBy::Metadata)?;
    buses.push(context.supervise("metadata", context.other_host(), kafka, fast())?);

    all_not_ready(&mut buses, DEAD)?;
    node.restart()?;
    all_running(&mut buses)?;
    stay_idle(&mut buses)?;

    node.kill()?;
    all_not_ready(&mut buses, DEAD)?;
    node.restart()?;
    all_running(&mut buses)?;
    stay_idle(&mut buses)?;

    node.stop()?;
    all_not_ready(&mut buses, HUNG_SO_FAR)?;
    node.cont()?;
    all_running(&mut buses)?;
    stay_idle(&mut buses)?;

    // A restart may be over before a supervision has checked twice: it may go unnoticed, but the end must be Running.
    node.terminate(START_LIMIT)?;
    node.restart()?;
    node.wait_until_it_answers(START_LIMIT)?;
    for bus in &mut buses {
        returns_to_running(bus)?;
    }
    stay_idle(&mut buses)?;

    for bus in buses {
        bus.shut_down()?;
    }
    Ok(())
}

pub(crate) fn hang_and_kill_have_different_causes(context: &Context) -> anyhow::Result<()> {
    let mut node = context.own_node(&NodeOptions::default())?;
    node.create_topic(TOPIC, 1)?;
    let kafka = by_produce(&node.bootstrap_servers(), TOPIC)?;
    let host = context.other_host();
    let mut bus = context.supervise("defaults", host, kafka, Settings::default())?;
    bus.expect_running()?;
    node.stop()?;
    bus.expect_not_ready(HUNG)?;
    node.cont()?;
    bus.expect_running()?;
    node.kill()?;
    bus.expect_not_ready(DEAD)?;
    bus.shut_down()?;
    Ok(())
}

pub(crate) fn short_pauses_change_nothing(context: &Context) -> anyhow::Result<()> {
    const PAUSE: Duration = Duration::from_secs(1);
    const PAUSES: usize = 3;

    let mut node = context.own_node(&NodeOptions::default())?;
    node.create_topic(TOPIC, 1)?;
    let kafka = by_produce(&node.bootstrap_servers(), TOPIC)?;
    let mut bus = context.supervise("defaults", context.host(), kafka, Settings::default())?;
    bus.expect_running()?;
    for _ in 0..PAUSES {
        // Just before the next liveness message, so that it falls into the pause.
        let due = bus.handle().next_deadline().unwrap_or_else(Instant::now);
        let left = due.saturating_duration_since(Instant::now());
        thread::sleep(left.saturating_sub(PAUSE / 4));
        node.stop()?;
        thread::sleep(PAUSE);
        node.cont()?;
        thread::sleep(PAUSE);
        bus.expect_no_change()?;
    }
    bus.shut_down()?;
    Ok(())
}

/// Returns a node that has the topic and does not run.
fn absent_node_with_topic(context: &Context) -> anyhow::Result<KafkaNode> {
    let mut node = context.own_node(&NodeOptions::default())?;
    node.create_topic(TOPIC, 1)?;
    node.kill()?;
    Ok(node)
}

fn all_not_ready(buses: &mut [KafkaSupervision], classes: &[FailureClass]) -> anyhow::Result<()> {
    for bus in buses {
        bus.expect_not_ready(classes)?;
    }
    Ok(())
}

fn all_running(buses: &mut [KafkaSupervision]) -> anyhow::Result<()> {
    for bus in buses {
        bus.expect_running()?;
    }
    Ok(())
}

fn stay_idle(buses: &mut [KafkaSupervision]) -> anyhow::Result<()> {
    thread::sleep(IDLE);
    for bus in buses {
        bus.expect_no_change()?;
    }
    Ok(())
}

/// Waits until the status is Running, which it may have left once at most.
fn returns_to_running(bus: &mut KafkaSupervision) -> anyhow::Result<()> {
    let mut changes = bus.take_changes();
    while bus.last_status() != Status::Running {
        changes.push(bus.next_change()?);
    }
    let left = |change: &&StatusChange| {
        change.from == Status::Running && change.report.status != Status::Running
    };
    ensure!(
        changes.iter().filter(left).count() <= 1,
        "{}",
        bus.history_text()
    );
    Ok(())
}
