//! A program that runs beside the test and does not outlive it.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::WAIT_LIMIT;

/// A process that is killed and waited for on drop; the kernel kills it when the test is killed (Linux with `setpriv`).
///
/// For the kernel the parent is the *thread* that started it, so the process is killed when that thread ends.
#[derive(Debug)]
pub struct ChildProcess(Child);

impl ChildProcess {
    /// Starts `program` with its standard output and error piped, and without the variables of the tests (`LIVEBUS_...`), of which the
    /// program `livebus` would say that it has none like them.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(program: &Path, arguments: &[&str]) -> io::Result<Self> {
        Self::start_with(program, arguments, Stdio::null, false)
    }

    /// As [`start`](Self::start), with the variables of the tests: for a test program.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start_test(program: &Path, arguments: &[&str]) -> io::Result<Self> {
        Self::start_with(program, arguments, Stdio::null, true)
    }

    /// As [`start`](Self::start), for a program that reads lines: see [`write_line`](Self::write_line).
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start_with_input(program: &Path, arguments: &[&str]) -> io::Result<Self> {
        Self::start_with(program, arguments, Stdio::piped, false)
    }

    fn start_with(
        program: &Path,
        arguments: &[&str],
        input: fn() -> Stdio,
        keeps_variables: bool,
    ) -> io::Result<Self> {
        let piped = |mut command: Command| {
            for (name, _) in env::vars_os() {
                if !keeps_variables && name.to_string_lossy().starts_with("LIVEBUS_") {
                    command.env_remove(name);
                }
            }
            command
                .args(arguments)
                .stdin(input())
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

    /// Returns the lines of its standard output. Can be called once.
    ///
    /// # Errors
    ///
    /// When no thread can be started to read them.
    pub fn lines(&mut self) -> anyhow::Result<Receiver<String>> {
        lines_of(self.0.stdout.take())
    }

    /// Returns the lines of its standard error. Can be called once.
    ///
    /// # Errors
    ///
    /// When no thread can be started to read them.
    pub fn errors(&mut self) -> anyhow::Result<Receiver<String>> {
        lines_of(self.0.stderr.take())
    }

    /// Writes a line to its standard input.
    ///
    /// # Errors
    ///
    /// When it was not started with an input, or reads no more.
    pub fn write_line(&mut self, line: &str) -> anyhow::Result<()> {
        let input = self.0.stdin.as_mut().context("it has no input")?;
        writeln!(input, "{line}")?;
        Ok(input.flush()?)
    }

    /// Returns the process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends a signal.
    ///
    /// # Errors
    ///
    /// When the process has ended already.
    pub fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        if let Some(status) = self.0.try_wait()? {
            bail!("the process has ended already: {status}");
        }
        Ok(kill_process(Pid::from_child(&self.0), signal)?)
    }

    /// Waits for the end.
    ///
    /// # Errors
    ///
    /// When the process does not end within [`WAIT_LIMIT`].
    pub fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + WAIT_LIMIT;
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            ensure!(
                Instant::now() < deadline,
                "the process has not ended within {WAIT_LIMIT:?}"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        // An error can only mean that it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads lines in a thread, so that the process never blocks on its output and a wait for a line can time out.
fn lines_of(output: Option<impl Read + Send + 'static>) -> anyhow::Result<Receiver<String>> {
    let output = BufReader::new(output.context("the output was taken before")?);
    let (sender, lines) = mpsc::channel();
    thread::Builder::new()
        .name("lines".to_owned())
        .spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // Read to the end, even without a receiver.
                let _ = sender.send(line);
            }
        })?;
    Ok(lines)
}
