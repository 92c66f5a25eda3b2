//! The original library: programs that Go builds, and the lines that they write.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use livebus_tests::apache_kafka::target_folder;
use livebus_tests::child_process::ChildProcess;
use livebus_voltha::TimestampForm;

/// The folder of the source.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/voltha-inter-container");

/// How long a peer may take for one line: longer than its calls wait.
const LINE_LIMIT: Duration = Duration::from_secs(30);

/// Which version of the original a peer is built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// 3.1.12.
    Newer,
    /// 3.1.5, which writes the timestamp as a number.
    Older,
}

impl Version {
    pub(crate) const ALL: [Self; 2] = [Self::Newer, Self::Older];

    pub(crate) const fn number(self) -> &'static str {
        match self {
            Self::Newer => "3.1.12",
            Self::Older => "3.1.5",
        }
    }

    pub(crate) const fn form(self) -> TimestampForm {
        match self {
            Self::Newer => TimestampForm::Message,
            Self::Older => TimestampForm::Nanoseconds,
        }
    }

    const fn module(self) -> &'static str {
        match self {
            Self::Newer => "go.mod",
            Self::Older => "nanoseconds.mod",
        }
    }

    /// Builds the peer. Go fetches what it needs, and builds only what has changed.
    pub(crate) fn build(self) -> anyhow::Result<PathBuf> {
        let folder = target_folder().join("peers/voltha");
        fs::create_dir_all(&folder)?;
        let program = folder.join(self.number());
        let output = Command::new("go")
            .args(["build", "-modfile", self.module(), "-o"])
            .arg(&program)
            .arg(".")
            .current_dir(SOURCE)
            .stdin(Stdio::null())
            .output()
            .context("cannot run go: install it, and have it on the PATH")?;
        ensure!(
            output.status.success(),
            "go build failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(program)
    }
}

/// A running peer.
pub(crate) struct Peer {
    process: ChildProcess,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

impl Peer {
    /// Starts a peer in a mode, and waits until it is ready.
    pub(crate) fn start(
        program: &std::path::Path,
        servers: &str,
        mode: &[&str],
    ) -> anyhow::Result<Self> {
        let (host, port) = servers.split_once(':').context("the servers have a port")?;
        let arguments = [&[host, port], mode].concat();
        let mut process = ChildProcess::start_with_input(program, &arguments)?;
        let (lines, errors) = (process.lines()?, process.errors()?);
        let peer = Self {
            process,
            lines,
            errors,
        };
        let first = peer.line()?;
        ensure!(first == "ready", "{mode:?} wrote {first:?} first");
        Ok(peer)
    }

    /// Gives it a line, and returns its next one, with the time until then.
    pub(crate) fn ask(&mut self, line: &str) -> anyhow::Result<(String, Duration)> {
        let begin = Instant::now();
        self.process.write_line(line)?;
        Ok((self.line()?, begin.elapsed()))
    }

    /// Returns its next line.
    pub(crate) fn line(&self) -> anyhow::Result<String> {
        match self.lines.recv_timeout(LINE_LIMIT) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => bail!("the peer wrote nothing for {LINE_LIMIT:?}"),
            Err(RecvTimeoutError::Disconnected) => {
                let errors: Vec<String> = self.errors.iter().collect();
                bail!("the peer has ended: {}", errors.join("\n"))
            }
        }
    }
}
