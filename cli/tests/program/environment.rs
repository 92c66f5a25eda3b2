//! Options in the environment.

use std::net::TcpListener;

use crate::livebus::{livebus, output};
use crate::usage::assert_refused;

#[test]
fn a_wrong_value_in_the_environment_is_rejected_like_an_option() {
    assert_refused(
        livebus(&["watch"]).env("LIVEBUS_LIVE_INTERVAL", "0ms"),
        "--live-interval 0ms: ",
    );
    assert_refused(
        livebus(&["demo"]).env("LIVEBUS_RUNTIME", "nonsense"),
        "nonsense",
    );
    assert_refused(
        livebus(&["watch"]).env("LIVEBUS_BOOTSTRAP_SERVERS", "a:b"),
        "bad address `a:[",
    );
    assert_refused(
        livebus(&["watch", "-b", "h:1"]).env("LIVEBUS_PROPERTY", "client.id=x\nnope=1"),
        "`nope`",
    );
}

#[test]
fn flags_and_properties_are_read_from_the_environment_in_usual_formats() {
    let mut command = livebus(&["watch", "-b", "h:1", "--http", "256.0.0.1:1"]);
    command
        .env("LIVEBUS_STRICT", "1")
        .env("LIVEBUS_CREATE_TOPIC", "yes");
    // The error is about the address, and not about one of these.
    assert_refused(
        command.env("LIVEBUS_PROPERTY", "client.id=x\n\nclient.rack=y\n"),
        "--http",
    );
    let mut command = livebus(&["watch", "-b", "h:1", "-X", "client.id=a\nb", "-X", "nope=1"]);
    assert_refused(&mut command, "`nope`");
}

#[test]
fn every_option_can_be_given_in_the_environment() {
    for command in ["watch", "check", "wait", "demo", "replay"] {
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

#[test]
fn an_unknown_variable_is_reported_and_is_no_error() {
    let mut command = livebus(&["check", "-b", "127.0.0.1:1", "--preset", "fast"]);
    command
        .env("LIVEBUS_BOOTSTRAP_SERVER", "hunter2")
        .env("LIVEBUS_SERVICE_HOST", "10.0.0.1");
    let output = output(&mut command);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        text,
        "livebus: there is no variable LIVEBUS_BOOTSTRAP_SERVER (did you mean LIVEBUS_BOOTSTRAP_SERVERS?); it has no effect\n"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_command_line_comes_before_the_environment() {
    // A port without a listener: this test has just closed its own.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let closed = listener.local_addr().expect("it is bound").to_string();
    drop(listener);
    let url = format!("http://{closed}");
    let mut command = livebus(&["check", "-b", &closed, "--preset", "fast"]);
    let bus = output(command.env("LIVEBUS_URL", "http://127.0.0.1:1"));
    assert!(String::from_utf8_lossy(&bus.stdout).contains("bootstrap servers"));
    let probe = output(livebus(&["check", &url]).env("LIVEBUS_BOOTSTRAP_SERVERS", "h:1"));
    assert!(String::from_utf8_lossy(&probe.stdout).contains("does not answer"));
    // Options for `watch`, which have no effect on a URL.
    let mut probe = livebus(&["check", &url]);
    probe
        .env("LIVEBUS_STRICT", "1")
        .env("LIVEBUS_TOPIC", "health")
        .env("LIVEBUS_PRESET", "fast")
        .env("LIVEBUS_LIVE_INTERVAL", "1s")
        .env("LIVEBUS_CREATE_TOPIC", "1")
        .env("LIVEBUS_PROPERTY", "client.id=x")
        .env("LIVEBUS_NEEDS_TOPIC", "orders");
    let probe = output(&mut probe);
    assert_eq!(probe.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&probe.stdout).contains("does not answer"));
    let mut both = livebus(&["check"]);
    both.env("LIVEBUS_URL", url)
        .env("LIVEBUS_BOOTSTRAP_SERVERS", "h:1");
    assert_refused(&mut both, "leave one out");
}
