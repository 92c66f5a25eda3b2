//! Output that nobody reads, or that cannot be written: it holds up neither the supervision nor the probes nor the signals.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pipe::pipe;
use rustix::process::{Pid, Signal, kill_process};

use crate::livebus::{end_within_timeout, livebus};
use crate::on_each_runtime;
use crate::watch::get;

on_each_runtime![
    nobody_reads_standard_output,
    nobody_reads_standard_error,
    a_second_signal_ends_it_while_nobody_reads,
    it_ends_when_the_reader_is_gone,
    the_demo_ends_when_the_reader_is_gone,
    a_full_disk_behind_standard_output_is_reported,
];

const READER_TIMEOUT: Duration = Duration::from_secs(30);

/// Returns a pipe without room, and its other end.
fn full_pipe() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = pipe().expect("there are descriptors");
    let flags = fcntl_getfl(&writer).expect("a pipe");
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).expect("a pipe");
    let mut file = File::from(writer.try_clone().expect("there are descriptors"));
    let full = std::iter::repeat_with(|| file.write(b"\n"))
        .find_map(Result::err)
        .expect("a pipe is finite");
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    fcntl_setfl(&writer, flags).expect("a pipe");
    (reader, writer)
}

/// A running program. On drop, it is killed.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("the program was built"))
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("it runs");
    }

    fn end(&mut self) -> Option<i32> {
        end_within_timeout(&mut self.0).code()
    }

    /// Returns the rest of standard error, once it has ended.
    fn errors(&mut self) -> String {
        let mut errors = String::new();
        let stderr = self.0.stderr.as_mut().expect("it is piped");
        stderr.read_to_string(&mut errors).expect("it writes text");
        errors
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the arguments of a watch with probes at a port of its own, and the address of the probes.
fn with_probes(runtime: &str, drain: &str) -> (Vec<String>, String) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = port.local_addr().expect("it is bound").to_string();
    let args = [
        "--embedded",
        "--runtime",
        runtime,
        "--drain",
        drain,
        "--http",
        &address,
    ];
    (args.map(str::to_owned).into(), address)
}

/// Waits until the probe is answered with 200.
fn until_ready(address: &str) {
    let begin = Instant::now();
    while begin.elapsed() < READER_TIMEOUT {
        let listens = std::net::TcpStream::connect(address).is_ok();
        if listens && get(address, "/readyz").starts_with("HTTP/1.1 200 ") {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("no probe answers that it is ready");
}

fn nobody_reads_standard_output(runtime: &str) {
    let (mut reader, writer) = full_pipe();
    let (args, address) = with_probes(runtime, "0s");
    let mut watch = Running::start(
        livebus(&["watch"])
            .args(args)
            .stdout(writer)
            .stderr(Stdio::piped()),
    );
    until_ready(&address);
    watch.signal(Signal::TERM);
    assert_eq!(watch.end(), Some(0));
    let errors = watch.errors();
    assert!(
        errors.contains("lines could not be written to standard output"),
        "{errors}"
    );
    drain(&mut reader);
}

/// Reads what is in the pipe, so that it was open until now.
fn drain(reader: &mut OwnedFd) {
    let mut file = File::from(reader.try_clone().expect("there are descriptors"));
    let mut rest = Vec::new();
    file.read_to_end(&mut rest).expect("a pipe");
    assert!(!rest.is_empty());
}

fn nobody_reads_standard_error(runtime: &str) {
    let (mut reader, writer) = full_pipe();
    let (args, address) = with_probes(runtime, "0s");
    let mut watch = Running::start(
        livebus(&["watch", "--log", "trace"])
            .args(args)
            .stdout(Stdio::null())
            .stderr(writer),
    );
    until_ready(&address);
    watch.signal(Signal::TERM);
    assert_eq!(watch.end(), Some(0));
    drain(&mut reader);
}

fn a_second_signal_ends_it_while_nobody_reads(runtime: &str) {
    let (mut reader, writer) = full_pipe();
    let (args, address) = with_probes(runtime, "1h");
    let mut watch = Running::start(
        livebus(&["watch", "--log", "trace"])
            .args(args)
            .stdout(writer.try_clone().expect("there are descriptors"))
            .stderr(writer),
    );
    until_ready(&address);
    let begin = Instant::now();
    while watch.0.try_wait().expect("it is a child").is_none() {
        assert!(begin.elapsed() < READER_TIMEOUT, "it does not end");
        watch.signal(Signal::TERM);
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(watch.end(), Some(143));
    drain(&mut reader);
}

fn it_ends_when_the_reader_is_gone(runtime: &str) {
    let mut watch = Running::start(
        livebus(&["watch", "--embedded", "--runtime", runtime])
            .stdout(Stdio::piped())
            .stderr(Stdio::null()),
    );
    // As `grep -m1 Running`: no change follows.
    let mut lines = BufReader::new(watch.0.stdout.take().expect("it is piped"));
    let mut line = String::new();
    while !line.contains("Running") {
        line.clear();
        lines.read_line(&mut line).expect("it writes text");
    }
    drop(lines);
    assert_eq!(watch.end(), Some(0));
}

fn the_demo_ends_when_the_reader_is_gone(runtime: &str) {
    let mut demo = Running::start(
        livebus(&["demo", "--runtime", runtime])
            .stdout(Stdio::piped())
            .stderr(Stdio::null()),
    );
    let begin = Instant::now();
    drop(demo.0.stdout.take());
    assert_eq!(demo.end(), Some(0));
    assert!(
        begin.elapsed() < Duration::from_secs(15),
        "its script takes 20 s"
    );
}

fn a_full_disk_behind_standard_output_is_reported(runtime: &str) {
    let full = OpenOptions::new().write(true).open("/dev/full");
    let (args, address) = with_probes(runtime, "0s");
    let mut watch = Running::start(
        livebus(&["watch"])
            .args(args)
            .stdout(full.expect("Linux has it"))
            .stderr(Stdio::piped()),
    );
    until_ready(&address);
    watch.signal(Signal::TERM);
    assert_eq!(watch.end(), Some(0));
    let errors = watch.errors();
    let reports = errors.matches("cannot write to standard output: No space left");
    assert_eq!(reports.count(), 1, "{errors}");
}

#[test]
fn a_text_without_a_reader_is_no_error_and_a_full_disk_is_one() {
    for args in [&["man"][..], &["completions", "bash"], &["--help"]] {
        let (reader, writer) = pipe().expect("there are descriptors");
        drop(reader);
        let mut program = Running::start(livebus(args).stdout(writer));
        assert_eq!(program.end(), Some(0), "{args:?}");
    }
    for args in [
        &["man"][..],
        &["completions", "bash"],
        &["--help"],
        &["check", "-h"],
        &["--version"],
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full");
        let full = full.expect("Linux has it");
        let mut failed = Running::start(livebus(args).stdout(full).stderr(Stdio::piped()));
        assert_eq!(failed.end(), Some(1), "{args:?}");
        let errors = failed.errors();
        let expected = "livebus: cannot write to standard output: No space left";
        assert!(errors.starts_with(expected), "{errors}");
    }
}

#[test]
fn a_standard_error_without_a_reader_is_no_error() {
    let (reader, writer) = pipe().expect("there are descriptors");
    drop(reader);
    let mut refused = Running::start(livebus(&["watch", "-b", "a:x"]).stderr(writer));
    assert_eq!(refused.end(), Some(2));
}
