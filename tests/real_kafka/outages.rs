//! A node that is absent, killed, hung, paused and restarted.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use livebus_core::{FailureClass, Settings, Status};
use livebus_kafka::LivenessBy;
use livebus_readiness::StatusChange;
use livebus_tests::apache_kafka::{KafkaNode, NodeOptions};
use livebus_tests::watched::{Watched, by, by_produce, fast};

use crate::context::{Context, START};

const TOPIC: &str = "followed";

/// What a dead broker is taken for: nothing answers there, or nothing answers in time.
const DEAD: &[FailureClass] = &[FailureClass::Unreachable, FailureClass::Timeout];

/// What a hung broker is taken for: it can be reached, and says nothing.
const HUNG: &[FailureClass] = &[FailureClass::Timeout];

/// How long to stay idle: four times the fast preset's interval.
const IDLE: Duration = Duration::from_secs(1);

pub(crate) fn every_outage_is_followed(context: &Context) -> anyhow::Result<()> {
    let mut node = absent_node_with_topic(context)?;
    let servers = node.bootstrap_servers();
    let mut buses = Vec::new();
    for &host in context.hosts() {
        let kafka = by_produce(&servers, TOPIC)?;
        buses.push(context.watch(&format!("produce, {host}"), host, kafka, fast())?);
    }
    let kafka = by(&servers, LivenessBy::Metadata)?;
    buses.push(context.watch("metadata", context.other_host(), kafka, fast())?);

    all_lose(&mut buses, DEAD)?;
    node.restart()?;
    all_run(&mut buses)?;
    stay_idle(&mut buses)?;

    node.kill()?;
    all_lose(&mut buses, DEAD)?;
    node.restart()?;
    all_run(&mut buses)?;
    stay_idle(&mut buses)?;

    node.stop()?;
    all_lose(&mut buses, HUNG)?;
    node.cont()?;
    all_run(&mut buses)?;
    stay_idle(&mut buses)?;

    // A restart may be over before a supervision has asked twice: whether it is noticed is left open, its end is not.
    node.terminate(START)?;
    node.restart()?;
    node.wait_until_it_answers(START)?;
    for bus in &mut buses {
        ends_up_running(bus)?;
    }
    stay_idle(&mut buses)?;

    for bus in buses {
        bus.shuts_down()?;
    }
    Ok(())
}

pub(crate) fn hang_is_told_from_a_kill_at_the_defaults(context: &Context) -> anyhow::Result<()> {
    let mut node = context.own_node(&NodeOptions::default())?;
    node.create_topic(TOPIC, 1)?;
    let kafka = by_produce(&node.bootstrap_servers(), TOPIC)?;
    let host = context.other_host();
    let mut bus = context.watch("defaults", host, kafka, Settings::default())?;
    bus.runs()?;
    node.stop()?;
    bus.loses(HUNG)?;
    node.cont()?;
    bus.runs()?;
    node.kill()?;
    bus.loses(DEAD)?;
    bus.shuts_down()?;
    Ok(())
}

pub(crate) fn short_pauses_change_nothing(context: &Context) -> anyhow::Result<()> {
    const PAUSE: Duration = Duration::from_secs(1);
    const PAUSES: usize = 3;

    let mut node = context.own_node(&NodeOptions::default())?;
    node.create_topic(TOPIC, 1)?;
    let kafka = by_produce(&node.bootstrap_servers(), TOPIC)?;
    let mut bus = context.watch("defaults", context.host(), kafka, Settings::default())?;
    bus.runs()?;
    for _ in 0..PAUSES {
        // Just before the next liveness message, so that the pause meets it.
        let due = bus.handle().next_deadline().unwrap_or_else(Instant::now);
        let left = due.saturating_duration_since(Instant::now());
        thread::sleep(left.saturating_sub(PAUSE / 4));
        node.stop()?;
        thread::sleep(PAUSE);
        node.cont()?;
        thread::sleep(PAUSE);
        bus.has_said_nothing()?;
    }
    bus.shuts_down()?;
    Ok(())
}

/// A node that has the topic, and does not run.
fn absent_node_with_topic(context: &Context) -> anyhow::Result<KafkaNode> {
    let mut node = context.own_node(&NodeOptions::default())?;
    node.create_topic(TOPIC, 1)?;
    node.kill()?;
    Ok(node)
}

fn all_lose(buses: &mut [Watched], classes: &[FailureClass]) -> anyhow::Result<()> {
    for bus in buses {
        bus.loses(classes)?;
    }
    Ok(())
}

fn all_run(buses: &mut [Watched]) -> anyhow::Result<()> {
    for bus in buses {
        bus.runs()?;
    }
    Ok(())
}

fn stay_idle(buses: &mut [Watched]) -> anyhow::Result<()> {
    thread::sleep(IDLE);
    for bus in buses {
        bus.has_said_nothing()?;
    }
    Ok(())
}

/// It is Running in the end, and left that at most once.
fn ends_up_running(bus: &mut Watched) -> anyhow::Result<()> {
    let mut told = bus.unread();
    while bus.told() != Status::Running {
        told.push(bus.next_change()?);
    }
    let left = |change: &&StatusChange| {
        change.from == Status::Running && change.report.status != Status::Running
    };
    ensure!(told.iter().filter(left).count() <= 1, "{}", bus.story());
    Ok(())
}
