//! The program as its users run it: options, exit codes, output, signals. On the embedded cluster; no Kafka is needed.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_mins(1);

fn livebus(args: &[&str]) -> Command {
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

/// Runs it to its end. One that does not end fails the test instead of holding it up.
fn output(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().expect("the program was built");
    let begin = Instant::now();
    while child.try_wait().expect("it is a child").is_none() && begin.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(5));
    }
    // Harmless when it has ended.
    let _ = child.kill();
    child.wait_with_output().expect("it is a child")
}

/// Exit code 2, one line on standard error that begins with the program's name and holds `part`, no backtrace.
fn assert_refused(command: &mut Command, part: &str) {
    let output = output(command);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(
        text.starts_with("livebus: ") && text.contains(part),
        "{text:?} has no {part:?}"
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn a_wrong_option_is_one_line_and_exit_code_2() {
    let cases: &[(&[&str], &str)] = &[
        (&["watch", "--nope"], "--nope"),
        (&["nope"], "nope"),
        (&["watch", "-b"], "--bootstrap-servers"),
        (&["watch", "-b", "host:port"], "`host:port`"),
        (&["watch", "-b", "host:1,,other:2"], "address"),
        (
            &["watch", "-b", "h:1", "-X", "nope=1"],
            "unknown property `nope`",
        ),
        (
            &["watch", "-b", "h:1", "-X", "fetch.min.byts=1"],
            "did you mean `fetch.min.bytes`",
        ),
        (&["watch", "-b", "h:1", "-X", "acks=seven"], "`acks`"),
        (&["watch", "-b", "h:1", "-X", "nopair"], "key=value"),
        (
            &["watch", "-b", "h:1", "--config", "/does/not/exist"],
            "/does/not/exist",
        ),
        (&["watch", "--live-interval", "soon"], "--live-interval"),
        (
            &["watch", "--live-interval", "0s"],
            "--live-interval 0ns: make it longer than zero",
        ),
        (
            &["watch", "--liveness-timeout", "1h"],
            "--liveness-timeout 3600s: make it at most --live-interval",
        ),
        (
            &["watch", "--failures-to-not-ready", "0"],
            "--failures-to-not-ready 0",
        ),
        (&["watch", "--http", "nowhere"], "--http"),
        (&["watch", "--topic", "a b"], "a topic's name is"),
        (&["watch", "--topic", ""], "--topic"),
        (&["watch", "--format", "xml"], "xml"),
        (&["watch", "--preset", "slow"], "slow"),
        (&["watch", "-b", "h:1", "--service", ""], "name"),
        (&["man", "nope"], "nope"),
        (&["completions", "nosh"], "nosh"),
    ];
    for (args, part) in cases {
        assert_refused(&mut livebus(args), part);
    }
}

#[test]
fn a_wrong_value_in_the_environment_is_refused_like_an_option() {
    assert_refused(
        livebus(&["watch"]).env("LIVEBUS_LIVE_INTERVAL", "0s"),
        "--live-interval",
    );
    assert_refused(
        livebus(&["watch"]).env("LIVEBUS_BOOTSTRAP_SERVERS", "a:b"),
        "`a:b`",
    );
    assert_refused(
        livebus(&["watch", "-b", "h:1"]).env("LIVEBUS_PROPERTY", "client.id=x\nnope=1"),
        "`nope`",
    );
}

#[test]
fn flags_and_properties_are_taken_from_the_environment_as_people_write_them() {
    let mut command = livebus(&["watch", "-b", "h:1", "--http", "256.0.0.1:1"]);
    command
        .env("LIVEBUS_STRICT", "1")
        .env("LIVEBUS_CREATE_TOPIC", "yes");
    // What is refused is the address, and not one of these.
    assert_refused(
        command.env("LIVEBUS_PROPERTY", "client.id=x\n\nclient.rack=y\n"),
        "--http",
    );
    let mut command = livebus(&[
        "watch",
        "-b",
        "h:1",
        "-X",
        "ssl.ca.pem=a\nb",
        "-X",
        "nope=1",
    ]);
    assert_refused(&mut command, "`nope`");
}

#[test]
fn a_shorter_interval_alone_shortens_what_it_contains() {
    let mut watch = Watch::start(&["--live-interval", "100ms"]);
    watch.until("Running");
}

#[test]
fn an_interrupted_demo_ends_in_order() {
    let mut child = livebus(&["demo"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program was built");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut line = String::new();
    while !line.contains("NotReady") {
        line.clear();
        assert_ne!(
            lines.read_line(&mut line).expect("it writes text"),
            0,
            "it ended"
        );
    }
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).expect("it runs");
    let mut rest = String::new();
    lines.read_to_string(&mut rest).expect("it writes text");
    assert_eq!(child.wait().expect("it is a child").code(), Some(0));
    assert!(
        rest.contains("interrupted") && rest.contains("Stopped"),
        "{rest}"
    );
}

#[test]
fn a_secret_is_never_shown() {
    let secret = "hunter2";
    let cases: &[&[&str]] = &[
        &[
            "watch",
            "-b",
            "h:1",
            "-X",
            "sasl.password=hunter2",
            "-X",
            "security.protocol=SASL_PLAINTEXT",
            "-X",
            "sasl.mechanism=NOPE",
        ],
        &["watch", "-b", "h:1", "-X", "sasl.passwort=hunter2"],
        &["watch", "-b", "h:1", "-X", "hunter2"],
    ];
    for args in cases {
        let output = output(&mut livebus(args));
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn a_damaged_properties_file_is_named_with_its_line() {
    let folder = tempfile::tempdir().expect("there is room");
    let file = folder.path().join("client.properties");
    fs::write(&file, "# good\nclient.id = watcher\nclient.rack = \\u12\n")
        .expect("it can be written");
    let name = file.to_str().expect("it is text");
    let mut command = livebus(&["watch", "-b", "h:1", "--config", name]);
    assert_refused(&mut command, "client.properties:3");
}

#[test]
fn a_port_in_use_is_exit_code_2() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it is bound").to_string();
    let output = output(&mut livebus(&["watch", "--http", &address]));
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains(&format!("the port is in use: {address}")),
        "{text}"
    );
}

#[test]
fn help_version_completions_and_man_go_to_standard_output() {
    let cases: &[(&[&str], &str)] = &[
        (&["--help"], "Exit codes:"),
        (
            &["watch", "--help"],
            "livebus watch -b kafka-1:9092,kafka-2:9092",
        ),
        (&["demo", "--help"], "livebus demo --preset fast"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
        (&["completions", "bash"], "_livebus"),
        (&["completions", "zsh"], "#compdef livebus"),
        (&["completions", "fish"], "complete -c livebus"),
        (&["man"], ".TH"),
        (&["man", "watch"], "bootstrap\\-servers"),
    ];
    for (args, part) in cases {
        let output = output(&mut livebus(args));
        assert!(output.status.success(), "{args:?}");
        assert!(output.stderr.is_empty(), "{args:?}");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(part), "{args:?} has no {part:?}");
    }
}

#[test]
fn every_option_can_be_given_in_the_environment() {
    for command in ["watch", "demo"] {
        let output = output(&mut livebus(&[command, "--help"]));
        let text = String::from_utf8_lossy(&output.stdout);
        let options = text
            .lines()
            .map(str::trim_start)
            .filter(|line| line.starts_with('-'));
        let long = options.filter_map(|line| line.split("--").nth(1));
        let names: Vec<&str> = long
            .filter_map(|name| name.split([' ', ',']).next())
            .collect();
        assert!(!names.is_empty());
        for name in names.into_iter().filter(|name| *name != "help") {
            let variable = format!("[env: LIVEBUS_{}", name.to_uppercase().replace('-', "_"));
            assert!(
                text.contains(&variable),
                "{command} --{name} has no {variable}]"
            );
        }
    }
}

/// A `livebus watch` that runs; it is killed when the test is done with it.
struct Watch {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Watch {
    fn start(args: &[&str]) -> Self {
        let mut child = livebus(&["watch"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program was built");
        let lines = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("it writes text");
        line
    }

    /// The next line that holds `part`.
    fn until(&mut self, part: &str) -> String {
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "it ended before {part:?}");
            if line.contains(part) {
                return line;
            }
        }
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).expect("it runs");
    }

    /// Waits for its end: its exit code, and what it wrote to standard error.
    fn end(&mut self) -> (Option<i32>, String) {
        let mut errors = String::new();
        let status = self.child.wait().expect("it is a child");
        let stderr = self.child.stderr.as_mut().expect("it is piped");
        stderr.read_to_string(&mut errors).expect("it writes text");
        (status.code(), errors)
    }

    /// Where it says that it serves the probes.
    fn probes(&mut self) -> String {
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

#[test]
fn without_servers_it_watches_an_embedded_cluster_and_says_so() {
    let mut watch = Watch::start(&[]);
    let running = watch.until("Running");
    assert!(running.contains("the bus works"), "{running}");
    assert!(
        !running.contains('\x1b'),
        "a pipe gets no colours: {running:?}"
    );
    watch.signal(rustix::process::Signal::INT);
    watch.until("shutting down");
    watch.until("Stopped");
    let (code, errors) = watch.end();
    assert_eq!(code, Some(0));
    assert!(
        errors.contains("watching an embedded cluster at 127.0.0.1:"),
        "{errors}"
    );
}

#[test]
fn json_is_one_object_per_line() {
    let mut watch = Watch::start(&["--format", "json", "--service", "bus"]);
    let running: Value = serde_json::from_str(&watch.until("\"Running\"")).expect("it is JSON");
    assert_eq!(running["service"], "bus");
    assert_eq!(running["from"], "Prepared");
    assert_eq!(running["cause"], "Evidence");
    assert_eq!(running["failure"], Value::Null);
    watch.signal(rustix::process::Signal::TERM);
    let stopped: Value = serde_json::from_str(&watch.until("\"Stopped\"")).expect("it is JSON");
    assert_eq!(stopped["cause"], "ShutDown");
    assert_eq!(watch.end().0, Some(0));
}

#[test]
fn a_bus_that_is_not_there_is_told_with_its_class_and_remedy() {
    // A port that nobody listens on: it was ours a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let servers = listener.local_addr().expect("it is bound").to_string();
    drop(listener);
    let mut watch = Watch::start(&["-b", &servers, "--preset", "fast", "--format", "json"]);
    let lost: Value = serde_json::from_str(&watch.until("\"NotReady\"")).expect("it is JSON");
    assert_eq!(lost["failure"]["class"], "Unreachable");
    assert!(
        lost["failure"]["remedy"]
            .as_str()
            .is_some_and(|text| text.contains("bootstrap servers"))
    );
}

#[test]
fn a_name_that_does_not_resolve_is_told_as_such() {
    let args = [
        "-b",
        "no-such-host.invalid:9092",
        "--preset",
        "fast",
        "--format",
        "json",
    ];
    let mut watch = Watch::start(&args);
    let lost: Value = serde_json::from_str(&watch.until("\"NotReady\"")).expect("it is JSON");
    assert_eq!(lost["failure"]["class"], "NameResolution", "{lost}");
}

#[test]
fn a_second_signal_ends_at_once() {
    for (signal, code) in [
        (rustix::process::Signal::INT, 130),
        (rustix::process::Signal::TERM, 143),
    ] {
        let mut watch = Watch::start(&["--drain", "1h"]);
        watch.until("Running");
        watch.signal(signal);
        watch.until("shutting down");
        watch.signal(signal);
        assert_eq!(watch.end().0, Some(code));
    }
}

#[test]
fn a_reader_that_goes_away_ends_it_in_order() {
    let mut child = livebus(&["watch"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program was built");
    // Nobody will read the first line.
    drop(child.stdout.take());
    let status = child.wait().expect("it is a child");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn the_probes_answer_and_follow_the_shutdown() {
    let mut watch = Watch::start(&["--http", "127.0.0.1:0", "--drain", "1h"]);
    let address = watch.probes();
    watch.until("Running");
    assert!(get(&address, "/readyz").starts_with("HTTP/1.1 200 "));
    watch.signal(rustix::process::Signal::TERM);
    watch.until("shutting down");
    assert!(get(&address, "/readyz?verbose").contains("[-]message-bus failed: NotReady"));
    assert!(get(&address, "/livez").starts_with("HTTP/1.1 200 "));
    watch.signal(rustix::process::Signal::TERM);
    assert_eq!(watch.end().0, Some(143));
}

#[test]
fn the_demo_tells_its_story_to_the_end() {
    let output = output(&mut livebus(&["demo", "--preset", "fast"]));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let rows: Vec<(&str, &str)> = text
        .lines()
        .skip_while(|line| !line.starts_with("on the bus"))
        .skip(1)
        .filter_map(|line| line.split_at_checked(33))
        .map(|(step, rest)| {
            (
                step.trim_end(),
                rest.split_whitespace().next().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("no broker at the start", "NotReady"),
            ("the broker appears", "Running"),
            ("killed", "NotReady"),
            ("back after the kill", "Running"),
            ("hung", "NotReady"),
            ("back after the hang", "Running"),
            ("shutdown begins", "NotReady"),
            ("shutdown ends, after the drain", "Stopped"),
        ],
        "{text}"
    );
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .expect("it takes requests");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("it answers");
    response
}
