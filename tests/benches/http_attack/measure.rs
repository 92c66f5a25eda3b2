//! Runs one attack on one process, and measures its effect.

use std::net::SocketAddr;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};
use std::{env, fmt, fs, thread};

use anyhow::{Context as _, bail};
use livebus_tests::WAIT_LIMIT;
use livebus_tests::attack::{Outcome, Size};
use livebus_tests::child_process::ChildProcess;
use livebus_tests::host::Host;

use crate::plan::Plan;
use crate::probe::{Prober, Responses};
use crate::{CHILD, served};

/// How long the prober runs before the attack, so that one-time costs are not counted, and after it.
const MARGIN: Duration = Duration::from_secs(1);
/// The maximum growth of memory, in MiB.
const MAX_GROWTH: f64 = 30.0;

pub(crate) const HEADER: &str = "\
| attack | runner | connections | responses 431 | probes | unanswered | p50 ms | p99 ms | max ms | memory + MiB | max descriptors | status changes | |
|---|---|---|---|---|---|---|---|---|---|---|---|---|";

pub(crate) struct Figures {
    attack: String,
    host: Host,
    outcome: Outcome,
    probes: Responses,
    /// MiB.
    growth: f64,
    max_descriptors: usize,
    changes: Vec<String>,
    /// The number of descriptors before and after.
    descriptors: (usize, usize),
}

/// Starts a process, and attacks it for this duration.
pub(crate) fn attack(plan: &Plan, host: Host, duration: Duration) -> anyhow::Result<Figures> {
    let (process, address, changes) = start(host, plan.descriptors)?;
    let counters = ProcessCounters(process.id());
    let warm_up = Prober::start(address);
    thread::sleep(MARGIN);
    warm_up.finish()?;
    let before = counters.settled_descriptors(None)?;
    let memory = counters.memory("VmRSS:")?;

    let during_attack = Prober::start(address);
    let size = Size {
        clients: plan.clients,
        connections: plan.connections,
        end: Instant::now() + duration,
    };
    let attack = plan.attack;
    let attacking = thread::spawn(move || attack.run(address, size));
    let mut max_descriptors = 0;
    while !attacking.is_finished() {
        max_descriptors = max_descriptors.max(counters.descriptors()?);
        thread::sleep(Duration::from_millis(20));
    }
    let outcome = attacking.join();
    let outcome = outcome.map_err(|_| anyhow::anyhow!("the attack panicked"))??;
    thread::sleep(MARGIN);
    let probes = during_attack.finish()?;
    let after = counters.settled_descriptors(Some(before))?;
    Ok(Figures {
        attack: plan.name.clone(),
        host,
        outcome,
        probes,
        growth: counters.memory("VmHWM:")? - memory,
        max_descriptors,
        changes: changes.try_iter().collect(),
        descriptors: (before, after),
    })
}

/// Starts a process with a running supervision. Returns the process, the address of its probes, and the lines of later changes.
fn start(
    host: Host,
    descriptors: u64,
) -> anyhow::Result<(ChildProcess, SocketAddr, Receiver<String>)> {
    let arguments = [CHILD, host.name(), &descriptors.to_string()];
    let mut process = ChildProcess::start(&env::current_exe()?, &arguments)?;
    let lines = process.lines()?;
    let errors = process.errors()?;
    match lines.recv_timeout(WAIT_LIMIT) {
        Ok(line) => {
            let address = line.strip_prefix(served::LISTENS).context("an address")?;
            let address = address.parse()?;
            Ok((process, address, lines))
        }
        Err(_) => bail!("{arguments:?} ended: {:?}", errors.iter().last()),
    }
}

/// The counters of a process in Linux.
struct ProcessCounters(u32);

impl ProcessCounters {
    /// Returns the number of open descriptors.
    fn descriptors(&self) -> anyhow::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.0))?.count())
    }

    /// Waits until the number of descriptors is at most `expected`, or, without that, no longer changes; returns the number.
    fn settled_descriptors(&self, expected: Option<usize>) -> anyhow::Result<usize> {
        let deadline = Instant::now() + WAIT_LIMIT / 2;
        let (mut number, mut since) = (self.descriptors()?, Instant::now());
        while Instant::now() < deadline {
            let settled = match expected {
                Some(expected) => number <= expected,
                None => since.elapsed() > Duration::from_secs(1),
            };
            if settled {
                break;
            }
            thread::sleep(Duration::from_millis(20));
            let now = self.descriptors()?;
            if now != number {
                (number, since) = (now, Instant::now());
            }
        }
        Ok(number)
    }

    /// Returns a size from the process status, in MiB.
    fn memory(&self, name: &str) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.split_whitespace().next());
        let kib: u32 = kib.with_context(|| format!("no {name}"))?.parse()?;
        Ok(f64::from(kib) / 1_024.0)
    }
}

impl Figures {
    /// Returns the checks that failed. Times are not checked.
    pub(crate) fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        if let Some(first) = self.probes.failures.first() {
            failures.push(format!("**a probe was not answered: {first}**"));
        }
        if self.growth > MAX_GROWTH {
            failures.push(format!("**memory grew by more than {MAX_GROWTH} MiB**"));
        }
        if let Some(first) = self.changes.first() {
            failures.push(format!("**the status changed: {first}**"));
        }
        let (before, after) = self.descriptors;
        if after > before {
            failures.push(format!(
                "**{after} descriptors are open, {before} before the attack**"
            ));
        }
        failures
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let probes = &self.probes;
        write!(
            f,
            "| {} | {} | {} | {} | {} | {} | {:.1} | {:.1} | {:.1} | {:.1} | {} | {} | {} |",
            self.attack,
            self.host,
            self.outcome.opened,
            self.outcome.refused,
            probes.times.len() + probes.failures.len(),
            probes.failures.len(),
            probes.percentile(50),
            probes.percentile(99),
            probes.percentile(100),
            self.growth,
            self.max_descriptors,
            self.changes.len(),
            self.failures().join("; ")
        )
    }
}
