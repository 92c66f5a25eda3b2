//! Attacks the server of the probes, and looks whether good probes are answered: `cargo bench -p livebus-tests --bench http_attack
//! [-- part of an attack's or a runner's name]`.
//!
//! Prints Markdown. Each attack meets a supervision whose bus always answers, in a process of its own; Linux counts its memory and
//! its descriptors. A good probe asks `/readyz` and `/livez` each 20 ms, each on a new connection, from before the attack to after
//! it. It takes some six minutes; `LIVEBUS_ATTACK_SECONDS` (8) is how long each attack lasts.
//!
//! Fails when a probe is not answered, when memory grows by more than 30 MiB, when the status changes, or when descriptors are not
//! given back. Times are reported, and fail nothing.

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

/// The first argument of a process that is attacked, before its host and how many descriptors it may have.
const CHILD: &str = "--child";

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [child, host, descriptors] = &arguments[..]
        && child == CHILD
    {
        return be_attacked(host, descriptors.parse()?);
    }
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    let filter = filter.map_or("", |filter| &**filter);
    let seconds = match env::var("LIVEBUS_ATTACK_SECONDS") {
        Ok(value) => value.parse().context("LIVEBUS_ATTACK_SECONDS")?,
        Err(_) => 8,
    };
    allow_descriptors(plan::MOST_DESCRIPTORS)?;

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

fn be_attacked(host: &str, descriptors: u64) -> anyhow::Result<ExitCode> {
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

/// Lets this process have so many descriptors.
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
