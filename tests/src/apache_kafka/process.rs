//! A child process that does not outlive this process, and the signals that can be sent to it.

use std::fs;
use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

/// The interval at which a condition is polled that cannot be waited for.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A child process that is killed and waited for on drop.
///
/// Its id stays reserved until it was waited for, and only this value waits, so a signal can never reach another process.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
}

impl Process {
    /// Starts `command`, usually one of [`bound_to_this_process`].
    pub(super) fn spawn(command: Command) -> io::Result<Self> {
        spawn_from_a_permanent_thread(command).map(|child| Self { child })
    }

    /// Returns the process id.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the exit status, if the process has ended.
    pub(super) fn exit_status(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Sends a signal.
    ///
    /// # Errors
    ///
    /// When the process has ended already.
    pub(super) fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        if let Some(status) = self.exit_status()? {
            bail!("process {} has ended already: {status}", self.id());
        }
        kill_process(Pid::from_child(&self.child), signal)
            .with_context(|| format!("cannot send {signal:?} to process {}", self.id()))
    }

    /// Waits for the end of the process.
    ///
    /// # Errors
    ///
    /// When it has not ended `within` that time.
    pub(super) fn wait(&mut self, within: Duration) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.exit_status()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                bail!("process {} has not ended within {within:?}", self.id());
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Kills the process, stopped or not, and waits until it is gone. Does nothing when it has ended already.
    pub(super) fn kill(&mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error can only mean that there is nothing to kill.
        let _ = self.kill();
    }
}

/// Returns a command that runs `program` so that the kernel kills it when this process ends, in whatever way.
///
/// `setpriv` sets its own parent-death signal and then *becomes* `program`, with the same process id. Where there is no
/// `setpriv` (a system other than Linux, a minimal image), `program` runs without it and only [`Process`] ends it. The signal is
/// set about a millisecond after the start; if this process is killed before that, the program goes on.
pub(super) fn bound_to_this_process(program: &str) -> Command {
    static SETPRIV: LazyLock<bool> = LazyLock::new(|| {
        let mut probe = Command::new("setpriv");
        probe.args(["--pdeathsig", "KILL", "true"]);
        let silenced = probe
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        silenced.status().is_ok_and(|status| status.success())
    });
    if *SETPRIV {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", program]);
        command
    } else {
        Command::new(program)
    }
}

/// Spawns `command` from a thread that ends only with this process.
///
/// For the kernel the parent of a child is the *thread* that started it: a node that one test's thread started would die with
/// that thread, although another test still uses it.
fn spawn_from_a_permanent_thread(command: Command) -> io::Result<Child> {
    type Job = (Command, mpsc::Sender<io::Result<Child>>);
    static SPAWNER: LazyLock<mpsc::Sender<Job>> = LazyLock::new(|| {
        let (sender, jobs) = mpsc::channel::<Job>();
        thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || {
                for (mut command, answer) in jobs {
                    // Fails only if the caller no longer waits.
                    let _ = answer.send(command.spawn());
                }
            })
            .expect("a thread can be started");
        sender
    });

    let (answer, answered) = mpsc::channel();
    let lost = |_| io::Error::other("the spawning thread is gone");
    SPAWNER
        .send((command, answer))
        .map_err(|_| lost(mpsc::RecvError))?;
    answered.recv().map_err(lost)?
}

/// Returns whether a process with this id runs. One that has ended and was not waited for does not run.
///
/// Linux only: where there is no `/proc`, this is always `false`.
#[must_use]
pub fn is_running(process_id: u32) -> bool {
    // "4711 (the name) S 1 ...": the state is the first letter after the last parenthesis.
    let Ok(stat) = fs::read_to_string(format!("/proc/{process_id}/stat")) else {
        return false;
    };
    let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
    !state.starts_with(['Z', 'X'])
}

/// Returns the last lines of a program's output, for an error message.
pub(super) fn tail(output: &str) -> String {
    const LINES: usize = 25;
    let lines: Vec<&str> = output.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
