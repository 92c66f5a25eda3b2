//! `livebus demo`.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::livebus::{livebus, output};
use crate::on_each_runtime;

on_each_runtime![
    the_demo_runs_its_script_to_the_end,
    an_interrupted_demo_ends_in_order,
];

fn the_demo_runs_its_script_to_the_end(runtime: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("demo.jsonl");
    let mut demo = livebus(&["demo", "--runtime", runtime, "--preset", "fast", "--record"]);
    let result = output(demo.arg(&file));
    let text = String::from_utf8_lossy(&result.stdout);
    let errors = String::from_utf8_lossy(&result.stderr);
    assert!(result.status.success(), "{text}{errors}");
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

    // The recording has the changes that the demo printed.
    let replayed = output(livebus(&["replay"]).arg(&file));
    let timeline = String::from_utf8_lossy(&replayed.stdout);
    assert!(replayed.status.success(), "{timeline}");
    let second_word = |line: &str| line.split_whitespace().nth(1).map(str::to_owned);
    let changes = |text: &str, is_change: fn(&str) -> bool| -> Vec<String> {
        let lines = text.lines().filter(|line| is_change(line));
        lines.filter_map(second_word).collect()
    };
    // A lease that ran out on a busy machine is printed, but is no action of the supervisor.
    let printed = changes(&text, |line| {
        line.contains("Z  ") && !line.contains("the supervisor did not get to run")
    });
    assert!(printed.len() >= 10, "{text}");
    let replayed = changes(&timeline, |line| line.starts_with("00:"));
    assert_eq!(replayed, printed, "{timeline}{text}");
}

fn an_interrupted_demo_ends_in_order(runtime: &str) {
    let mut child = livebus(&["demo", "--runtime", runtime])
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
