//! One attack on one process, and what it costs.

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
use crate::probe::{Answers, Probe};
use crate::{CHILD, served};

/// How long probes ask before the attack, so that what a process needs once is not counted; and after it.
const AROUND: Duration = Duration::from_secs(1);
/// By how much memory may grow, in MiB.
const MOST_GROWTH: f64 = 30.0;

pub(crate) const HEADER: &str = "\
| attack | runner | connections | answered 431 | probes | unanswered | p50 ms | p99 ms | max ms | memory + MiB | most descriptors | status changes | |
|---|---|---|---|---|---|---|---|---|---|---|---|---|";

pub(crate) struct Figures {
    attack: String,
    host: Host,
    outcome: Outcome,
    probes: Answers,
    /// MiB.
    growth: f64,
    most_descriptors: usize,
    changes: Vec<String>,
    /// How many descriptors were there before, and after.
    descriptors: (usize, usize),
}

/// Starts a process, and attacks it for so long.
pub(crate) fn attack(plan: &Plan, host: Host, lasts: Duration) -> anyhow::Result<Figures> {
    let (process, address, changes) = start(host, plan.descriptors)?;
    let observed = Observed(process.id());
    let quiet = Probe::start(address);
    thread::sleep(AROUND);
    quiet.finish()?;
    let before = observed.settled_descriptors(None)?;
    let memory = observed.memory("VmRSS:")?;

    let probe = Probe::start(address);
    let size = Size {
        clients: plan.clients,
        connections: plan.connections,
        end: Instant::now() + lasts,
    };
    let attack = plan.attack;
    let attacking = thread::spawn(move || attack.run(address, size));
    let mut most_descriptors = 0;
    while !attacking.is_finished() {
        most_descriptors = most_descriptors.max(observed.descriptors()?);
        thread::sleep(Duration::from_millis(20));
    }
    let outcome = attacking.join();
    let outcome = outcome.map_err(|_| anyhow::anyhow!("the attack panicked"))??;
    thread::sleep(AROUND);
    let probes = probe.finish()?;
    let after = observed.settled_descriptors(Some(before))?;
    Ok(Figures {
        attack: plan.name.clone(),
        host,
        outcome,
        probes,
        growth: observed.memory("VmHWM:")? - memory,
        most_descriptors,
        changes: changes.try_iter().collect(),
        descriptors: (before, after),
    })
}

/// A process with a supervision that runs, where it serves its probes, and the lines of its further changes.
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

/// A process as Linux sees it.
struct Observed(u32);

impl Observed {
    /// How many descriptors it has.
    fn descriptors(&self) -> anyhow::Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.0))?.count())
    }

    /// How many it has when that has come down to `expected`, or else when it no longer changes.
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

    /// A size that Linux tells, in MiB.
    fn memory(&self, name: &str) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.split_whitespace().next());
        let kib: u32 = kib.with_context(|| format!("no {name}"))?.parse()?;
        Ok(f64::from(kib) / 1_024.0)
    }
}

impl Figures {
    /// Which properties do not hold. Times are none.
    pub(crate) fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        if let Some(first) = self.probes.failures.first() {
            failures.push(format!("**a probe was not answered: {first}**"));
        }
        if self.growth > MOST_GROWTH {
            failures.push(format!("**memory grew by more than {MOST_GROWTH} MiB**"));
        }
        if let Some(first) = self.changes.first() {
            failures.push(format!("**the status changed: {first}**"));
        }
        let (before, after) = self.descriptors;
        if after > before {
            failures.push(format!("**{after} descriptors are left of {before}**"));
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
            self.most_descriptors,
            self.changes.len(),
            self.failures().join("; ")
        )
    }
}
