//! The program as a child process of the test.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const TEST_TIMEOUT: Duration = Duration::from_mins(1);

pub(crate) fn livebus(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_livebus"));
    command
        .args(args)
        .env_remove("NO_COLOR")
        .env_remove("NOTIFY_SOCKET")
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
    end_within_timeout(&mut child);
    child.wait_with_output().expect("it is a child")
}

/// Waits for the end of the child. Kills it after [`TEST_TIMEOUT`].
pub(crate) fn end_within_timeout(child: &mut Child) -> ExitStatus {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("it is a child") {
            return status;
        }
        if begin.elapsed() > TEST_TIMEOUT {
            child.kill().expect("it is a child");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// A running `livebus watch`. On drop, it is killed.
pub(crate) struct Watch {
    child: Child,
    lines: BufReader<ChildStdout>,
    errors: BufReader<ChildStderr>,
}

impl Watch {
    /// Starts it with these arguments, on an embedded cluster unless they name a bus.
    pub(crate) fn start(args: &[&str]) -> Self {
        let embedded = if args.contains(&"-b") {
            None
        } else {
            Some("--embedded")
        };
        Self::spawn(livebus(&["watch"]).args(embedded).args(args))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program was built");
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        let errors = BufReader::new(child.stderr.take().expect("it is piped"));
        Self {
            child,
            lines,
            errors,
        }
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

    /// Sends `signal` again and again until it ends. Returns its exit code; `None` after [`TEST_TIMEOUT`], or if a signal has
    /// killed it.
    pub(crate) fn signal_until_it_ends(&mut self, signal: rustix::process::Signal) -> Option<i32> {
        let begin = Instant::now();
        while begin.elapsed() < TEST_TIMEOUT {
            if let Some(status) = self.child.try_wait().expect("it is a child") {
                return status.code();
            }
            self.signal(signal);
            thread::sleep(Duration::from_millis(20));
        }
        None
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
        let status = end_within_timeout(&mut self.child);
        let read = self.errors.read_to_string(&mut errors);
        read.expect("it writes text");
        (status.code(), errors)
    }

    /// Returns the address at which it serves the probes, from its output.
    pub(crate) fn probes(&mut self) -> String {
        let line = self.until_error("probes on http://");
        let (_, rest) = line.split_once("http://").expect("it was looked for");
        rest.split_whitespace()
            .next()
            .expect("there is a first part")
            .to_owned()
    }

    /// Returns the next line of standard error that contains `part`.
    pub(crate) fn until_error(&mut self, part: &str) -> String {
        let mut line = String::new();
        while !line.contains(part) {
            line.clear();
            let read = self.errors.read_line(&mut line).expect("it writes text");
            assert_ne!(read, 0, "it ended before {part:?}");
        }
        line
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
