//! `livebus watch --record` and `livebus replay`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use roxmltree::Document;
use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::livebus::{Watch, livebus, output};
use crate::on_each_runtime;

on_each_runtime![
    a_recording_is_complete_when_the_program_ends,
    a_blocked_disk_does_not_prevent_the_end_of_the_program,
    a_file_that_cannot_grow_ends_only_the_recording_and_that_is_said_at_once,
];

/// A folder with a short recording of a bus that works, until a shutdown in order.
struct Recorded {
    _folder: TempDir,
    file: PathBuf,
}

impl Recorded {
    fn make(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("bus.jsonl");
        let mut watch = Watch::start(&[&["--record", name(&file)], args].concat());
        watch.until("Running");
        watch.signal(Signal::INT);
        watch.until("Stopped");
        assert_eq!(watch.end().0, Some(0));
        Self {
            _folder: folder,
            file,
        }
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.file).expect("it was recorded")
    }

    /// Replaces the text of the recording.
    fn rewritten(&self, text: impl AsRef<[u8]>) -> &Self {
        fs::write(&self.file, text).expect("it can be written");
        self
    }

    fn replay(&self, args: &[&str]) -> Output {
        output(livebus(&["replay", name(&self.file)]).args(args))
    }

    /// Fails unless the exit code is 2, and standard error is one line with the file and `part`.
    fn assert_refused(&self, part: &str) {
        let output = self.replay(&[]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(
            text.contains("bus.jsonl: ") && text.contains(part),
            "{text:?} has no {part:?}"
        );
    }
}

fn name(file: &Path) -> &str {
    file.to_str().expect("it is text")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn a_recording_is_complete_when_the_program_ends(runtime: &str) {
    let recorded = Recorded::make(&["--runtime", runtime, "--service", "orders"]);
    assert!(recorded.text().ends_with("\"end\":\"stopped\"}\n"));
    let output = recorded.replay(&[]);
    let text = text(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.starts_with("orders, recorded from 20"), "{text}");
    let changes = text.lines().filter(|line| line.starts_with("00:"));
    let statuses: Vec<&str> = changes
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    assert_eq!(
        statuses,
        ["Preparing", "Prepared", "Running", "NotReady", "Stopped"],
        "{text}"
    );
    let result = text.lines().last().expect("there is output");
    assert!(
        result.starts_with("same: ") && result.contains(" events, "),
        "{text}"
    );
    assert!(!result.contains(';'), "{text}");
}

fn a_blocked_disk_does_not_prevent_the_end_of_the_program(runtime: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    // It never gets a reader.
    let pipe = folder.path().join("pipe");
    mkfifoat(CWD, &pipe, Mode::RWXU).expect("a folder");
    let mut watch = Watch::start(&["--runtime", runtime, "--record", name(&pipe)]);
    watch.until("Running");
    watch.signal(Signal::INT);
    let (code, errors) = watch.end();
    assert_eq!(code, Some(0), "{errors}");
    assert!(
        errors.contains("the recording is not complete: the disk took too long"),
        "{errors}"
    );
}

fn a_file_that_cannot_grow_ends_only_the_recording_and_that_is_said_at_once(runtime: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bus.jsonl");
    // No file of the program can have more than 16 KiB: the system sends SIGXFSZ, or reports an error.
    let limited = "ulimit -f 32 && exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            limited,
            env!("CARGO_BIN_EXE_livebus"),
            "watch",
            "--embedded",
        ])
        .args(["--runtime", runtime, "--live-interval", "10ms"])
        .args(["--record", name(&file)]);
    let mut watch = Watch::spawn(&mut command);
    watch.until("Running");
    let report = watch.until_error("the recording has ended early");
    assert!(report.contains("File too large"), "{report}");
    // The supervision continues.
    watch.signal(Signal::INT);
    watch.until("Stopped");
    assert_eq!(watch.end().0, Some(0));

    let replayed = output(livebus(&["replay"]).arg(&file));
    let text = text(&replayed);
    assert_eq!(replayed.status.code(), Some(0), "{text}");
    let result = text.lines().last().expect("there is output");
    assert!(
        result.starts_with("same: ")
            && result.contains("the recording ended before the supervision: File too large"),
        "{text}"
    );
}

#[test]
fn a_recording_has_no_property_and_no_secret() {
    let recorded = Recorded::make(&[
        "-X",
        "client.id=hunter2",
        "-X",
        "sasl.username=hunter2",
        "-X",
        "sasl.password=hunter2",
    ]);
    let text = recorded.text();
    for part in [
        "hunter2",
        "sasl",
        "client.id",
        "127.0.0.1",
        "livebus-liveness",
    ] {
        assert!(!text.contains(part), "{part} is in {text}");
    }
}

#[test]
fn json_has_the_timeline_and_the_result() {
    let output = Recorded::make(&[]).replay(&["--format", "json"]);
    let text = text(&output);
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("it is JSON"))
        .collect();
    let running = lines
        .iter()
        .find(|line| line["status"] == "Running")
        .expect("it ran");
    assert!(
        running["elapsed_ms"].is_f64() && running["time"].is_string(),
        "{running}"
    );
    let result = lines.last().expect("there are lines");
    assert_eq!(result["same"], true);
    assert_eq!(result["end"], "stopped");
    assert!(result["events"].as_u64() > Some(2), "{result}");
}

#[test]
fn the_first_difference_is_shown() {
    let recorded = Recorded::make(&[]);
    let text_before = recorded.text();
    let changed = text_before.replacen("\"deadline\":10000000000", "\"deadline\":10000000001", 1);
    assert_ne!(changed, text_before);
    let line = 1 + changed
        .lines()
        .position(|line| line.contains("10000000001"))
        .expect("it was changed");
    recorded.rewritten(changed);

    let output = recorded.replay(&[]);
    let printed = text(&output);
    assert_eq!(output.status.code(), Some(3), "{printed}");
    let difference: Vec<&str> = printed.lines().rev().take(3).collect();
    assert!(
        difference[2].ends_with(&format!("different: line {line}")),
        "{printed}"
    );
    assert!(difference[1].contains("recorded: ") && difference[1].contains("10000000001"));
    assert!(difference[0].contains("replayed: ") && difference[0].contains("10000000000"));

    let output = recorded.replay(&["--format", "json"]);
    assert_eq!(output.status.code(), Some(3));
    let printed = text(&output);
    let result = printed.lines().last().expect("there are lines");
    let result: Value = serde_json::from_str(result).expect("it is JSON");
    assert_eq!(result["same"], false);
    assert_eq!(result["recorded"]["deadline"], 10_000_000_001_u64);
    assert_eq!(result["replayed"]["deadline"], 10_000_000_000_u64);
}

#[test]
fn a_recording_that_a_crash_cut_is_replayed_and_reported() {
    let recorded = Recorded::make(&[]);
    let whole = recorded.text();
    let cases = [
        (whole.len() - 5, "its last line is incomplete"),
        (
            whole.trim_end().rfind('\n').expect("it has lines") + 1,
            "it has no end",
        ),
    ];
    for (length, part) in cases {
        let output = recorded.rewritten(&whole[..length]).replay(&[]);
        let text = text(&output);
        assert_eq!(output.status.code(), Some(0), "{text}");
        let result = text.lines().last().expect("there is output");
        assert!(
            result.starts_with("same: ") && result.contains(part),
            "{text}"
        );
    }
}

#[test]
fn a_damaged_recording_is_reported_with_its_line() {
    let recorded = Recorded::make(&[]);
    let whole = recorded.text();
    let garbled = whole.replacen("\"Prepared\"", "\"Prepaid\"", 1);
    recorded.rewritten(garbled).assert_refused("line 3");
    let other = whole.replacen("{\"livebus\":1", "{\"livebus\":2", 1);
    recorded.rewritten(other).assert_refused("version 2");
    recorded.rewritten("").assert_refused("it is empty");
    recorded
        .rewritten("Dear Jane\n")
        .assert_refused("not a livebus recording");
    fs::remove_file(&recorded.file).expect("it is there");
    recorded.assert_refused("No such file");
    fs::create_dir(&recorded.file).expect("a folder");
    recorded.assert_refused("directory");
}

#[test]
fn the_picture_is_xml_with_a_band_for_each_status() {
    let recorded = Recorded::make(&["--service", "<orders & bills>"]);
    let out = recorded.file.with_extension("svg");
    let output = recorded.replay(&["--svg", name(&out)]);
    assert_eq!(output.status.code(), Some(0));
    let picture = fs::read_to_string(&out).expect("it was drawn");
    let picture = Document::parse(&picture).expect("it is XML");
    assert!(
        picture
            .root_element()
            .has_tag_name(("http://www.w3.org/2000/svg", "svg"))
    );
    let title = picture
        .descendants()
        .find(|node| node.attribute("class") == Some("title"));
    assert_eq!(
        title.and_then(|title| title.text()),
        Some("<orders & bills>")
    );
    for status in ["Prepared", "Running", "NotReady", "Stopped"] {
        let bands = picture
            .descendants()
            .filter(|node| node.attribute("class") == Some(status));
        let title = |node: roxmltree::Node<'_, '_>| node.first_element_child().is_some();
        assert!(bands.clone().any(title), "there is no {status}");
    }
}

#[test]
fn a_picture_never_overwrites_its_recording() {
    let recorded = Recorded::make(&[]);
    let before = recorded.text();
    let output = recorded.replay(&["--svg", name(&recorded.file)]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(recorded.text(), before);
    let output = recorded.replay(&["--svg", "/does/not/exist.svg"]);
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        errors.contains("/does/not/exist.svg: No such file"),
        "{errors}"
    );
}

#[test]
fn the_picture_in_the_readme_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let scenario = "tests/recordings/01-outages-in-order";
    let recording = root
        .join(scenario)
        .join("tokio-multi-thread--produce.jsonl");
    let folder = tempfile::tempdir().expect("a folder");
    let picture = folder.path().join("incident.svg");
    let drawn = output(&mut livebus(&[
        "replay",
        name(&recording),
        "--svg",
        name(&picture),
    ]));
    assert!(drawn.status.success(), "{drawn:?}");
    assert!(
        fs::read(picture).expect("it was drawn")
            == fs::read(root.join("docs/incident.svg")).expect("it is there"),
        "docs/incident.svg is out of date: livebus replay {} --svg docs/incident.svg",
        recording.display()
    );
}
