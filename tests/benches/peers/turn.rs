//! One turn of one consumer, measured from outside of its process.

use std::fs;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use livebus_tests::child_process::ChildProcess;
use livebus_tests::slow_network::SlowNetwork;

use crate::Task;
use crate::programs::Command;

const LIMIT: Duration = Duration::from_mins(5);

/// What one turn took, from the first record to the last one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    records: u64,
    wall: Duration,
    /// Of the whole process.
    cpu: Duration,
    /// From the node, since the start.
    bytes: u64,
    /// The maximum since the start.
    pub(crate) memory_mib: f64,
}

#[expect(clippy::cast_precision_loss, reason = "figures to print")]
impl Turn {
    /// Returns the records per second.
    pub(crate) fn rate(&self) -> f64 {
        self.records as f64 / self.wall.as_secs_f64()
    }

    /// Returns the CPU time of one record, in nanoseconds.
    pub(crate) fn cpu_nanos(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e9 / self.records as f64
    }

    pub(crate) fn fetched_of_handled(&self, bytes: usize) -> f64 {
        self.bytes as f64 / (self.records as f64 * bytes as f64)
    }
}

/// Starts a consumer, and measures it between its lines `first` and `last`.
pub(crate) fn measure(
    command: &Command,
    task: &Task,
    network: &SlowNetwork,
) -> anyhow::Result<Turn> {
    let before = network.bytes_to_clients();
    let arguments: Vec<&str> = command.arguments.iter().map(String::as_str).collect();
    let mut process = ChildProcess::start(&command.program, &arguments)?;
    let (lines, errors) = (process.lines()?, process.errors()?);
    wait_for("first", &lines).with_context(|| failed(task, &errors))?;
    let (first, cpu_before) = (Instant::now(), cpu_time(process.id())?);
    wait_for("last", &lines).with_context(|| failed(task, &errors))?;
    let (wall, cpu) = (first.elapsed(), cpu_time(process.id())?);
    Ok(Turn {
        records: task.records,
        wall,
        cpu: cpu.saturating_sub(cpu_before),
        bytes: network.bytes_to_clients() - before,
        memory_mib: memory_mib(process.id())?,
    })
}

fn wait_for(line: &str, lines: &Receiver<String>) -> anyhow::Result<()> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match lines.recv_timeout(left) {
            Ok(found) if found == line => return Ok(()),
            Ok(_) => {}
            Err(_) => bail!("no line `{line}`"),
        }
    }
}

fn failed(task: &Task, errors: &Receiver<String>) -> String {
    let errors: Vec<String> = errors.try_iter().collect();
    let last = errors.len().saturating_sub(20);
    format!("{}:\n{}", task.name, errors[last..].join("\n"))
}

/// Returns the CPU time of all threads of a process, of those that have ended too.
fn cpu_time(process: u32) -> anyhow::Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name of the program is in parentheses, and may contain spaces.
    let (_, rest) = text.rsplit_once(')').context("a name in parentheses")?;
    let times: Vec<u64> = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    ensure!(times.len() == 2, "no times in {text}");
    // User and system time, in hundredths of a second.
    Ok(Duration::from_millis(10 * times.iter().sum::<u64>()))
}

fn memory_mib(process: u32) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    let kib: u32 = number.context("no VmHWM")?.parse()?;
    Ok(f64::from(kib) / 1_024.0)
}
