//! One turn of one pair, measured from outside of its processes.

use std::fs;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use livebus_tests::child_process::ChildProcess;

use crate::calls::{Load, Measured};
use crate::programs::Command;

const LIMIT: Duration = Duration::from_mins(5);

/// What one turn measured, for each load.
pub(crate) type Turn = Vec<Figures>;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) measured: Measured,
    /// The CPU time of both processes.
    pub(crate) cpu: Duration,
}

/// Starts a pair, and measures its loads.
pub(crate) fn measure(callee: &Command, caller: &Command, loads: &[Load]) -> anyhow::Result<Turn> {
    let callee = Process::start(callee)?;
    callee.wait_for("ready")?;
    let caller = Process::start(caller)?;
    caller.wait_for("ready")?;
    let cpu = || -> anyhow::Result<Duration> { Ok(callee.cpu_time()? + caller.cpu_time()?) };
    loads
        .iter()
        .map(|_| {
            caller.wait_for("begin")?;
            let before = cpu()?;
            let measured = caller.wait_for("end")?;
            Ok(Figures {
                measured: measured.parse()?,
                cpu: cpu()?.saturating_sub(before),
            })
        })
        .collect()
}

struct Process {
    child: ChildProcess,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

impl Process {
    fn start(command: &Command) -> anyhow::Result<Self> {
        let arguments: Vec<&str> = command.arguments.iter().map(String::as_str).collect();
        let mut process = ChildProcess::start(&command.program, &arguments)?;
        Ok(Self {
            lines: process.lines()?,
            errors: process.errors()?,
            process,
        })
    }

    /// Waits for a line that begins with this word, and returns the rest of it.
    fn wait_for(&self, word: &str) -> anyhow::Result<String> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    if let Some(rest) = line.strip_prefix(word) {
                        return Ok(rest.to_owned());
                    }
                }
                Err(_) => {
                    let errors: Vec<String> = self.errors.try_iter().collect();
                    let last = errors.len().saturating_sub(20);
                    bail!("no line `{word}`:\n{}", errors[last..].join("\n"));
                }
            }
        }
    }

    /// Returns the CPU time of all its threads, of those that have ended too.
    fn cpu_time(&self) -> anyhow::Result<Duration> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
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
}
