//! Pauses of the node that are too short for NotReady.

use std::thread;
use std::time::Duration;

use fastrand::Rng;
use livebus_core::{Settings, Status};
use livebus_tests::apache_kafka::KafkaNode;
use livebus_tests::host::Host;

use crate::figures::{count, row};
use crate::nodes;
use crate::plan::Plan;
use crate::supervisions::{losses, supervise, take_unexpected, until};

/// The number of supervisions, with their liveness messages spread over the interval.
const SUPERVISORS: u32 = 8;

/// Counts how often a supervision at the defaults is NotReady.
pub(crate) fn measure(plan: &Plan) -> anyhow::Result<()> {
    let mut node = nodes::start_one()?;
    let mut random = crate::random();
    let second = Duration::from_secs(1);
    false_alarms(&mut node, second, plan.pauses, "0", &mut random)?;
    let nearly = Settings::default().liveness_timeout * 19 / 20;
    let aim = "(beyond the target: shorter than `liveness_timeout`)";
    false_alarms(&mut node, nearly, plan.pauses / 3, aim, &mut random)
}

fn false_alarms(
    node: &mut KafkaNode,
    pause: Duration,
    pauses: u64,
    aim: &str,
    random: &mut Rng,
) -> anyhow::Result<()> {
    let servers = node.bootstrap_servers();
    let mut buses = Vec::new();
    for index in 0..SUPERVISORS {
        let service = format!("defaults-{index}");
        let host = Host::TokioCurrentThread;
        let mut bus = supervise(&service, host, &servers, Settings::default())?;
        until(&mut bus, Status::Running)?;
        buses.push(bus);
        thread::sleep(Settings::default().live_interval / SUPERVISORS);
    }
    for _ in 0..pauses {
        thread::sleep(Duration::from_millis(500) + Duration::from_secs(1).mul_f64(random.f64()));
        node.stop()?;
        thread::sleep(pause);
        node.cont()?;
    }
    // By then every change that the last pause caused is published.
    thread::sleep(Settings::default().live_interval);
    let alarms = buses
        .iter_mut()
        .map(|bus| count(losses(&take_unexpected(bus))));
    let what = format!(
        "false NotReady in {pauses} pauses of {} ms, in each of {SUPERVISORS} supervisions, defaults",
        pause.as_millis()
    );
    row(&what, "number", alarms.collect(), aim);
    Ok(())
}
