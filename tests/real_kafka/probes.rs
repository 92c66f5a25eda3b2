//! The results of the probes during an outage.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use livebus_core::{Settings, Status};
use livebus_tests::apache_kafka::{KafkaNode, NodeOptions};
use livebus_tests::http::{Sample, Sampler, get, last_ready};
use livebus_tests::kafka_supervision::{KafkaSupervision, by_produce, fast};
use livebus_tests::reader_order::ReaderPolls;

use crate::context::Context;

const TOPIC: &str = "probed";

/// How much later than it was sent an answer may count as evidence, because a busy machine delays librdkafka's thread. Probes
/// within this time after the bound are not checked.
const MARGIN: Duration = Duration::from_millis(200);

/// How long an outage goes on after it was noticed: long enough for a wrong change back to show.
const FURTHER: Duration = Duration::from_secs(1);

pub(crate) fn readyz_is_never_200_beyond_the_bound(context: &Context) -> anyhow::Result<()> {
    let mut node = context.own_node(&NodeOptions::default())?;
    node.create_topic(TOPIC, 1)?;
    let servers = node.bootstrap_servers();
    let mut buses = Vec::new();
    for (service, host, settings) in [
        ("fast", context.host(), fast()),
        ("defaults", context.other_host(), Settings::default()),
    ] {
        let kafka = by_produce(&servers, TOPIC)?;
        let mut bus = context.supervise(service, host, kafka, settings)?;
        bus.expect_running()?;
        buses.push(bus);
    }

    outage(&mut node, &mut buses, KafkaNode::kill, KafkaNode::restart)?;
    outage(&mut node, &mut buses, KafkaNode::stop, KafkaNode::cont)?;

    for bus in buses {
        bus.shut_down()?;
    }
    Ok(())
}

type Act = fn(&mut KafkaNode) -> anyhow::Result<()>;

fn outage(
    node: &mut KafkaNode,
    buses: &mut [KafkaSupervision],
    begin: Act,
    end: Act,
) -> anyhow::Result<()> {
    let samplers: Vec<Sampler> = buses
        .iter()
        .map(|bus| Sampler::start(bus.probes()))
        .collect::<Result<_, _>>()?;
    let polls = buses
        .iter()
        .map(|bus| ReaderPolls::start(bus.handle().readers()));
    let polls: Vec<_> = polls.collect();
    begin(node)?;
    let fault = Instant::now();
    for bus in &mut *buses {
        bus.expect_status(Status::NotReady)?;
        ensure!(get(bus.probes(), "/readyz")?.status == 503);
    }
    thread::sleep(FURTHER);
    let relief = Instant::now();
    end(node)?;
    for bus in &mut *buses {
        bus.expect_running()?;
        ensure!(get(bus.probes(), "/readyz")?.status == 200);
    }
    for polls in polls {
        let (polls, met) = polls.finish()?;
        ensure!(
            met.ready > 10 && met.not_ready > 10,
            "too few of {polls} polls: {met:?}"
        );
    }
    for (bus, sampler) in buses.iter().zip(samplers) {
        check(bus, &sampler.finish()?, fault, relief)?;
    }
    Ok(())
}

fn check(
    bus: &KafkaSupervision,
    samples: &[Sample],
    fault: Instant,
    relief: Instant,
) -> anyhow::Result<()> {
    ensure!(
        samples.iter().all(|sample| sample.live == 200),
        "/livez was not always 200: {}",
        bus.history_text()
    );
    let bound = fault + bus.handle().config().detection_bound() + MARGIN;
    ensure!(
        last_ready(samples, bound, relief).is_none(),
        "/readyz was 200 beyond the bound: {}",
        bus.history_text()
    );
    let during_outage = |sample: &&Sample| sample.sent >= fault && sample.sent < relief;
    let probes = samples.iter().filter(during_outage).count();
    let refused = samples
        .iter()
        .filter(during_outage)
        .filter(|s| s.ready == 503);
    ensure!(
        probes > 10 && refused.count() > 10,
        "too few samples: {probes} during the outage"
    );
    Ok(())
}
