//! Secrets: never shown, and reported where every user can read them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rustix::process::Signal;

use crate::livebus::{Watch, livebus, output};
use crate::watch::get;

/// Every place in which a person can put a secret by mistake.
#[test]
fn a_secret_is_never_shown() {
    let cases: &[&[&str]] = &[
        &["hunter2"],
        &["sasl.password=hunter2"],
        &["man", "sasl.password=hunter2"],
        &["completions", "hunter2"],
        &["demo", "hunter2"],
        &["replay", "sasl.password=hunter2"],
        &["replay", "/does/not/exist", "hunter2"],
        &["watch", "hunter2"],
        &["watch", "sasl.password=hunter2"],
        &["watch", "--hunter2"],
        &["watch", "--hunter2=hunter2"],
        &["watch", "--sasl.password=hunter2"],
        &["watch", "--bootstrap-server=me:hunter2@h:1"],
        &["watch", "-p", "hunter2"],
        &["watch", "-phunter2"],
        &["watch", "-b", "https://me:hunter2@h:1"],
        &["watch", "-b", "me:hunter2@h:1"],
        &["watch", "-b", "me:hunter2"],
        &["watch", "-b", "me:hunter2:1"],
        &["watch", "-b", "sasl.password=hunter2"],
        &["watch", "-b", "h:1,SASL_SSL://me:hunter2@h:1"],
        &["watch", "-X", "hunter2"],
        &["watch", "-X", "hunter2="],
        &["watch", "-X", "sasl.password", "hunter2"],
        &["watch", "-X", "sasl.pasword=hunter2"],
        &["watch", "-X", "SASL.PASSWORD=hunter2"],
        &["watch", "-X", "security.protocol=hunter2"],
        &[
            "watch",
            "-X",
            "sasl.jaas.config=x required password=hunter2;",
        ],
        &[
            "watch",
            "-X",
            "org.x.PlainLoginModule required password=hunter2;",
        ],
        &["watch", "-X", "bootstrap.servers=me:hunter2@h:1"],
        &[
            "watch",
            "-X",
            "sasl.password=hunter2",
            "-X",
            "security.protocol=SASL_PLAINTEXT",
            "-X",
            "sasl.mechanism=NOPE",
        ],
        &["watch", "--config", "sasl.password=hunter2"],
        &["watch", "--config", "/does/not/me:hunter2@h"],
        &["watch", "--record", "/does/not/sasl.password=hunter2"],
        &["watch", "--http", "me:hunter2@h:1"],
        &["watch", "--http", "http://me:hunter2@h:1"],
        &["watch", "--topic", "sasl.password=hunter2"],
        &["watch", "--needs-topic", "sasl.password=hunter2"],
        &["watch", "--needs-topic", "orders:hunter2"],
        &["watch", "--ask", "hunter2"],
        &["watch", "--format", "hunter2"],
        &["watch", "--log", "hunter2"],
        &["watch", "--drain", "hunter2"],
        &["watch", "--drain", "5hunter2"],
        &["watch", "--failures-to-not-ready", "hunter2"],
        &["watch", "--record-max-size", "5hunter2"],
        &["watch", "--cluster-id", "me:hunter2@h"],
        &["watch", "--color", "hunter2"],
        &["watch", "-X", "hunter2=x"],
        &["check", "hunter2"],
        &["check", "sasl.password=hunter2"],
        &["check", "http://me:hunter2@h:1"],
        &["check", "https://h:1/hunter2"],
        &["check", "-b", "me:hunter2@h:1"],
        &["wait", "--for", "hunter2"],
        &["wait", "--timeout", "hunter2"],
    ];
    for args in cases {
        let mut command = livebus(args);
        if args[0] == "watch" && !args.contains(&"-b") {
            command.args(["-b", "h:1"]);
        }
        assert_secret_is_refused(&mut command, args);
    }
}

#[test]
fn a_secret_in_the_environment_is_never_shown() {
    let help = [
        &["watch", "--help"][..],
        &["watch", "-h"],
        &["demo", "--help"],
    ];
    let shown = help
        .into_iter()
        .chain([&["man", "watch"][..], &["completions", "zsh"]]);
    for args in shown {
        let mut command = livebus(args);
        for name in [
            "LIVEBUS_BOOTSTRAP_SERVERS",
            "LIVEBUS_PROPERTY",
            "LIVEBUS_CONFIG",
            "LIVEBUS_HTTP",
            "LIVEBUS_LOG",
            "LIVEBUS_SERVICE",
            "LIVEBUS_PRESET",
        ] {
            command.env(name, "hunter2");
        }
        let output = output(&mut command);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{args:?}");
        assert!(!text.contains("hunter2"), "{args:?}: {text}");
    }
    for (name, value) in [
        ("LIVEBUS_BOOTSTRAP_SERVERS", "me:hunter2@h:1"),
        ("LIVEBUS_PROPERTY", "hunter2"),
        ("LIVEBUS_PROPERTY", "client.id=x\nsasl.pasword=hunter2"),
        ("LIVEBUS_PROPERTY", "security.protocol=hunter2"),
        ("LIVEBUS_CONFIG", "sasl.password=hunter2"),
        ("LIVEBUS_HTTP", "http://me:hunter2@h:1"),
        ("LIVEBUS_LOG", "hunter2"),
        ("LIVEBUS_DRAIN", "hunter2"),
        ("LIVEBUS_STRICT", "hunter2"),
    ] {
        assert_secret_is_refused(livebus(&["watch"]).env(name, value), &[name, value]);
    }
}

#[test]
fn a_secret_in_a_properties_file_is_never_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("client.properties");
    let name = file.to_str().expect("it is text");
    for text in [
        "hunter2\n",
        "sasl.pasword=hunter2\n",
        "sasl.jaas.config=x required password=\"hunter2\";\n",
        "sasl.password=\\u12hunter2\n",
        "ssl.key.pem=-----BEGIN PRIVATE KEY-----\naHVudGVyMghunter2ab==\n",
    ] {
        fs::write(&file, text).expect("it can be written");
        let mut command = livebus(&["watch", "-b", "h:1", "--config", name]);
        assert_secret_is_refused(&mut command, &[text]);
    }
}

#[test]
fn a_secret_is_not_in_the_log_of_librdkafka_or_in_a_probe() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("client.properties");
    // librdkafka logs its configuration with this.
    let text = "debug=all\nlog_level=7\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\n\
         sasl.username=me\nsasl.password=hunter2\n";
    fs::write(&file, text).expect("it can be written");
    let mut watch = Watch::start(&[
        "-b",
        "127.0.0.1:1",
        "--config",
        file.to_str().expect("it is text"),
        "--preset",
        "fast",
        "--log",
        "trace",
        "--http",
        "127.0.0.1:0",
        "--drain",
        "0s",
    ]);
    let address = watch.probes();
    let lost = watch.until("NotReady");
    let probe = get(&address, "/readyz?verbose");
    watch.signal(Signal::TERM);
    let (_, log) = watch.end();
    assert!(log.contains("sasl.password = "), "{log}");
    for shown in [lost, probe, log] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

/// Fails unless the exit code is 2, and the secret is not shown.
fn assert_secret_is_refused(command: &mut Command, what: &[&str]) {
    let output = output(command);
    let text = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{what:?}: {text}");
    assert!(!text.contains("hunter2"), "{what:?}: {text}");
}

#[test]
fn a_secret_that_every_user_can_read_is_a_warning() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("client.properties");
    let secret = "security.protocol=sasl_plaintext\nsasl.mechanism=PLAIN\nsasl.username=me\nsasl.password=hunter2\n";
    let name = file.to_str().expect("it is text");
    let in_file = [
        "check",
        "-b",
        "127.0.0.1:1",
        "--preset",
        "fast",
        "--config",
        name,
    ];
    let on_command_line = [
        "check",
        "-b",
        "127.0.0.1:1",
        "--preset",
        "fast",
        "-X",
        "sasl.password=hunter2",
    ];
    for (text, mode, args, warning) in [
        (
            secret,
            0o644,
            &in_file,
            "(mode 644), and it holds sasl.password",
        ),
        (secret, 0o640, &in_file, ""),
        (secret, 0o600, &in_file, ""),
        ("client.id=me\n", 0o644, &in_file, ""),
        (
            "",
            0o600,
            &on_command_line,
            "sasl.password is on the command line",
        ),
    ] {
        fs::write(&file, text).expect("it can be written");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("it is ours");
        let output = output(&mut livebus(args));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(warning), "{mode:o}: {errors}");
        assert_eq!(errors.is_empty(), warning.is_empty(), "{mode:o}: {errors}");
        assert!(!errors.contains("hunter2"), "{errors}");
    }
}
