//! `livebus check` and `livebus wait`, of a bus.

use std::io::Read;
use std::net::TcpListener;
use std::process::{Child, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::livebus::{Watch, end_within_timeout, livebus, output};
use crate::on_each_runtime;

on_each_runtime![
    a_bus_that_works_is_ready,
    a_bus_that_refuses_is_not_ready,
    a_bus_that_hangs_is_not_ready_after_the_timeout,
    a_signal_ends_a_wait_with_its_own_code,
    a_wait_follows_a_bus_until_it_works,
];

/// An address without a listener.
pub(crate) fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").to_string()
}

/// A watch of an embedded cluster with probes. Returns the addresses of both.
pub(crate) fn running() -> (Watch, String, String) {
    let mut watch = Watch::start(&["--http", "0", "--drain", "1h"]);
    let line = watch.until_error("embedded cluster at ");
    let (_, servers) = line.trim_end().rsplit_once(' ').expect("it ends with it");
    let servers = servers.to_owned();
    let probes = watch.probes();
    watch.until("Running");
    (watch, servers, probes)
}

pub(crate) fn texts(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

pub(crate) fn run(args: &[&str]) -> (Option<i32>, String, String) {
    texts(&output(&mut livebus(args)))
}

fn a_bus_that_works_is_ready(runtime: &str) {
    let (_watch, servers, _) = running();
    let (code, line, errors) = run(&["check", "-b", &servers, "--runtime", runtime]);
    assert_eq!((code, &*errors), (Some(0), ""));
    assert!(
        line.starts_with("ready: Running, the bus works ("),
        "{line}"
    );
    assert_eq!(line.lines().count(), 1, "{line}");
    let wait = [
        "wait",
        "-b",
        &servers,
        "--runtime",
        runtime,
        "--format",
        "json",
    ];
    let (code, line, _) = run(&wait);
    let json: Value = serde_json::from_str(&line).expect("it is JSON");
    assert_eq!(code, Some(0));
    assert_eq!(json["ready"], true);
    assert_eq!(json["reached"], true);
    assert_eq!(json["status"], "Running");
    assert_eq!(json["bootstrap_servers"], *servers);
    let quiet = ["check", "-q", "-b", &servers, "--runtime", runtime];
    assert_eq!(run(&quiet), (Some(0), String::new(), String::new()));
}

fn a_bus_that_refuses_is_not_ready(runtime: &str) {
    let servers = closed_port();
    let of = |command| {
        [
            command,
            "-b",
            &servers,
            "--runtime",
            runtime,
            "--preset",
            "fast",
        ]
    };
    let (code, line, errors) = run(&of("check"));
    assert_eq!((code, &*errors), (Some(1), ""));
    assert!(
        line.starts_with("not ready: NotReady, the bus cannot be used: Unreachable"),
        "{line}"
    );
    assert!(line.contains(&servers), "{line}");
    let json = [&of("check")[..], &["--format", "json"]].concat();
    let (code, line, _) = run(&json);
    let json: Value = serde_json::from_str(&line).expect("it is JSON");
    assert_eq!(code, Some(1));
    assert_eq!(json["ready"], false);
    assert_eq!(json["failure"]["class"], "Unreachable");
    let until_gone = [&of("wait")[..], &["--for", "not-ready"]].concat();
    let (code, line, _) = run(&until_gone);
    assert_eq!(code, Some(0));
    assert!(line.starts_with("not ready after "), "{line}");
    let too_short = [&of("wait")[..], &["--timeout", "1500ms"]].concat();
    let (code, line, errors) = run(&too_short);
    assert_eq!(code, Some(1));
    assert!(line.starts_with("still not ready after 1.5"), "{line}");
    assert!(
        errors.contains("NotReady   the bus cannot be used"),
        "{errors}"
    );
}

fn a_bus_that_hangs_is_not_ready_after_the_timeout(runtime: &str) {
    // The system accepts connections, and the test never does.
    let hung = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let servers = hung.local_addr().expect("it is bound").to_string();
    let check_within = |timeout: &str| {
        let bus = ["check", "-b", &servers, "--runtime", runtime];
        run(&[&bus[..], &["--timeout", timeout]].concat())
    };
    let begin = Instant::now();
    let (code, line, _) = check_within("300ms");
    assert_eq!(code, Some(1));
    assert!(line.starts_with("not ready: no verdict within 3"), "{line}");
    assert!(begin.elapsed() < Duration::from_secs(20), "it is bounded");

    // NotReady for a second: it may be slow, and has the rest of the time.
    let begin = Instant::now();
    let (code, line, _) = check_within("2s");
    assert_eq!(code, Some(1));
    assert!(line.starts_with("not ready: NotReady, "), "{line}");
    assert!(begin.elapsed() >= Duration::from_secs(2), "it ended early");
}

/// Starts a command, and waits until its standard error has `part`.
fn start_until_error(args: &[&str], part: &str) -> Child {
    let mut command = livebus(args);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().expect("the program was built");
    let stderr = child.stderr.as_mut().expect("it is piped");
    let mut text = String::new();
    let mut byte = [0];
    while !text.contains(part) {
        let read = stderr.read(&mut byte).expect("it writes text");
        assert_ne!(read, 0, "it ended before {part:?}: {text}");
        text.push(char::from(byte[0]));
    }
    child
}

fn a_signal_ends_a_wait_with_its_own_code(runtime: &str) {
    let servers = closed_port();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let args = [
            "wait",
            "-b",
            &servers,
            "--runtime",
            runtime,
            "--preset",
            "fast",
            "--timeout",
            "1h",
        ];
        let mut wait = start_until_error(&args, "NotReady");
        kill_process(Pid::from_child(&wait), signal).expect("it runs");
        assert_eq!(end_within_timeout(&mut wait).code(), Some(code));
        let (_, line, errors) = texts(&wait.wait_with_output().expect("it is a child"));
        assert_eq!(line, "");
        assert!(errors.contains("before the verdict"), "{errors}");
    }
}

fn a_wait_follows_a_bus_until_it_works(runtime: &str) {
    // At this address nothing listens, until a relay to a broker does.
    let servers = closed_port();
    let args = [
        "wait",
        "-b",
        &servers,
        "--runtime",
        runtime,
        "--preset",
        "fast",
        "--timeout",
        "1m",
        "--ask",
        "metadata",
        "--for",
        "not-ready",
    ];
    let (code, line, _) = run(&args);
    assert_eq!(code, Some(0), "{line}");
    let args = &args[..args.len() - 2];
    let mut wait = start_until_error(args, "NotReady");
    let (_watch, broker, _) = running();
    let listener = TcpListener::bind(&servers).expect("it is still free");
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let broker = std::net::TcpStream::connect(&broker).expect("it listens");
            let both = [
                (client.try_clone(), broker.try_clone()),
                (Ok(broker), Ok(client)),
            ];
            for (from, to) in both {
                let (mut from, mut to) = (from.expect("it is open"), to.expect("it is open"));
                thread::spawn(move || std::io::copy(&mut from, &mut to));
            }
        }
    });
    assert_eq!(end_within_timeout(&mut wait).code(), Some(0));
    let (_, line, _) = texts(&wait.wait_with_output().expect("it is a child"));
    assert!(line.starts_with("ready after "), "{line}");
}
