//! What the runners cost, side by side: from a hint to its action, and a supervisor that is quiet:
//! `cargo bench -p livebus-tests --bench runners`.
//!
//! Prints Markdown. Every figure is of a process of its own, one after the other, on a bus that answers at once. How long it
//! takes is set by `LIVEBUS_BENCH_HINTS` (5000 of each kind) and `LIVEBUS_BENCH_WINDOW` (20 seconds for each of the quiet
//! processes): by default five minutes.

mod bus;
mod hints;
mod quiet;

use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Context as _, bail};
use livebus_async_std::AsyncStdRuntime;
use livebus_tests::WAIT_LIMIT;
use livebus_tests::child_process::ChildProcess;
use livebus_tests::cost::Cost;
use livebus_tests::host::Host;
use livebus_tokio::TokioRuntime;

const HOSTS: [Host; 3] = [
    Host::TokioCurrentThread,
    Host::TokioMultiThread,
    Host::AsyncStd,
];

/// How many supervisors a quiet process has. None is the runtime alone.
const SUPERVISORS: [u32; 3] = [0, 1, 1_000];

/// How long a quiet process is left alone before it is looked at.
const SETTLE: Duration = Duration::from_secs(2);

/// The first argument of a process that is measured, before what it measures, its host, and how many.
const CHILD: &str = "--child";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [child, what, host, count] = &arguments[..]
        && child == CHILD
    {
        return be_measured(what, host, count.parse()?);
    }
    let hints = setting("LIVEBUS_BENCH_HINTS", 5_000)?;
    let window = Duration::from_secs(setting("LIVEBUS_BENCH_WINDOW", 20)?.into());

    println!("| from | runner | n | min µs | median µs | p99 µs |");
    println!("|---|---|---|---|---|---|");
    for what in [hints::SUSPICION, hints::GOOD_NEWS] {
        for host in HOSTS {
            let (_process, figures) = child(what, host, hints)?;
            println!("| {what} | {host} | {figures} |");
        }
    }

    println!();
    println!("| supervisors | runner | CPU ms/s | wake-ups per minute | memory MiB | threads |");
    println!("|---|---|---|---|---|---|");
    for count in SUPERVISORS {
        for host in HOSTS {
            let (process, _ready) = child(quiet::QUIET, host, count)?;
            let cost = watch(process.id(), window)?;
            println!("| {count} | {host} | {cost} |");
        }
    }
    Ok(())
}

fn setting(name: &str, default: u32) -> anyhow::Result<u32> {
    match env::var(name) {
        Ok(value) => value.parse().context(format!("{name}={value}")),
        Err(_) => Ok(default),
    }
}

/// Starts a process that measures, or is measured, and waits for its word.
fn child(what: &str, host: Host, count: u32) -> anyhow::Result<(ChildProcess, String)> {
    let arguments = [CHILD, what, host.name(), &count.to_string()];
    let mut process = ChildProcess::start(&env::current_exe()?, &arguments)?;
    let said = process.lines()?;
    let errors = process.errors()?;
    match said.recv_timeout(WAIT_LIMIT * 10) {
        Ok(word) => Ok((process, word)),
        Err(_) => bail!("{arguments:?} ended: {:?}", errors.iter().last()),
    }
}

fn watch(process: u32, window: Duration) -> anyhow::Result<String> {
    thread::sleep(SETTLE);
    let mut cost = Cost::new(process)?;
    let end = Instant::now() + window;
    while Instant::now() < end {
        thread::sleep(Duration::from_millis(500));
        cost.sample()?;
    }
    Ok(format!(
        "{:.3} | {:.0} | {:.1} | {}",
        cost.cpu(),
        cost.wakes(),
        cost.memory(),
        cost.threads()
    ))
}

fn be_measured(what: &str, host: &str, count: u32) -> anyhow::Result<()> {
    let host = HOSTS.into_iter().find(|it| it.name() == host);
    let host = host.context("no such host")?;
    match (what, host) {
        (quiet::QUIET, Host::AsyncStd) => host.block_on(quiet::stay::<AsyncStdRuntime>(count)),
        (quiet::QUIET, _) => host.block_on(quiet::stay::<TokioRuntime>(count)),
        (_, Host::AsyncStd) => hints::measure::<AsyncStdRuntime>(what, host, count),
        (_, _) => hints::measure::<TokioRuntime>(what, host, count),
    }
}
