//! Measures what livebus notices on a real Kafka, how fast it recovers, and what it costs, beside a bare producer:
//! `cargo bench -p livebus-tests --bench real_kafka`.
//!
//! Prints Markdown. The bare producer is librdkafka alone, at its defaults. A time is below zero when the supervision was faster
//! than the independent client. The phases of the faults are random, and the same in each run.
//!
//! It takes about twelve minutes. `LIVEBUS_BENCH_ROUNDS` (5), `LIVEBUS_BENCH_PAUSES` (16) and `LIVEBUS_BENCH_IDLE` (60, seconds)
//! set the duration. `LIVEBUS_BENCH_LONG=120,600` adds outages of so many seconds to that of 30. All long outages go on at the same
//! time, on `LIVEBUS_BENCH_LONG_NODES` (1) nodes for each kind and length, so that their group takes little longer than the longest.
//! `LIVEBUS_BENCH_GROUPS=cost,logins` measures only these groups: see [`GROUPS`]. Connects that fail are counted for the
//! whole machine, so nothing else may try to reach a closed port at that time.
//!
//! Fails when a group cannot be measured. Figures that miss their target are reported only.

mod bare_producer;
mod clients;
mod connections;
mod cost;
mod figures;
mod nodes;
mod outages;
mod pauses;
mod plan;
mod slow_networks;
mod steady_client;
mod subject;
mod supervisions;
mod tcp;
mod three_nodes;

use std::env;
use std::process::ExitCode;

use anyhow::anyhow;
use fastrand::Rng;
use livebus_tests::apache_kafka::availability;

use plan::Plan;

type Measure = fn(&Plan) -> anyhow::Result<()>;

/// What is measured, in this order. Each group has nodes of its own.
const GROUPS: [(&str, Measure); 8] = [
    ("cost", cost::measure),
    ("outages", outages::measure_short),
    ("long-outages", outages::measure_long),
    ("pauses", pauses::measure),
    ("three-nodes", three_nodes::measure),
    ("slow-networks", slow_networks::measure),
    ("connections", connections::measure),
    ("logins", connections::measure_logins),
];

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [bare, rest @ ..] = &arguments[..]
        && bare == bare_producer::ARGUMENT
    {
        bare_producer::run(rest)?;
        return Ok(ExitCode::SUCCESS);
    }
    availability().map_err(|reason| anyhow!(reason))?;
    let plan = Plan::from_environment(&GROUPS.map(|(name, _)| name))?;
    let mut failed = false;
    figures::head();
    for (name, measure) in GROUPS {
        if plan.includes(name)
            && let Err(error) = measure(&plan)
        {
            eprintln!("{name}: {error:?}");
            failed = true;
        }
    }
    Ok(ExitCode::from(u8::from(failed)))
}

/// Returns random numbers that are the same in each run.
fn random() -> Rng {
    Rng::with_seed(0x6c69_7665_6275_7321)
}
