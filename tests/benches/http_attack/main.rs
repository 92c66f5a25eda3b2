//! Attacks the server of the probes, and checks that probes are answered: `cargo bench -p livebus-tests --bench http_attack
//! [-- part of an attack's or a runner's name]`.
//!
//! Prints Markdown. Each attack targets a supervision whose bus always answers, in a process of its own, whose memory and
//! descriptors are read from Linux. A prober requests `/readyz`, `/livez` and `/statusz` each 20 ms, each on a new connection, from before
//! the attack until after it. This takes some six minutes; `LIVEBUS_ATTACK_SECONDS` (8) sets the duration of each attack.
//!
//! Fails when a probe is not answered, when memory grows by more than 30 MiB, when the status changes, or when descriptors are
//! not closed. Times are reported only.

mod measure;
mod plan;
mod probe;
mod served;

use std::process::ExitCode;
use std::time::Duration;
use std::{env, io};

use anyhow::Context as _;
use livebus_async_std::AsyncStdRuntime;
use livebus_tests::host::Host;
use livebus_tokio::TokioRuntime;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const HOSTS: [Host; 3] = [
    Host::TokioCurrentThread,
    Host::TokioMultiThread,
    Host::AsyncStd,
];

/// The first argument of a process that is attacked; then follow its host and its limit of descriptors.
const CHILD: &str = "--child";

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [child, host, descriptors] = &arguments[..]
        && child == CHILD
    {
        return run_child(host, descriptors.parse()?);
    }
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    let filter = filter.map_or("", |filter| &**filter);
    let seconds = match env::var("LIVEBUS_ATTACK_SECONDS") {
        Ok(value) => value.parse().context("LIVEBUS_ATTACK_SECONDS")?,
        Err(_) => 8,
    };
    allow_descriptors(plan::ATTACKER_DESCRIPTORS)?;

    let mut failed = false;
    println!("{}", measure::HEADER);
    for plan in plan::all() {
        for host in HOSTS {
            if format!("{} {host}", plan.name).contains(filter) {
                let figures = measure::attack(&plan, host, Duration::from_secs(seconds))?;
                println!("{figures}");
                failed |= !figures.failures().is_empty();
            }
        }
    }
    Ok(ExitCode::from(u8::from(failed)))
}

fn run_child(host: &str, descriptors: u64) -> anyhow::Result<ExitCode> {
    allow_descriptors(descriptors)?;
    let host = HOSTS.into_iter().find(|it| it.name() == host);
    let host = host.context("no such host")?;
    match host {
        Host::AsyncStd => host.block_on(served::stay::<AsyncStdRuntime>())?,
        Host::TokioCurrentThread | Host::TokioMultiThread => {
            host.block_on(served::stay::<TokioRuntime>())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Sets the limit of descriptors of this process.
fn allow_descriptors(number: u64) -> anyhow::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let limit = Rlimit {
        current: Some(number),
        maximum,
    };
    setrlimit(Resource::Nofile, limit)
        .map_err(io::Error::from)
        .with_context(|| format!("a process must be allowed {number} descriptors (ulimit -Hn)"))
}
