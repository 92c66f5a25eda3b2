//! `livebus check` and `livebus wait`, of a running livebus by its URL.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::check::{closed_port, run, running, texts};
use crate::livebus::{Watch, end_within_timeout, livebus, output};

#[test]
fn a_running_livebus_is_asked_by_its_url() {
    let (watch, _, probes) = running();
    let url = format!("http://{probes}");
    let (code, line, errors) = run(&["check", &url]);
    assert_eq!((code, &*errors), (Some(0), ""));
    assert_eq!(line, "ready: message-bus ok\n");
    let (code, line, _) = run(&["check", &url, "--format", "json"]);
    let json: Value = serde_json::from_str(&line).expect("it is JSON");
    assert_eq!(code, Some(0));
    assert_eq!(json["http_status"], 200);
    assert_eq!(json["checks"][0]["name"], "message-bus");

    let mut wait = livebus(&["wait", "--for", "not-ready", &url, "--timeout", "1m"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program was built");
    watch.signal(Signal::TERM);
    assert_eq!(end_within_timeout(&mut wait).code(), Some(0));
    let (_, line, _) = texts(&wait.wait_with_output().expect("it is a child"));
    assert!(line.contains("message-bus failed: NotReady"), "{line}");
    let (code, line, _) = run(&["check", &url]);
    assert_eq!(code, Some(1));
    assert!(
        line.starts_with("not ready: message-bus failed: NotReady"),
        "{line}"
    );
    let (code, line, _) = run(&["check", &format!("{url}/nothing")]);
    assert_eq!(code, Some(1));
    assert!(line.contains("answers with 404"), "{line}");
}

#[test]
fn a_readyz_with_an_unknown_excluded_name_shows_the_warning() {
    let (_watch, _, probes) = running();
    let (code, line, _) = run(&["check", &format!("http://{probes}/readyz?exclude=nobody")]);
    assert_eq!(code, Some(0));
    assert!(
        line.starts_with("ready: message-bus ok; warn: ") && line.contains("\"nobody\""),
        "{line}"
    );
    let (code, line, _) = run(&["check", &format!("http://{probes}/readyz/message-bus")]);
    assert_eq!(code, Some(0), "{line}");
}

#[test]
fn readz_is_ready_with_200_and_not_ready_with_418() {
    let mut watch = Watch::start(&["--http", "0", "--http-as-in-voltha", "--drain", "1h"]);
    let url = format!("http://{}/readz", watch.probes());
    watch.until("Running");
    assert_eq!(run(&["check", &url]).0, Some(0));
    watch.signal(Signal::TERM);
    watch.until("NotReady");
    let (code, line, _) = run(&["check", &url]);
    assert_eq!(code, Some(1));
    assert_eq!(line, format!("not ready: {url} answers with 418\n"));
}

#[test]
fn a_health_service_is_asked_by_its_url() {
    for runtime in ["tokio", "async-std"] {
        let mut watch = Watch::start(&["--grpc", "0", "--drain", "1h", "--runtime", runtime]);
        let line = watch.until_error("health service on ");
        let (_, url) = line.trim_end().rsplit_once(' ').expect("it ends with it");
        watch.until("Running");
        for (name, code, text) in [
            ("", 0, format!("ready: {url} is SERVING\n")),
            (
                "/message-bus",
                0,
                format!("ready: {url}/message-bus is SERVING\n"),
            ),
            (
                "/orders",
                1,
                format!(
                    "not ready: {url}/orders answers that it knows no service \"orders\": check the name\n"
                ),
            ),
        ] {
            let (status, line, errors) = run(&["check", &format!("{url}{name}")]);
            assert_eq!((status, &*line, &*errors), (Some(code), &*text, ""));
        }
        let (code, line, _) = run(&["check", url, "--format", "json"]);
        let json: Value = serde_json::from_str(&line).expect("it is JSON");
        assert_eq!((code, &json["grpc_status"]), (Some(0), &"Ok".into()));
        assert_eq!((json.get("http_status"), json.get("checks")), (None, None));

        let mut wait = livebus(&["wait", "--for", "not-ready", url, "--timeout", "1m"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program was built");
        watch.signal(Signal::TERM);
        assert_eq!(end_within_timeout(&mut wait).code(), Some(0));
        let (_, line, _) = texts(&wait.wait_with_output().expect("it is a child"));
        assert!(line.contains("is NOT_SERVING"), "{line}");
    }
    let closed = closed_port();
    let (code, line, _) = run(&["check", &format!("grpc://{closed}")]);
    assert_eq!(code, Some(1));
    assert!(
        line.starts_with(&format!("not ready: grpc://{closed} does not answer: ")),
        "{line}"
    );
}

#[test]
fn the_port_of_the_other_protocol_is_named() {
    let mut watch = Watch::start(&["--http", "0", "--grpc", "0"]);
    let probes = watch.probes();
    let line = watch.until_error("health service on grpc://");
    let (_, health) = line
        .trim_end()
        .rsplit_once("//")
        .expect("it was looked for");
    watch.until("Running");
    for (url, hint) in [
        (
            format!("grpc://{probes}"),
            "; is this the port of --http?\n",
        ),
        (
            format!("http://{health}"),
            "; is this the port of --grpc?\n",
        ),
    ] {
        let (code, line, errors) = run(&["check", &url]);
        assert_eq!((code, &*errors), (Some(1), ""));
        assert!(line.ends_with(hint), "{line}");
    }
}

#[test]
fn statusz_of_a_running_livebus_has_the_verdict() {
    let (watch, _, probes) = running();
    let url = format!("http://{probes}/statusz");
    let (code, line, errors) = run(&["check", &url]);
    assert_eq!((code, &*errors), (Some(0), ""));
    assert_eq!(line, "ready: message-bus Running: the bus works\n");
    let (code, line, _) = run(&["check", &url, "--format", "json"]);
    let json: Value = serde_json::from_str(&line).expect("it is JSON");
    assert_eq!((code, &json["ready"]), (Some(0), &Value::Bool(true)));
    assert_eq!(
        (&json["url"], &json["http_status"]),
        (&Value::from(&*url), &Value::from(200))
    );
    let checks =
        serde_json::json!([{ "name": "message-bus", "ok": true, "text": "the bus works" }]);
    assert_eq!(json["checks"], checks);
    let (code, line, errors) = run(&["check", &url, "--quiet"]);
    assert_eq!((code, &*line, &*errors), (Some(0), "", ""));

    // It answers 200 still: the body says that the livebus is not ready.
    watch.signal(Signal::TERM);
    let (code, line, _) = run(&["wait", "--for", "not-ready", &url, "--timeout", "1m"]);
    assert_eq!(code, Some(0), "{line}");
    let (code, line, errors) = run(&["check", &url]);
    assert_eq!((code, &*errors), (Some(1), ""));
    assert_eq!(line, "not ready: message-bus NotReady: shutting down\n");
    let (code, line, _) = run(&["check", &url, "--format", "json"]);
    let json: Value = serde_json::from_str(&line).expect("it is JSON");
    assert_eq!((code, &json["ready"]), (Some(1), &Value::Bool(false)));
    assert_eq!(json["checks"][0]["ok"], false);
    assert_eq!(run(&["check", &url, "--quiet"]).0, Some(1));

    let (code, line, errors) = run(&["check", &url, "-b", "kafka:9092"]);
    assert_eq!(
        (code, &*line, errors.lines().count()),
        (Some(2), "", 1),
        "{errors}"
    );
}

#[test]
fn a_livebus_that_does_not_answer_is_not_ready() {
    let closed = format!("http://{}", closed_port());
    let (code, line, _) = run(&["check", &closed]);
    assert_eq!(code, Some(1));
    assert!(line.contains("does not answer: "), "{line}");
    let (_, line, _) = run(&["check", &closed, "--format", "json"]);
    let json: Value = serde_json::from_str(&line).expect("it is JSON");
    assert_eq!(json.get("http_status"), Some(&Value::Null));
    assert_eq!(json.get("checks"), None);
    assert_eq!(run(&["wait", "--for", "not-ready", &closed]).0, Some(0));

    // Neither a server that never answers nor one that never ends its answer holds it up.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let silent_url = format!("http://{}", silent.local_addr().expect("it is bound"));
    let begin = Instant::now();
    let (code, line, _) = run(&["check", &silent_url, "--timeout", "300ms"]);
    assert_eq!(code, Some(1), "{line}");
    let (code, _, _) = run(&["wait", &silent_url, "--timeout", "700ms"]);
    assert_eq!(code, Some(1));
    assert!(begin.elapsed() < Duration::from_secs(20), "it is bounded");
}

#[test]
fn an_answer_without_an_end_is_cut_off() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", server.local_addr().expect("it is bound"));
    thread::spawn(move || {
        let (mut client, _) = server.accept().expect("it asks");
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n[+]bus ok\n";
        client.write_all(head.as_bytes()).expect("it reads");
        // Ends with an error when the client has closed the connection.
        while client.write_all(&[b'x'; 4_096]).is_ok() {}
    });
    let (code, line, _) = run(&["check", &url]);
    assert_eq!((code, &*line), (Some(0), "ready: bus ok\n"));
}

#[test]
fn a_redirection_is_not_followed_and_no_proxy_is_used() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = server.local_addr().expect("it is bound");
    thread::spawn(move || {
        let (mut client, _) = server.accept().expect("it asks");
        let mut head = [0; 1_024];
        let _ = client.read(&mut head);
        let answer =
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
        client.write_all(answer.as_bytes()).expect("it reads");
    });
    let mut check = livebus(&["check", &format!("http://{address}")]);
    let (code, line, _) = texts(&output(check.env("http_proxy", "http://127.0.0.1:1")));
    assert_eq!(code, Some(1));
    assert!(line.contains("answers with 302"), "{line}");
}
