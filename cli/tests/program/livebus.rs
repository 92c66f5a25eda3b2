//! The program as a child process of the test.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const TEST_TIMEOUT: Duration = Duration::from_mins(1);

pub(crate) fn livebus(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_livebus"));
    command
        .args(args)
        .env_remove("NO_COLOR")
        .stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LIVEBUS_")) {
        command.env_remove(name);
    }
    command
}

/// Runs the program to its end. Kills it after [`TEST_TIMEOUT`], so that the test fails and does not hang.
pub(crate) fn output(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().expect("the program was built");
    let begin = Instant::now();
    while child.try_wait().expect("it is a child").is_none() && begin.elapsed() < TEST_TIMEOUT {
        thread::sleep(Duration::from_millis(5));
    }
    // No effect if it has ended.
    let _ = child.kill();
    child.wait_with_output().expect("it is a child")
}

/// A running `livebus watch`. On drop, it is killed.
pub(crate) struct Watch {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watch {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut child = livebus(&["watch"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program was built");
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, lines }
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("it writes text");
        line
    }

    /// Returns the next line that contains `part`.
    pub(crate) fn until(&mut self, part: &str) -> String {
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "it ended before {part:?}");
            if line.contains(part) {
                return line;
            }
        }
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).expect("it runs");
    }

    /// Returns the names of its threads, as Linux truncates them.
    pub(crate) fn threads(&self) -> Vec<String> {
        let folder = format!("/proc/{}/task", self.child.id());
        let threads = fs::read_dir(folder).expect("it runs on Linux");
        let names =
            threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("comm")).ok());
        names.collect()
    }

    /// Waits for its end. Returns its exit code, and its standard error.
    pub(crate) fn end(&mut self) -> (Option<i32>, String) {
        let mut errors = String::new();
        let status = self.child.wait().expect("it is a child");
        let stderr = self.child.stderr.as_mut().expect("it is piped");
        stderr.read_to_string(&mut errors).expect("it writes text");
        (status.code(), errors)
    }

    /// Returns the address at which it serves the probes, from its output.
    pub(crate) fn probes(&mut self) -> String {
        let mut errors = BufReader::new(self.child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        while !line.contains("probes on http://") {
            line.clear();
            assert_ne!(
                errors.read_line(&mut line).expect("it writes text"),
                0,
                "it ended"
            );
        }
        self.child.stderr = Some(errors.into_inner());
        let (_, rest) = line.split_once("http://").expect("it was looked for");
        rest.split('/')
            .next()
            .expect("there is a first part")
            .to_owned()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
