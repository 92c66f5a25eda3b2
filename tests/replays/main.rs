//! Every recording in `tests/recordings/`, made on a real Kafka, replays to the byte.
//!
//! A core that decides otherwise than it did fails here. If that is intended,
//! `LIVEBUS_REWRITE_RECORDINGS=1 cargo test -p livebus-tests --test replays` keeps the inputs and writes the actions of the
//! core of today, so that the change can be read as a diff; and
//! `LIVEBUS_RECORD_SCENARIOS=1 cargo test -p livebus-tests --test real_kafka` records them again.

use std::fs;
use std::path::{Path, PathBuf};

use livebus_core::Supervisor;
use livebus_recording::{Content, Header, Line, Outcome, Reader, Replay};
use livebus_runner::Entry;
use livebus_tests::is_enabled;
use livebus_tests::recordings;

/// Returns all recordings: the name of the scenario's folder, and the file.
fn recordings() -> Vec<(String, PathBuf)> {
    let list = |folder: &Path| {
        let entries = fs::read_dir(folder).expect("a folder can be listed");
        let mut paths: Vec<PathBuf> = entries
            .map(|entry| entry.expect("a folder can be listed").path())
            .collect();
        paths.sort();
        paths
    };
    let scenarios = list(&recordings::folder()).into_iter();
    let files = |scenario: PathBuf| {
        let name = scenario
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let name = name.expect("a listed folder has a name");
        list(&scenario)
            .into_iter()
            .map(move |file| (name.clone(), file))
    };
    scenarios.flat_map(files).collect()
}

/// Returns the folders of the scenarios that runners play on a real Kafka.
fn folders() -> Vec<String> {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("real_kafka/main.rs");
    let source = fs::read_to_string(table).expect("the scenarios exist");
    let table = source
        .split("const RUNNER")
        .nth(1)
        .expect("their table exists");
    let table = table.split("];").next().expect("a table has an end");
    // Each line has two strings: the folder and the sentence.
    let folders = table.split('"').skip(1).step_by(4);
    folders.map(str::to_owned).collect()
}

/// Gives the inputs of a recording to a new supervisor, and returns its recording.
fn replayed(recording: &[u8]) -> Vec<u8> {
    let mut reader = Reader::new(recording).expect("it is a recording");
    let (header, epoch): (Header, _) = (reader.header().clone(), reader.epoch());
    let mut text = Vec::new();
    header.encode(&mut text).expect("a line can be written");
    let write = |at, content, text: &mut Vec<u8>| {
        let line = Line { at, content };
        line.encode(epoch, text).expect("a line can be written");
    };

    let mut supervisor = Supervisor::new(header.config, epoch.began());
    let mut newest = epoch.began();
    for item in &mut reader {
        let (_, line) = item.expect("it is whole");
        newest = newest.max(line.at);
        match line.content {
            Content::Entry(Entry::Event(event)) => supervisor.handle_event(line.at, event),
            Content::Entry(Entry::Timeout) => supervisor.handle_timeout(line.at),
            // Actions are polled where the recording has some, as the loop did that was recorded.
            Content::Entry(Entry::Action(_)) | Content::End(_) => {
                while let Some(action) = supervisor.poll_action() {
                    write(newest, Content::Entry(Entry::Action(action)), &mut text);
                }
            }
        }
        if !matches!(line.content, Content::Entry(Entry::Action(_))) {
            write(line.at, line.content, &mut text);
        }
    }
    text
}

#[test]
fn every_recording_replays_the_same() {
    let rewrite = is_enabled("LIVEBUS_REWRITE_RECORDINGS");
    for (_, path) in recordings() {
        let text = fs::read(&path).expect("it can be read");
        let now = replayed(&text);
        if rewrite {
            fs::write(&path, &now).expect("it can be written");
            continue;
        }
        let replay = Replay::new(text.as_slice()).expect("it is a recording");
        match replay.run(|_, _| {}).expect("it is whole") {
            Outcome::Same(summary) => {
                assert!(summary.inputs > 0, "{} is empty", path.display());
                assert!(summary.end.is_some(), "{} was cut", path.display());
            }
            Outcome::Different(difference) => panic!("{}: {difference}", path.display()),
        }
        assert!(text == now, "{}: not the same bytes", path.display());
    }
}

#[test]
fn every_scenario_has_recordings_on_both_runtimes_and_no_others_exist() {
    let (recordings, folders) = (recordings(), folders());
    assert!(folders.len() > 5, "only {folders:?}");
    for folder in &folders {
        for runtime in ["tokio", "async-std"] {
            let is_one = |(name, file): &&(String, PathBuf)| {
                let file = file.file_name().map(|name| name.to_string_lossy());
                name == folder && file.is_some_and(|file| file.starts_with(runtime))
            };
            assert!(
                recordings.iter().any(|it| is_one(&it)),
                "{folder}: no recording on {runtime}"
            );
        }
    }
    for (folder, path) in recordings {
        assert!(
            folders.contains(&folder),
            "{}: of no scenario",
            path.display()
        );
    }
}

#[test]
fn recordings_are_small() {
    for (_, path) in recordings() {
        let bytes = fs::metadata(&path).expect("it exists").len();
        assert!(bytes < 64 << 10, "{} has {bytes} bytes", path.display());
    }
}
