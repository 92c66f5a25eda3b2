//! Scenarios in a process of their own, which count what the process has.

use std::collections::VecDeque;
use std::env;
use std::fs;
use std::process::ExitCode;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use livebus_tests::WAIT_LIMIT;
use livebus_tests::child_process::ChildProcess;
use livebus_tests::host::Host;

use crate::Scenario;
use crate::context::Context;

/// The first argument of such a process.
const ALONE: &str = "--alone";

/// The kind of hosts that are one of each runtime.
pub(crate) const EACH: &str = "each";

/// How long a scenario may take.
const LIMIT: Duration = Duration::from_mins(10);

/// How many of the last lines of an error are shown.
const MAX_LINES: usize = 40;

/// A process that runs one scenario.
pub(crate) struct Alone {
    sentence: String,
    kind: String,
}

impl Alone {
    /// Returns what this process is to run, if it is one of these.
    pub(crate) fn of_this_process() -> Option<Self> {
        let mut arguments = env::args().skip(1);
        (arguments.next()? == ALONE).then_some(())?;
        let (sentence, kind) = (arguments.next()?, arguments.next()?);
        Some(Self { sentence, kind })
    }

    /// Runs the scenario.
    pub(crate) fn run(&self, tables: &[&[Scenario]]) -> ExitCode {
        let mut all = tables.iter().flat_map(|table| table.iter());
        let Some((_, scenario)) = all.find(|(sentence, _)| *sentence == self.sentence) else {
            eprintln!("there is no scenario {:?}", self.sentence);
            return ExitCode::FAILURE;
        };
        let hosts = match &*self.kind {
            "tokio" => Host::TOKIO,
            "async-std" => Host::ASYNC_STD,
            _ => Host::EACH,
        };
        match scenario(&Context::new("", hosts, <_>::default())) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error:#}");
                ExitCode::FAILURE
            }
        }
    }
}

/// Runs a scenario in a process of its own, and prints what it prints.
pub(crate) fn run(sentence: &str, kind: &str) -> anyhow::Result<()> {
    let arguments = [ALONE, sentence, kind];
    let mut process = ChildProcess::start_test(&env::current_exe()?, &arguments)?;
    let (lines, errors) = (process.lines()?, process.errors()?);
    let deadline = Instant::now() + LIMIT;
    let mut last = VecDeque::new();
    loop {
        for line in errors.try_iter() {
            last.push_back(line);
            if last.len() > MAX_LINES {
                last.pop_front();
            }
        }
        match lines.recv_timeout(Duration::from_millis(100)) {
            Ok(line) => println!("{kind}: {line}"),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                ensure!(Instant::now() < deadline, "it runs after {LIMIT:?}");
            }
        }
    }
    let status = process.wait()?;
    if !status.success() {
        last.extend(errors.iter());
        let skipped = last.len().saturating_sub(MAX_LINES);
        let last: Vec<_> = last.into_iter().skip(skipped).collect();
        bail!("{status}: {}", last.join("\n"));
    }
    Ok(())
}

/// What this process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    threads: usize,
    descriptors: usize,
}

impl Level {
    fn now() -> anyhow::Result<Self> {
        let count = |folder: &str| anyhow::Ok(fs::read_dir(folder)?.count());
        Ok(Self {
            threads: count("/proc/self/task")?,
            descriptors: count("/proc/self/fd")?,
        })
    }

    /// Waits until it has not changed for a while, and returns it.
    pub(crate) fn settled() -> anyhow::Result<Self> {
        let (mut level, mut since) = (Self::now()?, Instant::now());
        let deadline = Instant::now() + WAIT_LIMIT;
        while since.elapsed() < Duration::from_millis(1_500) {
            ensure!(Instant::now() < deadline, "it still changes: {level:?}");
            thread::sleep(Duration::from_millis(20));
            let now = Self::now()?;
            if now != level {
                (level, since) = (now, Instant::now());
            }
        }
        Ok(level)
    }

    /// Waits until the process has no more than this.
    pub(crate) fn wait_until_back(self) -> anyhow::Result<()> {
        let deadline = Instant::now() + WAIT_LIMIT / 2;
        loop {
            let now = Self::now()?;
            if now.threads <= self.threads && now.descriptors <= self.descriptors {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "{now:?} are left, and before there were {self:?}: {:?}",
                names()?
            );
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Returns the names of all threads.
fn names() -> anyhow::Result<Vec<String>> {
    let tasks = fs::read_dir("/proc/self/task")?;
    let names = tasks
        .flatten()
        .flat_map(|task| fs::read_to_string(task.path().join("comm")));
    Ok(names.map(|name| name.trim().to_owned()).collect())
}

/// Returns the memory of this process that is resident, in bytes.
pub(crate) fn resident() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB"));
    let kilobytes: u64 = kilobytes.unwrap_or_default().trim().parse()?;
    Ok(kilobytes << 10)
}
