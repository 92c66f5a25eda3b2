//! A bash session that runs the commands of one block, one after the other.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command as Program, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::console::Command;
use crate::apache_kafka::is_running;

/// The maximum time of a command. The slowest builds the program with link-time optimization.
const MAX_COMMAND: Duration = Duration::from_mins(20);

/// The maximum time in which background commands must end after SIGTERM.
const MAX_END: Duration = Duration::from_secs(30);

/// The interval at which an output is read again while an expected line is missing.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Each background job has its own process group (`set -m`), so that `kill %1` reaches all of it, as in a terminal. When the
/// input ends, also because this process was killed, all jobs receive SIGTERM.
const PRELUDE: &str = r#"
set -m
trap 'for job in $(jobs -p); do kill -TERM -- "-$job" 2>/dev/null; done; wait' EXIT
"#;

/// A running bash, in a process session of its own.
#[derive(Debug)]
pub(super) struct Session {
    bash: Child,
    input: Option<ChildStdin>,
    answers: Receiver<String>,
    outputs: TempDir,
    commands: usize,
}

impl Session {
    /// Starts bash in `folder`, with these environment variables set (`None`: unset).
    ///
    /// # Errors
    ///
    /// When `setsid` (util-linux) or `bash` cannot be started.
    pub(super) fn start(
        folder: &Path,
        environment: &[(OsString, Option<OsString>)],
    ) -> anyhow::Result<Self> {
        let mut program = Program::new("setsid");
        program
            .args(["bash", "--noprofile", "--norc"])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        for (name, value) in environment {
            match value {
                Some(value) => program.env(name, value),
                None => program.env_remove(name),
            };
        }
        let mut bash = program.spawn().context("cannot run bash with setsid")?;
        let answers = BufReader::new(bash.stdout.take().context("its output is piped")?);
        let (sender, receiver) = mpsc::channel();
        thread::Builder::new()
            .name("answers".to_owned())
            .spawn(move || {
                for answer in answers.lines().map_while(Result::ok) {
                    // Read to the end, even without a receiver.
                    let _ = sender.send(answer);
                }
            })?;
        let mut session = Self {
            input: bash.stdin.take(),
            bash,
            answers: receiver,
            outputs: TempDir::new()?,
            commands: 0,
        };
        session.write(PRELUDE)?;
        Ok(session)
    }

    /// Runs one command and compares its output with the expected lines.
    ///
    /// # Errors
    ///
    /// When it fails, takes too long, or its output lacks an expected line; with the end of the output.
    pub(super) fn run(&mut self, command: &Command) -> anyhow::Result<()> {
        self.commands += 1;
        let output = self.outputs.path().join(self.commands.to_string());
        File::create(&output)?;
        let answer = if command.in_background { "$!" } else { "$?" };
        self.write(&format!(
            "eval {} </dev/null >{} 2>&1; echo \"{answer}\"\n",
            quoted(&command.text),
            quoted(&output.display().to_string()),
        ))?;
        let answer = self.answers.recv_timeout(MAX_COMMAND);
        let read_output = || -> anyhow::Result<String> {
            Ok(String::from_utf8_lossy(&fs::read(&output)?).into_owned())
        };
        let Ok(answer) = answer else {
            bail!(
                "`{}` has not ended within {MAX_COMMAND:?}:\n{}",
                command.text,
                tail(&read_output()?)
            );
        };
        if command.in_background {
            return wait_for(
                command,
                answer.parse().context("no process id")?,
                read_output,
            );
        }
        let text = read_output()?;
        ensure!(
            answer == "0",
            "`{}` ended with status {answer}:\n{}",
            command.text,
            tail(&text)
        );
        if let Some(missing) = command.first_missing(&text) {
            bail!(
                "the output of `{}` lacks {missing:?}:\n{}",
                command.text,
                tail(&text)
            );
        }
        Ok(())
    }

    /// Ends the background commands (SIGTERM) and waits until all processes of the session are gone.
    ///
    /// # Errors
    ///
    /// When one of them has not ended in time; it is then killed.
    pub(super) fn end(mut self) -> anyhow::Result<()> {
        self.input = None;
        let deadline = Instant::now() + MAX_END;
        while self.bash.try_wait()?.is_none() || !self.members().is_empty() {
            if Instant::now() >= deadline {
                bail!("the commands in the background have not ended {MAX_END:?} after SIGTERM");
            }
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    fn write(&mut self, text: &str) -> anyhow::Result<()> {
        let input = self.input.as_mut().context("the session has ended")?;
        input.write_all(text.as_bytes()).context("bash has ended")
    }

    /// Returns the processes of the session, except bash (on Linux; elsewhere none).
    fn members(&self) -> Vec<u32> {
        let session = self.bash.id();
        let Ok(entries) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        entries
            .map_while(Result::ok)
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|&id| id != session && session_of(id) == Some(session) && is_running(id))
            .collect()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for id in self.members() {
            let id = i32::try_from(id).ok().and_then(Pid::from_raw);
            // An error can only mean that it has ended.
            let _ = id.map(|id| kill_process(id, Signal::KILL));
        }
        let _ = self.bash.kill();
        let _ = self.bash.wait();
    }
}

/// Waits for the expected lines of a background command.
fn wait_for(
    command: &Command,
    process: u32,
    read_output: impl Fn() -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + MAX_COMMAND;
    loop {
        // Checked first, so that everything that it wrote before it ended is read below.
        let has_ended = !is_running(process);
        let so_far = read_output()?;
        let Some(missing) = command.first_missing(&so_far) else {
            return Ok(());
        };
        let end = if has_ended {
            "it has ended".to_owned()
        } else if Instant::now() >= deadline {
            format!("{MAX_COMMAND:?} have passed")
        } else {
            thread::sleep(POLL_INTERVAL);
            continue;
        };
        bail!(
            "`{}`: {end}, and its output lacks {missing:?}:\n{}",
            command.text,
            tail(&so_far)
        );
    }
}

/// Returns the session of a process: "4711 (the name) S parent group session ...".
fn session_of(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit(')')
        .next()?
        .split_whitespace()
        .nth(3)?
        .parse()
        .ok()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Returns the last lines of an output.
pub(super) fn tail(output: &str) -> String {
    const LINES: usize = 40;
    let lines: Vec<&str> = output.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
