//! Outages: how soon they are noticed, and how soon livebus is Running after them.

use std::cmp::Reverse;
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use anyhow::anyhow;
use fastrand::Rng;
use livebus_tests::apache_kafka::{KafkaNode, NodeOptions};

use crate::clients::{Clients, Kind, Measured, Outage};
use crate::figures::row;
use crate::nodes;
use crate::plan::Plan;
use crate::supervisions::presets;

const RECOVERY_TARGET: &str = "median at most 300, max at most 1000";

/// The length of a short outage.
const SHORT: Duration = Duration::from_secs(2);

/// The number of nodes that start at the same time, without slowing each other down too much.
const STARTED_AT_ONCE: usize = 3;
/// The time between the ends of long outages: each node has the machine for itself when it recovers.
const STAGGER: Duration = Duration::from_secs(8);

/// Measures short outages, one after the other.
pub(crate) fn measure_short(plan: &Plan) -> anyhow::Result<()> {
    let mut clients = Clients::start(nodes::start_one()?)?;
    let mut random = crate::random();
    for kind in Kind::ALL {
        let outages = (0..plan.rounds)
            .map(|_| clients.outage(kind, SHORT, true, &mut random))
            .collect::<anyhow::Result<Vec<_>>>()?;
        detection_rows(kind, &outages);
        recovery_rows(kind, SHORT, &outages);
    }
    Ok(())
}

/// Measures long outages, all at the same time: each has a node of its own.
pub(crate) fn measure_long(plan: &Plan) -> anyhow::Result<()> {
    let mut planned = Vec::new();
    for &length in &plan.long {
        for kind in Kind::ALL {
            planned.extend((0..plan.long_nodes).map(|_| (length, kind)));
        }
    }
    // The longest ones begin first.
    planned.sort_by_key(|(length, _)| Reverse(*length));
    let mut nodes = Vec::new();
    while nodes.len() < planned.len() {
        let count = STARTED_AT_ONCE.min(planned.len() - nodes.len());
        nodes.extend(nodes::start_all(&vec![NodeOptions::default(); count])?);
    }
    let mut random = crate::random();
    let outages = thread::scope(|scope| {
        let threads: Vec<_> = (0..)
            .zip(nodes.into_iter().zip(&planned))
            .map(|(index, (node, &(length, kind)))| {
                let random = random.fork();
                scope.spawn(move || delayed_outage(node, STAGGER * index, length, kind, random))
            })
            .collect();
        let ended = threads.into_iter().map(ScopedJoinHandle::join);
        ended
            .map(|outage| outage.unwrap_or_else(|_| Err(anyhow!("a thread panicked"))))
            .collect::<Vec<_>>()
    });
    let mut all: Vec<_> = planned.into_iter().zip(outages).collect();
    let mut failed = None;
    for &length in &plan.long {
        for kind in Kind::ALL {
            let mut measured = Vec::new();
            for (_, outage) in all.extract_if(.., |(planned, _)| *planned == (length, kind)) {
                match outage {
                    Ok(outage) => measured.push(outage),
                    Err(error) => failed = Some(error),
                }
            }
            recovery_rows(kind, length, &measured);
        }
    }
    failed.map_or(Ok(()), Err)
}

fn delayed_outage(
    node: KafkaNode,
    delay: Duration,
    length: Duration,
    kind: Kind,
    mut random: Rng,
) -> anyhow::Result<Outage> {
    let mut clients = Clients::start(node)?;
    thread::sleep(delay);
    clients.outage(kind, length, false, &mut random)
}

fn detection_rows(kind: Kind, outages: &[Outage]) {
    let kind_name = kind.name();
    for measured in by_preset(outages) {
        let Some(Measured {
            preset,
            detection_bound,
            ..
        }) = measured.first()
        else {
            continue;
        };
        let target = match (kind, *preset) {
            (Kind::Killed, _) | (_, "fast") => "under 1000",
            (Kind::Hung, _) => "under 10000",
        };
        let what = format!("{kind_name}: noticed, {preset}");
        row(
            &what,
            "ms",
            measured.iter().map(|it| it.noticed).collect(),
            target,
        );
        let what = format!("{kind_name}: last 200 of `/readyz` after it, {preset}");
        let target = format!("at most {}", detection_bound.as_millis());
        row(
            &what,
            "ms",
            measured.iter().map(|it| it.last_ready).collect(),
            &target,
        );
    }
}

fn recovery_rows(kind: Kind, length: Duration, outages: &[Outage]) {
    let outage = format!("{} for {} s", kind.name(), length.as_secs());
    for measured in by_preset(outages) {
        let Some(Measured { preset, .. }) = measured.first() else {
            continue;
        };
        let what = format!("{outage}: Running after the node works, {preset}");
        let figures = measured.iter().map(|it| it.recovered);
        row(&what, "ms", figures.collect(), RECOVERY_TARGET);
        let what = format!("{outage}: Running after the node was started or continued, {preset}");
        let figures = measured.iter().map(|it| it.recovered_after_end);
        row(&what, "ms", figures.collect(), "");
    }
    let what = format!("{outage}: first acknowledgement after the node works, a bare producer");
    let figures = outages.iter().map(|outage| outage.bare_recovered);
    row(&what, "ms", figures.collect(), "");
}

/// Returns what the supervisions of each preset measured.
fn by_preset(outages: &[Outage]) -> Vec<Vec<&Measured>> {
    let index = 0..presets().len();
    index
        .map(|index| {
            outages
                .iter()
                .map(|outage| &outage.supervisions[index])
                .collect()
        })
        .collect()
}
