//! `livebus replay` of the recording of a request handler.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use livebus_core::dispatch::{
    Action, Config, Dispatcher, Event, FailurePolicy, Generation, PartitionId, Record,
    RecordFailure, RunEnd, RunId, Settings, Start, Then,
};
use livebus_core::{Backoff, Config as BusConfig, Settings as BusSettings};
use livebus_recording::{RecordOptions, Recorder};
use livebus_runner::{ObservedDispatcher, Observer as _};
use serde_json::Value;
use tempfile::TempDir;

use crate::livebus::{livebus, output};

/// A folder with the recording of a handler whose second record fails three times, and stops its partition in between.
struct Recorded {
    folder: TempDir,
}

impl Recorded {
    fn make() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let began = Instant::now();
        let options = RecordOptions::new(folder.path().join("bus.jsonl"));
        let bus = BusConfig::new(BusSettings::default()).expect("it is valid");
        let recorder = Recorder::begun(options, "billing", &bus, began);
        let (mut recorder, recording) = recorder.expect("it can begin");
        let backoff = Backoff::fixed(Duration::from_millis(100));
        let config = Config::new(Settings {
            transient: FailurePolicy::new(0, backoff, Then::Stop),
            ..Settings::default()
        });
        let config = config.expect("it is valid");
        let observer = recorder.begin_handler("orders", &config, began);
        let observer = observer.expect("it can begin").expect("a file");
        let dispatcher = Dispatcher::new(config, began);
        let mut dispatcher = ObservedDispatcher::new(dispatcher, began, vec![observer]);
        handle(&mut dispatcher, began);
        drop(dispatcher);
        drop(recorder);
        assert!(recording.wait(Duration::from_mins(1)).is_some());
        Self { folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("bus.orders.jsonl")
    }

    fn replay(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let file = self.file();
        let output = output(livebus(&["replay", file.to_str().expect("text")]).args(args));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }
}

fn handle(dispatcher: &mut ObservedDispatcher, began: Instant) {
    let (partition, generation) = (PartitionId(0), Generation(1));
    dispatcher.handle_event(began, Event::BusUsable(true));
    dispatcher.name(partition, "orders", 3);
    let start = Start::Committed(10);
    dispatcher.handle_event(
        began,
        Event::Assigned {
            partition,
            generation,
            start,
            done: &[],
        },
    );
    let records = [10, 11, 12].map(|offset| Record {
        offset,
        key: None,
        bytes: 1,
        fingerprint: 0,
    });
    dispatcher.handle_event(
        began,
        Event::Fetched {
            partition,
            generation,
            records: &records,
        },
    );
    let (mut now, mut commits) = (began, Vec::new());
    let class = RecordFailure::Transient;
    let mut ends = vec![
        RunEnd::Done,
        RunEnd::Done,
        RunEnd::Failed { done: 0, class },
        RunEnd::Failed { done: 0, class },
        RunEnd::Failed { done: 1, class },
    ];
    while now < began + Duration::from_secs(2) {
        let mut runs: Vec<RunId> = Vec::new();
        while let Some(action) = dispatcher.poll_action() {
            match action {
                Action::Run(run) => runs.push(run.id),
                Action::Commit { id, .. } => commits.push(id),
                Action::Cancel { .. }
                | Action::WriteDeadLetter { .. }
                | Action::Forget { .. }
                | Action::SetPace(_)
                | Action::Seek { .. }
                | Action::Release { .. }
                | Action::SetHealth(_)
                | Action::Stopped { .. } => {}
            }
        }
        now += Duration::from_millis(10);
        for run in runs {
            let end = ends.pop().expect("it runs five times");
            dispatcher.handle_event(now, Event::RunEnded { run, end });
        }
        for id in commits.drain(..) {
            let acknowledged = &[partition];
            dispatcher.handle_event(now, Event::CommitAnswered { id, acknowledged });
        }
        dispatcher.handle_timeout(now);
    }
    dispatcher.handle_event(now, Event::BusUsable(true));
    while dispatcher.poll_action().is_some() {}
}

#[test]
fn recording_of_a_handler_is_verified_and_summarised() {
    let (code, text, errors) = Recorded::make().replay(&[]);
    assert_eq!(code, Some(0), "{text}{errors}");
    assert!(
        text.starts_with("handler orders of billing, recorded from 20"),
        "{text}"
    );
    for needle in [
        "Stopped  orders [3] offset 11",
        "Working",
        "as recorded: 3 done, 3 failures, 0 skipped, 0 dead letters",
        "  stopped: orders [3] offset 11 at ",
        "transient after 1 attempts for ",
        "  committed: orders [3] offset 13",
        "longest stall ",
    ] {
        assert!(text.contains(needle), "{needle}: {text}");
    }
    let last = text.lines().last().expect("there is output");
    assert!(last.starts_with("same: "), "{text}");
}

#[test]
fn another_policy_is_told_and_what_is_unknown_is_said() {
    let recorded = Recorded::make();
    let (code, text, errors) = recorded.replay(&["--then", "skip", "--retries", "1"]);
    assert_eq!(code, Some(0), "{text}{errors}");
    assert!(
        text.contains("with --then skip --retries 1: 2 done, 2 failures, 1 skipped"),
        "{text}"
    );
    assert!(text.contains("  skipped: orders [3] offset 11"), "{text}");
    assert!(!text.contains("unknown"), "{text}");
    let (_, text, _) = recorded.replay(&["--then", "dead-letter"]);
    assert!(
        text.contains("unknown: its dead letter was never written, assumed to be acknowledged: orders [3] offset 11"),
        "{text}"
    );
}

#[test]
fn json_has_a_report_for_each_policy() {
    let args = [
        "--format",
        "json",
        "--then",
        "skip",
        "--order",
        "none",
        "--at-once",
        "2",
    ];
    let (code, text, errors) = Recorded::make().replay(&args);
    assert_eq!(code, Some(0), "{text}{errors}");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let health = &lines[0];
    assert_eq!(health["health"], "Stopped");
    assert_eq!(
        (&health["topic"], &health["partition"]),
        (&"orders".into(), &3.into())
    );
    let reports: Vec<_> = lines.iter().filter(|it| !it["report"].is_null()).collect();
    assert_eq!(reports[0]["report"], "as recorded");
    assert_eq!(reports[0]["done"], 3);
    assert_eq!(reports[0]["stopped"][0]["offset"], 11);
    assert_eq!(
        reports[1]["report"],
        "with --then skip --order none --at-once 2"
    );
    assert_eq!(reports[1]["skipped"][0]["offset"], 11);
    assert_eq!(reports[1]["unknown"]["calls"], Value::Array(Vec::new()));
    assert_eq!(lines[lines.len() - 1]["same"], true);
}

#[test]
fn difference_is_shown_with_its_line_and_wrong_use_is_refused() {
    let recorded = Recorded::make();
    let text = std::fs::read_to_string(recorded.file()).expect("it was recorded");
    let changed = text.replacen(
        r#""action":"Run","run":1,"#,
        r#""action":"Run","run":9,"#,
        1,
    );
    assert_ne!(changed, text);
    std::fs::write(recorded.file(), changed).expect("it can be written");
    let (code, text, _) = recorded.replay(&[]);
    assert_eq!(code, Some(3), "{text}");
    assert!(
        text.contains("different: line ")
            && text.contains(r#"replayed: {"ns":0,"action":"Run","run":1"#),
        "{text}"
    );
    let (code, _, errors) = recorded.replay(&["--svg", "out.svg"]);
    assert_eq!(code, Some(2), "{errors}");
    let supervisor = recorded.folder.path().join("bus.jsonl");
    let file = supervisor.to_str().expect("text");
    let refused = output(&mut livebus(&["replay", file, "--then", "skip"]));
    assert_eq!(refused.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(errors.contains("leave --then"), "{errors}");
}
