//! `livebus watch`, on the embedded cluster.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::livebus::{Watch, livebus};
use crate::on_each_runtime;

on_each_runtime![
    an_embedded_cluster_that_is_asked_for_is_watched_and_reported,
    a_signal_a_second_after_the_first_ends_at_once,
    two_signals_in_a_moment_are_one,
    a_reader_that_closes_the_pipe_ends_it_in_order,
    the_probes_answer_during_the_shutdown,
    a_bus_that_never_answers_does_not_prevent_its_end,
    no_other_runtime_is_started,
    every_path_that_is_named_is_served,
    metrics_agree_with_the_line_that_says_running,
];

#[test]
fn a_shorter_interval_shortens_the_settings_that_it_limits() {
    let mut watch = Watch::start(&["--live-interval", "100ms"]);
    watch.until("Running");
}

fn an_embedded_cluster_that_is_asked_for_is_watched_and_reported(runtime: &str) {
    let mut watch = Watch::start(&["--runtime", runtime]);
    let running = watch.until("Running");
    assert!(running.contains("the bus works"), "{running}");
    assert!(
        !running.contains('\x1b'),
        "a pipe gets no colours: {running:?}"
    );
    watch.signal(Signal::INT);
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
    watch.signal(Signal::TERM);
    let stopped: Value = serde_json::from_str(&watch.until("\"Stopped\"")).expect("it is JSON");
    assert_eq!(stopped["cause"], "ShutDown");
    assert_eq!(watch.end().0, Some(0));
}

#[test]
fn an_unreachable_bus_is_reported_with_its_class_and_remedy() {
    // A port without a listener: this test has just closed its own.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let servers = listener.local_addr().expect("it is bound").to_string();
    drop(listener);
    let mut watch = Watch::start(&["-b", &servers, "--preset", "fast", "--format", "json"]);
    let lost: Value = serde_json::from_str(&watch.until("\"NotReady\"")).expect("it is JSON");
    assert_eq!(lost["failure"]["class"], "Unreachable");
    let part = |name: &str| lost["failure"][name].as_str().unwrap_or_default();
    assert_eq!(part("code_name"), "_TRANSPORT");
    assert!(part("reason").contains(&servers) && part("reason").contains("refused"));
    assert!(part("remedy").starts_with("check that a broker runs at this address"));
    assert_eq!(lost["bootstrap_servers"], *servers);
    assert_eq!(lost["topic"], "livebus-liveness");
    assert!(lost["next_check_ms"].is_f64(), "{lost}");
}

#[test]
fn a_name_that_does_not_resolve_is_reported_as_such() {
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

fn a_signal_a_second_after_the_first_ends_at_once(runtime: &str) {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        // The one that runs the tests may ignore hangups, as `nohup` does.
        let mut command = Command::new("env");
        command
            .args(["--default-signal=HUP", env!("CARGO_BIN_EXE_livebus")])
            .args(["watch", "--embedded", "--runtime", runtime, "--drain", "1h"]);
        let mut watch = Watch::spawn(&mut command);
        watch.until("Running");
        let first = Instant::now();
        let ended = watch.signal_until_it_ends(signal);
        assert_eq!(ended, Some(code));
        assert!(first.elapsed() >= Duration::from_secs(1), "it ended early");
    }
}

#[test]
fn a_hangup_that_is_ignored_at_the_start_stays_ignored() {
    // As `nohup` does it.
    let ignoring = "trap '' HUP && exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command
        .args(["-c", ignoring, env!("CARGO_BIN_EXE_livebus"), "watch"])
        .args(["--embedded", "--drain", "1h"]);
    let mut watch = Watch::spawn(&mut command);
    watch.until("Running");
    let begin = Instant::now();
    // Without the `trap`, the second hangup after a second would end it with 129.
    while begin.elapsed() < Duration::from_millis(1_100) {
        watch.signal(Signal::HUP);
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(watch.signal_until_it_ends(Signal::TERM), Some(143));
}

fn two_signals_in_a_moment_are_one(runtime: &str) {
    for pair in [
        [Signal::TERM, Signal::TERM],
        [Signal::INT, Signal::TERM],
        [Signal::HUP, Signal::TERM],
    ] {
        let mut watch = Watch::start(&["--runtime", runtime]);
        watch.until("Running");
        for signal in pair {
            watch.signal(signal);
        }
        watch.until("shutting down");
        watch.until("Stopped");
        assert_eq!(watch.end().0, Some(0));
    }
}

fn a_reader_that_closes_the_pipe_ends_it_in_order(runtime: &str) {
    let mut child = livebus(&["watch", "--embedded", "--runtime", runtime])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program was built");
    // The first line gets no reader.
    drop(child.stdout.take());
    let status = child.wait().expect("it is a child");
    assert_eq!(status.code(), Some(0));
}

fn a_bus_that_never_answers_does_not_prevent_its_end(runtime: &str) {
    // The system accepts connections, and the test never does.
    let hung = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let servers = hung.local_addr().expect("it is bound").to_string();
    let args = ["--runtime", runtime, "-b", &servers, "--preset", "fast"];
    let mut watch = Watch::start(&args);
    watch.until("NotReady");
    watch.signal(Signal::INT);
    watch.until("Stopped");
    assert_eq!(watch.end().0, Some(0));
}

fn every_path_that_is_named_is_served(runtime: &str) {
    let http = ["--http", "0", "--runtime", runtime];
    for is_voltha in [false, true] {
        let option = is_voltha.then_some("--http-as-in-voltha");
        let mut watch = Watch::start(&http.into_iter().chain(option).collect::<Vec<_>>());
        let line = watch.until_error("probes on http://");
        let (_, named) = line.split_once("http://").expect("it was looked for");
        let (address, paths) = named.split_once(" (").expect("it names the paths");
        let paths = paths.trim_end().trim_end_matches(')').split(", ");
        watch.until("Running");
        let mut served = 0;
        for path in paths {
            let response = get(address, path);
            assert!(response.starts_with("HTTP/1.1 200 "), "{path}: {response}");
            served += 1;
        }
        assert!(served >= 4, "{line}");
        let status = if is_voltha { 200 } else { 404 };
        for path in ["/readz", "/healthz", "/detailz"] {
            let response = get(address, path);
            assert!(
                response.starts_with(&format!("HTTP/1.1 {status} ")),
                "{path}"
            );
            assert_eq!(line.contains(path), is_voltha, "{line}");
        }
        let one = get(address, "/readyz/message-bus");
        assert!(one.starts_with("HTTP/1.1 200 "), "{one}");
    }
}

fn metrics_agree_with_the_line_that_says_running(runtime: &str) {
    let mut watch = Watch::start(&["--runtime", runtime, "--http", "0"]);
    let address = watch.probes();
    watch.until("Running");
    let metrics = get(&address, "/metrics");
    let service = "livebus_service=\"message-bus\"";
    for line in [
        "livebus_ready 1".to_owned(),
        format!("livebus_status{{{service},status=\"Running\"}} 1"),
        format!("livebus_start_attempts_total{{{service}}} 1"),
        format!("livebus_leaders_asked{{{service}}} 1"),
        format!("livebus_leaders_answered{{{service}}} 1"),
    ] {
        assert!(
            metrics.lines().any(|shown| shown == line),
            "{line}: {metrics}"
        );
    }
}

fn no_other_runtime_is_started(runtime: &str) {
    let mut watch = Watch::start(&["--runtime", runtime]);
    watch.until("Running");
    let threads = watch.threads();
    for (name, threads_of_it) in [("tokio", "tokio-"), ("async-std", "async-std")] {
        let started = threads.iter().any(|name| name.starts_with(threads_of_it));
        assert_eq!(started, name == runtime, "{threads:?}");
    }
}

fn the_probes_answer_during_the_shutdown(runtime: &str) {
    let args = [
        "--runtime",
        runtime,
        "--http",
        "127.0.0.1:0",
        "--drain",
        "1h",
    ];
    let mut watch = Watch::start(&args);
    let address = watch.probes();
    watch.until("Running");
    assert!(get(&address, "/readyz").starts_with("HTTP/1.1 200 "));
    watch.signal(Signal::TERM);
    watch.until("shutting down");
    assert!(get(&address, "/readyz?verbose").contains("[-]message-bus failed: NotReady"));
    assert!(get(&address, "/livez").starts_with("HTTP/1.1 200 "));
    assert_eq!(watch.signal_until_it_ends(Signal::TERM), Some(143));
}

pub(crate) fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .expect("it accepts requests");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("it answers");
    response
}
