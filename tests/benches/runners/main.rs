//! Measures the runners side by side: the time from an observation to its action, and the cost of an idle supervisor:
//! `cargo bench -p livebus-tests --bench runners`.
//!
//! Prints Markdown. Each figure is measured in a process of its own, one after the other, on a bus that answers at once.
//! `LIVEBUS_BENCH_HINTS` (5000 of each kind) and `LIVEBUS_BENCH_WINDOW` (20 seconds for each of the idle processes) set the
//! duration: five minutes by default.

mod bus;
mod hints;
mod idle;

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

/// The numbers of supervisors in an idle process. Zero is the runtime alone.
const SUPERVISORS: [u32; 3] = [0, 1, 1_000];

/// The time between the start of an idle process and its measurement.
const IDLE_PAUSE: Duration = Duration::from_secs(2);

/// The first argument of a measured process; then follow the subject, the host, and a count.
const CHILD: &str = "--child";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [child, what, host, count] = &arguments[..]
        && child == CHILD
    {
        return run_child(what, host, count.parse()?);
    }
    let hints = setting("LIVEBUS_BENCH_HINTS", 5_000)?;
    let window = Duration::from_secs(setting("LIVEBUS_BENCH_WINDOW", 20)?.into());

    println!("| from | runner | n | min µs | median µs | p99 µs |");
    println!("|---|---|---|---|---|---|");
    for what in [hints::SUSPICION, hints::EVIDENCE] {
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
            let (process, _ready) = child(idle::IDLE, host, count)?;
            let cost = measure_cost(process.id(), window)?;
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

/// Starts a process that measures or is measured, and waits for its first line.
fn child(what: &str, host: Host, count: u32) -> anyhow::Result<(ChildProcess, String)> {
    let arguments = [CHILD, what, host.name(), &count.to_string()];
    let mut process = ChildProcess::start(&env::current_exe()?, &arguments)?;
    let lines = process.lines()?;
    let errors = process.errors()?;
    match lines.recv_timeout(WAIT_LIMIT * 10) {
        Ok(line) => Ok((process, line)),
        Err(_) => bail!("{arguments:?} ended: {:?}", errors.iter().last()),
    }
}

fn measure_cost(process: u32, window: Duration) -> anyhow::Result<String> {
    thread::sleep(IDLE_PAUSE);
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

fn run_child(what: &str, host: &str, count: u32) -> anyhow::Result<()> {
    let host = HOSTS.into_iter().find(|it| it.name() == host);
    let host = host.context("no such host")?;
    match (what, host) {
        (idle::IDLE, Host::AsyncStd) => host.block_on(idle::stay::<AsyncStdRuntime>(count)),
        (idle::IDLE, _) => host.block_on(idle::stay::<TokioRuntime>(count)),
        (_, Host::AsyncStd) => hints::measure::<AsyncStdRuntime>(what, host, count),
        (_, _) => hints::measure::<TokioRuntime>(what, host, count),
    }
}
