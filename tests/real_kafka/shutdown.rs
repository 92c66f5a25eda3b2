//! A shutdown in every phase of a supervision and in every state of the bus.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use livebus_core::{FailureClass, Settings, Status};
use livebus_tests::WAIT_LIMIT;
use livebus_tests::apache_kafka::NodeOptions;
use livebus_tests::kafka_supervision::{KafkaSupervision, by_produce, fast};

use crate::context::{Context, START_LIMIT};

const TOPIC: &str = "shut-down";

/// What a busy machine may add to a bound.
const MARGIN: Duration = Duration::from_secs(2);

/// A drain that is long enough to be noticed.
const DRAIN: Duration = Duration::from_millis(500);

pub(crate) fn shutdown_ends_in_order_in_every_phase(context: &Context) -> anyhow::Result<()> {
    let mut node = context.own_node(&NodeOptions::default())?;
    node.create_topic(TOPIC, 1)?;
    let servers = node.bootstrap_servers();
    let each = |phase: &str, settings: &Settings| -> anyhow::Result<Vec<KafkaSupervision>> {
        let start = |&host| {
            let service = format!("{phase}, {host}");
            let kafka = by_produce(&servers, TOPIC)?;
            context.supervise(&service, host, kafka, settings.clone())
        };
        context.hosts().iter().map(start).collect()
    };
    // A liveness message without an answer stays in flight long enough for a shutdown to come in that time.
    let patient = Settings {
        live_interval: Duration::from_secs(5),
        liveness_timeout: Duration::from_secs(5),
        ..fast()
    };
    let drained = Settings {
        drain: DRAIN,
        ..fast()
    };

    let mut ready = each("ready", &fast())?;
    ready.extend(each("ready, with a drain", &drained)?);
    let mut killed = each("killed", &fast())?;
    for bus in ready.iter_mut().chain(&mut killed) {
        bus.expect_running()?;
    }
    all_stop_within_the_bound(ready)?;
    node.kill()?;
    for bus in &mut killed {
        bus.expect_status(Status::NotReady)?;
    }
    all_stop_within_the_bound(killed)?;

    all_stop_within_the_bound(each("just started, with the broker absent", &fast())?)?;
    let mut starting = each("starting, with the broker absent", &fast())?;
    for bus in &mut starting {
        bus.expect_status(Status::NotReady)?;
    }
    all_stop_within_the_bound(starting)?;

    node.restart()?;
    node.wait_until_it_answers(START_LIMIT)?;
    let mut hung = each("hung", &fast())?;
    let mut in_a_round = each("in the middle of a round", &patient)?;
    for bus in hung.iter_mut().chain(&mut in_a_round) {
        bus.expect_running()?;
    }
    node.stop()?;
    for bus in &mut hung {
        bus.expect_not_ready(&[FailureClass::Timeout])?;
    }
    all_stop_within_the_bound(hung)?;
    for bus in &in_a_round {
        wait_for_an_unanswered_round(bus)?;
    }
    all_stop_within_the_bound(in_a_round)
}

fn all_stop_within_the_bound(buses: Vec<KafkaSupervision>) -> anyhow::Result<()> {
    buses.into_iter().try_for_each(stops_within_the_bound)
}

fn wait_for_an_unanswered_round(bus: &KafkaSupervision) -> anyhow::Result<()> {
    let deadline = Instant::now() + WAIT_LIMIT;
    let open = || {
        let round = bus.handle().newest_round();
        round.is_some_and(|round| round.answered < round.sent)
    };
    while !open() {
        ensure!(
            Instant::now() < deadline,
            "no round: {}",
            bus.history_text()
        );
        thread::sleep(Duration::from_millis(10));
    }
    ensure!(
        bus.handle().status() == Status::Running,
        "{}",
        bus.history_text()
    );
    Ok(())
}

fn stops_within_the_bound(bus: KafkaSupervision) -> anyhow::Result<()> {
    let within = bus.handle().config().shutdown_bound() + MARGIN;
    let begin = Instant::now();
    let stopped = bus.shut_down()?;
    let took = stopped.at.saturating_duration_since(begin);
    ensure!(took <= within, "the shutdown took {took:?}");
    Ok(())
}
