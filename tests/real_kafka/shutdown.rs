//! A shutdown, whatever the bus does at that moment.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use livebus_core::{FailureClass, Settings, Status};
use livebus_tests::PATIENCE;
use livebus_tests::apache_kafka::NodeOptions;
use livebus_tests::watched::{Watched, by_produce, fast};

use crate::context::{Context, START};

const TOPIC: &str = "shut-down";

/// What a busy machine may add to a bound. Only there not to hang: see [`PATIENCE`].
const MARGIN: Duration = Duration::from_secs(2);

/// A drain to be seen.
const DRAIN: Duration = Duration::from_millis(500);

pub(crate) fn shutdown_ends_in_order_in_every_phase(context: &Context) -> anyhow::Result<()> {
    let mut node = context.own_node(&NodeOptions::default())?;
    node.create_topic(TOPIC, 1)?;
    let servers = node.bootstrap_servers();
    let each = |phase: &str, settings: &Settings| -> anyhow::Result<Vec<Watched>> {
        let start = |&host| {
            let service = format!("{phase}, {host}");
            let kafka = by_produce(&servers, TOPIC)?;
            context.watch(&service, host, kafka, settings.clone())
        };
        context.hosts().iter().map(start).collect()
    };
    // A liveness message that is not answered stays open long enough to be met by a shutdown.
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
        bus.runs()?;
    }
    all_end_in_time(ready)?;
    node.kill()?;
    for bus in &mut killed {
        bus.becomes(Status::NotReady)?;
    }
    all_end_in_time(killed)?;

    all_end_in_time(each("just started, with the broker absent", &fast())?)?;
    let mut starting = each("starting, with the broker absent", &fast())?;
    for bus in &mut starting {
        bus.becomes(Status::NotReady)?;
    }
    all_end_in_time(starting)?;

    node.restart()?;
    node.wait_until_it_answers(START)?;
    let mut hung = each("hung", &fast())?;
    let mut in_a_round = each("in the middle of a round", &patient)?;
    for bus in hung.iter_mut().chain(&mut in_a_round) {
        bus.runs()?;
    }
    node.stop()?;
    for bus in &mut hung {
        bus.loses(&[FailureClass::Timeout])?;
    }
    all_end_in_time(hung)?;
    for bus in &in_a_round {
        wait_for_a_round_that_is_not_answered(bus)?;
    }
    all_end_in_time(in_a_round)
}

fn all_end_in_time(buses: Vec<Watched>) -> anyhow::Result<()> {
    buses.into_iter().try_for_each(ends_in_time)
}

fn wait_for_a_round_that_is_not_answered(bus: &Watched) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let open = || {
        let round = bus.handle().newest_round();
        round.is_some_and(|round| round.answered < round.sent)
    };
    while !open() {
        ensure!(Instant::now() < deadline, "no round: {}", bus.story());
        thread::sleep(Duration::from_millis(10));
    }
    ensure!(bus.handle().status() == Status::Running, "{}", bus.story());
    Ok(())
}

fn ends_in_time(bus: Watched) -> anyhow::Result<()> {
    let within = bus.handle().config().shutdown_bound() + MARGIN;
    let begin = Instant::now();
    let stopped = bus.shuts_down()?;
    let took = stopped.at.saturating_duration_since(begin);
    ensure!(took <= within, "the shutdown took {took:?}");
    Ok(())
}
