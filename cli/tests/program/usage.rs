//! Options on the command line, and the errors of wrong ones.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use livebus_endpoints::Probes;

use crate::livebus::{livebus, output};

/// Arguments, and a part of the error.
const WRONG: &[(&[&str], &str)] = &[
    (&["watch", "--nope"], "--nope"),
    (&["watch", "--nope"], "see `livebus watch --help`"),
    (&["watch", "--http", "host:8080"], "at 127.0.0.1"),
    (&["watch", "--http", "0.0.0.0"], "like 0.0.0.0:8080"),
    (
        &["watch"],
        "no bus is named: write its addresses, like -b kafka:9092",
    ),
    (&["watch", "--http", "0"], "no bus is named"),
    (&["watch", "--embedded", "-b", "h:1"], "leave one out"),
    (
        &["watch", "--embedded", "--http-as-in-voltha"],
        "add --http, like --http 8080",
    ),
    (
        &["watch", "--embedded", "-X", "bootstrap.servers=h:1"],
        "leave one out",
    ),
    (
        &["watch", "-b", "h:1", "-X", "bootstrap.servers=x:1"],
        "`bootstrap.servers` is given twice",
    ),
    (
        &[
            "watch",
            "-b",
            "h:1",
            "--needs-topic",
            "a",
            "--needs-topic",
            "a:read",
        ],
        "the topic `a` is named twice",
    ),
    (&["check"], "nothing to check is named"),
    (&["check", "localhost:8080"], "like http://127.0.0.1:8080"),
    (&["check", "https://h"], "without TLS"),
    (
        &["check", "http://127.0.0.1:99999"],
        "invalid value `http://127.0.0.1:99999` for [URL]: invalid port `99999`: write a number from 1 to 65535, like",
    ),
    (
        &["wait", "http://127.0.0.1:65536/readyz"],
        "invalid port `65536`",
    ),
    (&["check", "http://127.0.0.1:abc"], "invalid port `abc`"),
    (
        &["wait", "http://127.0.0.1:"],
        "`http://127.0.0.1:` for [URL]: the port is empty",
    ),
    (
        &["check", "http://127.0.0.1:8080/livez"],
        "`http://127.0.0.1:8080/livez` for [URL]: this path does not say whether a livebus is ready: ask /, /readyz, /readyz/NAME, /statusz or /readz",
    ),
    (&["wait", "http://h:1/startupz"], "ask /, /readyz"),
    (&["check", "http://h:1/metrics"], "ask /, /readyz"),
    (&["check", "http://h:1/detailz"], "ask /, /readyz"),
    (
        &["check", "http://h:1", "http://h:2"],
        "unexpected argument, number 3 on the command line, (not shown: it may hold a secret); one URL can be asked, not several",
    ),
    (
        &["wait", "http://h:1", "grpc://h:2"],
        "one URL can be asked",
    ),
    (&["check", "http://h:1", "a=b"], "a property needs -X"),
    (&["check", "grpc://127.0.0.1:99999"], "invalid port `99999`"),
    (&["check", "http://h", "-b", "h:1"], "leave one out"),
    (&["check", "-b", "h:1", "--timeout", "0s"], "--timeout 0s"),
    (&["wait", "-b", "h:1", "--for", "ever"], "ready, not-ready"),
    (&["wait", "-b", "a:b"], "bad address `a:["),
    (&["nope"], "nope"),
    (&["nope"], "see `livebus --help`"),
    (&["watch", "-b"], "--bootstrap-servers"),
    (&["watch", "-b", "host:port"], "bad address `host:["),
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
        &["watch", "-b", "h:1", "-X", "reconnect.backoff.ms=10000"],
        "`reconnect.backoff.ms` cannot be set, since livebus must set it: livebus paces its own connects",
    ),
    (
        &["watch", "-b", "h:1", "-X", "delivery.timeout.ms=10000"],
        "`message.timeout.ms` cannot be set, since the liveness client must set it",
    ),
    (
        &["watch", "-b", "h:1", "sasl.password=x"],
        "unexpected argument, number 4 on the command line",
    ),
    (
        &["watch", "--bootstrap-server", "h:1"],
        "did you mean --bootstrap-servers?",
    ),
    (
        &["watch", "-b", "h:1", "--config", "/does/not/exist"],
        "/does/not/exist",
    ),
    (
        &["watch", "-b", "h:1", "--log", "loud"],
        "error, warn, info",
    ),
    (&["watch", "--live-interval", "soon"], "--live-interval"),
    (
        &["watch", "--live-interval", "0s"],
        "--live-interval 0s: make it longer than zero",
    ),
    (
        &["watch", "--liveness-timeout", "1h"],
        "--liveness-timeout 1h: make it at most --live-interval",
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
        "--record-max-size 1KiB: make it at least 64KiB",
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

#[test]
fn a_wrong_option_is_one_line_and_exit_code_2() {
    for (args, part) in WRONG {
        assert_refused(&mut livebus(args), part);
    }
}

#[test]
fn a_wrong_option_is_refused_before_the_embedded_cluster_starts() {
    const EMBEDDED: &[(&[&str], &str)] = &[
        (
            &["--needs-topic", "a", "--needs-topic", "a"],
            "the topic `a` is named twice",
        ),
        (&["--needs-topic", "a b"], "bad topic"),
        (&["--service", ""], "a service's name is empty"),
        (&["--service", "a\nb"], "control character"),
        (&["--record", "/does/not/exist"], "No such file"),
        (&["--record", "/"], "/ is a folder"),
        (
            &["--record", "x", "--record-max-size", "1KiB"],
            "make it at least 64KiB",
        ),
        (
            &["-X", "delivery.timeout.ms=10000"],
            "`message.timeout.ms` cannot be set",
        ),
    ];
    for (options, part) in EMBEDDED {
        // One line: not the one with the address of the cluster.
        let args = [&["watch", "--embedded"], *options].concat();
        assert_refused(&mut livebus(&args), part);
    }
    let demo = ["demo", "--record", "/does/not/exist"];
    assert_refused(&mut livebus(&demo), "No such file");
}

#[test]
fn an_option_of_a_bus_with_a_url_is_refused() {
    const OF_A_BUS: &[(&[&str], &str)] = &[
        (&["--strict"], "--strict"),
        (&["--topic", "t"], "--topic"),
        (&["-X", "client.id=x"], "-X"),
        (&["--property", "client.id=x"], "-X"),
        (&["--config", "x.properties"], "--config"),
        (&["--preset", "fast"], "--preset"),
        (&["--ask", "metadata"], "--ask"),
        (&["--create-topic"], "--create-topic"),
        (&["--needs-topic", "t"], "--needs-topic"),
        (&["--cluster-id", "any"], "--cluster-id"),
        (&["--live-interval", "1s"], "--live-interval"),
        (&["--recreate-after", "1s"], "--recreate-after"),
    ];
    for (options, name) in OF_A_BUS {
        for command in ["check", "wait"] {
            for url in ["http://127.0.0.1:1", "grpc://127.0.0.1:1"] {
                let args = [&[command, url], *options].concat();
                let part = format!(
                    "livebus: {name} is an option of a bus (-b), and the URL of a running livebus is given: leave one out; see `livebus {command} --help`"
                );
                assert_refused(&mut livebus(&args), &part);
            }
        }
    }
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
fn an_address_of_another_host_is_exit_code_2() {
    let args = ["watch", "--embedded", "--http", "203.0.113.1:80"];
    let output = output(&mut livebus(&args));
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("choose an address of this host"), "{text}");
}

#[test]
fn a_port_in_use_is_exit_code_2() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it is bound").to_string();
    let output = output(&mut livebus(&["watch", "--embedded", "--http", &address]));
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
        (&["demo", "--help"], "RUSTSEC-2025-0052"),
        (&["replay", "--help"], "3    different"),
        (&["man", "replay"], "\\-\\-svg"),
        (&["man", "watch"], "livebus\\-watch"),
        (&["man", "watch"], "LIVEBUS_BOOTSTRAP_SERVERS"),
        (&["man", "check"], ".SH \"EXIT STATUS\""),
        (&["check", "--help"], "livebus check http://127.0.0.1:8080"),
        (&["wait", "--help"], "--for"),
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
fn without_a_command_the_help_goes_to_standard_error_with_exit_code_2() {
    let output = output(&mut livebus(&[]));
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text.contains("Usage: livebus") && text.contains("watch"),
        "{text}"
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn the_help_of_drain_and_of_the_format_of_replay_is_true() {
    let text = |args: &[&str]| {
        let output = output(&mut livebus(args));
        let text = String::from_utf8_lossy(&output.stdout);
        // The help wraps.
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(text(&["watch", "--help"]).contains("5s with --http or --grpc, else none"));
    let man = text(&["man", "watch"]);
    assert!(man.contains("5s with \\-\\-http or \\-\\-grpc, else none"));
    for args in [["replay", "--help"], ["man", "replay"]] {
        let text = text(&args);
        assert!(!text.contains("updated in place"), "{text}");
        assert!(text.contains("Text, one line per change"), "{text}");
    }
    // For one variable of the environment for all commands.
    let mut replay = livebus(&["replay", "/does/not/exist"]);
    assert_refused(replay.env("LIVEBUS_FORMAT", "auto"), "/does/not/exist");
}

#[test]
fn help_man_page_and_completions_name_every_path_of_the_probes() {
    for args in [
        &["watch", "--help"][..],
        &["man", "watch"],
        &["completions", "zsh"],
        &["completions", "fish"],
    ] {
        let output = output(&mut livebus(args));
        let text = String::from_utf8_lossy(&output.stdout);
        for path in [Probes::PATHS, Probes::PATHS_AS_IN_VOLTHA].concat() {
            assert!(text.contains(path), "{args:?} has no {path}");
        }
    }
}

#[test]
fn all_wrong_properties_of_a_file_are_reported_one_on_each_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("client.properties");
    let text = "acks=all\ncolour=red\nsasl.jaas.config=hunter2\nkey.serializer=x\n";
    fs::write(&file, text).expect("it can be written");
    let name = file.to_str().expect("it is text");
    let output = output(&mut livebus(&["watch", "-b", "h:1", "--config", name]));
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    for (line, part) in lines.iter().zip([
        "client.properties:2: unknown property `colour`",
        "client.properties:3: `sasl.jaas.config` is a property of Kafka's Java client",
        "client.properties:4: `key.serializer` is a property of Kafka's Java client",
    ]) {
        assert!(
            line.starts_with("livebus: ") && line.contains(part),
            "{line}"
        );
    }
    assert!(!text.contains("hunter2"), "{text}");
}

/// Fails unless the exit code is 2, and standard error is one line that begins with the program's name and contains `part`.
pub(crate) fn assert_refused(command: &mut Command, part: &str) {
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
