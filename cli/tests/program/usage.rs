//! Options on the command line and in the environment, and the errors of wrong ones.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use crate::livebus::{livebus, output};

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
        (&["watch", "--runtime", "nonsense"], "nonsense"),
        (
            &["watch", "--record-max-size", "5"],
            "like 64MiB, 10MB or 500KiB",
        ),
        (&["watch", "--record-max-size", "5 parsecs"], "like 64MiB"),
        (
            &["watch", "--record-max-size", "99999999999GiB"],
            "like 64MiB",
        ),
        (
            &[
                "watch",
                "-b",
                "h:1",
                "--record",
                "x",
                "--record-max-size",
                "1KiB",
            ],
            "--record-max-size 1024B: make it at least",
        ),
        (
            &["watch", "-b", "h:1", "--record", "/does/not/exist"],
            "/does/not/exist: No such file",
        ),
        (&["watch", "-b", "h:1", "--record", "/"], "/ is a folder"),
        (&["replay"], "<FILE>"),
        (
            &["replay", "/does/not/exist"],
            "/does/not/exist: No such file",
        ),
        (&["demo", "--runtime", "smol"], "tokio, async-std"),
        (&["watch", "-b", "h:1", "--service", ""], "name"),
        (&["man", "nope"], "nope"),
        (&["completions", "nosh"], "nosh"),
    ];
    for (args, part) in cases {
        assert_refused(&mut livebus(args), part);
    }
}

#[test]
fn a_wrong_value_in_the_environment_is_rejected_like_an_option() {
    assert_refused(
        livebus(&["watch"]).env("LIVEBUS_LIVE_INTERVAL", "0s"),
        "--live-interval",
    );
    assert_refused(
        livebus(&["demo"]).env("LIVEBUS_RUNTIME", "nonsense"),
        "nonsense",
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
fn a_damaged_properties_file_is_reported_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
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
fn help_version_completions_and_man_go_to_standard_output() {
    let cases: &[(&[&str], &str)] = &[
        (&["--help"], "Exit codes:"),
        (
            &["watch", "--help"],
            "livebus watch -b kafka-1:9092,kafka-2:9092",
        ),
        (&["demo", "--help"], "livebus demo --preset fast"),
        (&["demo", "--help"], "RUSTSEC-2025-0052"),
        (&["replay", "--help"], "3  different"),
        (&["man", "replay"], "\\-\\-svg"),
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
    for command in ["watch", "demo", "replay"] {
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

/// Fails unless the exit code is 2, and standard error is one line that begins with the program's name and contains `part`.
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
