//! Runs clients: to their end, or beside the others.

use std::path::PathBuf;
use std::process;
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use anyhow::{Context as _, bail, ensure};
use livebus_tests::child_process::ChildProcess;
use rustix::process::Signal;

use crate::START_LIMIT;

/// A command line of a client.
pub(crate) struct Command {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// As a reader would write it.
    pub(crate) shown: String,
}

/// Runs a client to its end, and prints both. Its output must have these parts.
pub(crate) fn expect(command: &Command, parts: &[&str]) -> anyhow::Result<()> {
    println!("$ {}", command.shown);
    let output = process::Command::new(&command.program)
        .args(&command.arguments)
        .stdin(process::Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", command.shown))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    println!("{}", said.trim_end());
    for part in parts {
        ensure!(said.contains(part), "{part:?} is not in the output");
    }
    Ok(())
}

/// A client that runs on.
pub(crate) struct Running {
    process: ChildProcess,
    lines: Receiver<String>,
    /// The status that it printed last.
    status: Option<String>,
}

impl Running {
    pub(crate) fn start(command: &Command) -> anyhow::Result<Self> {
        let arguments: Vec<&str> = command.arguments.iter().map(String::as_str).collect();
        let mut process = ChildProcess::start(&command.program, &arguments)?;
        let lines = process.lines()?;
        println!("$ {} &", command.shown);
        Ok(Self {
            process,
            lines,
            status: None,
        })
    }

    /// Waits for a line with `part`, and returns it.
    pub(crate) fn until(&self, part: &str) -> anyhow::Result<String> {
        until(&self.lines, part)
    }

    /// Waits until it prints the status, which must be the next one.
    pub(crate) fn until_status(&mut self, name: &str, status: &str) -> anyhow::Result<()> {
        let line = self.until("SERVING")?;
        let found = if line.contains("NOT_SERVING") {
            "NOT_SERVING"
        } else {
            "SERVING"
        };
        ensure!(
            self.status.as_deref() != Some(found),
            "{name}: {found} twice"
        );
        ensure!(found == status, "{name}: {found}, and not {status}");
        println!("{name}, watching: {found}");
        self.status = Some(found.to_owned());
        Ok(())
    }

    /// Ends it, and returns its line with `part`.
    pub(crate) fn end(mut self, part: &str) -> anyhow::Result<String> {
        self.process.signal(Signal::TERM)?;
        self.until(part)
    }
}

/// Waits for a line with `part`, and returns it.
pub(crate) fn until(lines: &Receiver<String>, part: &str) -> anyhow::Result<String> {
    loop {
        match lines.recv_timeout(START_LIMIT) {
            Ok(line) if line.contains(part) => return Ok(line),
            Ok(line) => ensure!(!line.contains("an error of the application"), "{line}"),
            Err(RecvTimeoutError::Timeout) => bail!("no line with {part:?}"),
            Err(RecvTimeoutError::Disconnected) => bail!("it ended before a line with {part:?}"),
        }
    }
}
