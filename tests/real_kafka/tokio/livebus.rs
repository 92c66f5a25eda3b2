//! The program `livebus`, as its users run it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, io};

use anyhow::{Context as _, anyhow, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::watched::PATIENCE;

/// The program, built as this test was: by the same cargo, into the same folder, with the same profile.
pub(crate) fn executable() -> anyhow::Result<&'static Path> {
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
        .args(["build", "--package", "livebus", "--bin", "livebus"])
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
        .context("cargo names no executable")
}

/// A process that is killed and waited for when dropped, and by the kernel when we are killed (Linux with `setpriv`).
///
/// The kernel takes the *thread* that started it for its parent, so it must not outlive that thread.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// Starts `program` with its standard output and error piped.
    pub(crate) fn start(program: &Path, arguments: &[&str]) -> io::Result<Self> {
        let piped = |mut command: Command| {
            command
                .args(arguments)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
        };
        let mut bound = Command::new("setpriv");
        bound.args(["--pdeathsig", "KILL"]).arg(program);
        match piped(bound) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => piped(Command::new(program)),
            spawned => spawned,
        }
        .map(Self)
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        if let Some(status) = self.0.try_wait()? {
            bail!("it has ended already: {status}");
        }
        Ok(kill_process(Pid::from_child(&self.0), signal)?)
    }

    pub(crate) fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            ensure!(Instant::now() < deadline, "it does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error could only mean that it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `livebus watch --format json`, with probes on a port of its own.
pub(crate) struct Watch {
    pub(crate) process: Process,
    pub(crate) probes: SocketAddr,
    lines: Receiver<String>,
}

impl Watch {
    pub(crate) fn start(servers: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut all = vec!["watch", "-b", servers];
        all.extend(["--http", "127.0.0.1:0", "--format", "json"]);
        all.extend(arguments);
        let mut process = Process::start(executable()?, &all)?;
        let lines = lines_of(process.0.stdout.take())?;
        let said = lines_of(process.0.stderr.take())?;
        let line = said.recv_timeout(PATIENCE);
        let line = line.context("it does not say where its probes are")?;
        let probes = line
            .split_once("http://")
            .and_then(|(_, rest)| rest.split_once("/livez"))
            .and_then(|(address, _)| address.parse().ok())
            .with_context(|| format!("this does not say where the probes are: {line}"))?;
        Ok(Self {
            process,
            probes,
            lines,
        })
    }

    /// The next line; `None` after the last.
    pub(crate) fn next(&self) -> anyhow::Result<Option<Value>> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => serde_json::from_str(&line)
                .map(Some)
                .with_context(|| format!("this is no JSON: {line}")),
            Err(mpsc::RecvTimeoutError::Disconnected) => Ok(None),
            Err(mpsc::RecvTimeoutError::Timeout) => bail!("no line for {PATIENCE:?}"),
        }
    }
}

/// Reads lines in a thread, so that the process is never held up and a line can be waited for with patience.
fn lines_of(output: Option<impl Read + Send + 'static>) -> anyhow::Result<Receiver<String>> {
    let output = BufReader::new(output.context("it was piped")?);
    let (sender, lines) = mpsc::channel();
    thread::Builder::new()
        .name("lines".to_owned())
        .spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // Read to the end, whether or not somebody listens.
                let _ = sender.send(line);
            }
        })?;
    Ok(lines)
}
