//! Runs the program `livebus` as its users do.

use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use anyhow::{Context as _, anyhow, bail, ensure};
use serde_json::Value;

use crate::WAIT_LIMIT;
use crate::child_process::ChildProcess;

/// Builds the program as this test was built (by the same cargo, into the same folder, with the same profile) and returns its
/// path.
///
/// # Errors
///
/// When it cannot be built.
pub fn executable() -> anyhow::Result<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build().map_err(|error| format!("{error:?}")));
    built
        .as_deref()
        .map_err(|error| anyhow!("the program cannot be built: {error}"))
}

fn build() -> anyhow::Result<PathBuf> {
    let this = env::current_exe()?;
    let target = this
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .context("this test does not run from cargo's target folder")?;
    // target/debug/deps/real_kafka-0123456789abcdef, or with the folder of a platform in between.
    let folder = this.ancestors().nth(2).and_then(Path::file_name);
    let profile = match folder.and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(profile) => profile,
        None => bail!("no profile in {}", this.display()),
    };
    let output = Command::new(env!("CARGO"))
        .args(["build", "--package", "livebus-cli", "--bin", "livebus"])
        .args(["--profile", profile, "--message-format", "json"])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .context("cannot run cargo")?;
    ensure!(
        output.status.success(),
        "cargo failed ({}):\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let artifacts = String::from_utf8(output.stdout)?;
    artifacts
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "livebus")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo reports no executable")
}

/// `livebus watch --format json`, with probes on a port of its own.
#[derive(Debug)]
pub struct Watch {
    /// Its process.
    pub process: ChildProcess,
    /// The address of its probes.
    pub probes: SocketAddr,
    lines: Receiver<String>,
}

impl Watch {
    /// Starts to watch the bus at `servers`, with these further arguments.
    ///
    /// # Errors
    ///
    /// When the program cannot be built or started, or does not print the address of its probes.
    pub fn start(servers: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut all = vec!["watch", "-b", servers];
        all.extend(["--http", "127.0.0.1:0", "--format", "json"]);
        all.extend(arguments);
        let mut process = ChildProcess::start(executable()?, &all)?;
        let lines = process.lines()?;
        let errors = process.errors()?;
        let line = errors.recv_timeout(WAIT_LIMIT);
        let line = line.context("the program does not print the address of its probes")?;
        let probes = line
            .split_once("http://")
            .and_then(|(_, rest)| rest.split_once(" ("))
            .and_then(|(address, _)| address.parse().ok())
            .with_context(|| format!("no address of the probes in: {line}"))?;
        Ok(Self {
            process,
            probes,
            lines,
        })
    }

    /// Waits for the next line; `None` after the last.
    ///
    /// # Errors
    ///
    /// When no line comes, or the line is not JSON.
    pub fn next(&self) -> anyhow::Result<Option<Value>> {
        match self.lines.recv_timeout(WAIT_LIMIT) {
            Ok(line) => serde_json::from_str(&line)
                .map(Some)
                .with_context(|| format!("this is not JSON: {line}")),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => bail!("no line for {WAIT_LIMIT:?}"),
        }
    }
}
