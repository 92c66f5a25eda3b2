//! `livebus replay` of the recording of a caller.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use livebus_core::calls::{
    Action, CallId, Calls, Config, Event, Identity, Reply, Request, Sent, Settings,
};
use livebus_core::{Config as BusConfig, Failure, FailureClass, Settings as BusSettings};
use livebus_recording::{RecordOptions, Recorder};
use livebus_runner::{ObservedCalls, Observer as _};
use serde_json::Value;
use tempfile::TempDir;

use crate::livebus::{livebus, output};

const MS: Duration = Duration::from_millis(1);

/// A folder with the recording of a caller that calls three times: replied after 20 ms, replied after its deadline, and with a send that
/// failed.
struct Recorded {
    folder: TempDir,
}

impl Recorded {
    fn make() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let began = Instant::now();
        let options = RecordOptions::new(folder.path().join("bus.jsonl"));
        let bus = BusConfig::new(BusSettings::default()).expect("it is valid");
        let recorder = Recorder::begun(options, "orders", &bus, began);
        let (mut recorder, recording) = recorder.expect("it can begin");
        let config = Config::new(Settings::default()).expect("it is valid");
        let identity = Identity {
            instance: 7,
            epoch: 3,
        };
        let observer = recorder.begin_caller("billing", &config, identity, began);
        let observer = observer.expect("it can begin").expect("a file");
        let calls = Calls::new(config, identity, began);
        let mut calls = ObservedCalls::new(calls, began, vec![observer]);
        call(&mut calls, began);
        drop(calls);
        drop(recorder);
        assert!(recording.wait(Duration::from_mins(1)).is_some());
        Self { folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("bus.billing.jsonl")
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

fn call(calls: &mut ObservedCalls, began: Instant) {
    let failure = Failure::with_code(FailureClass::QueueFull, -184);
    let sent = [
        Sent::Acknowledged,
        Sent::Acknowledged,
        Sent::NotSent(failure),
    ];
    calls.handle_event(began, Event::BusReady);
    for number in 1..=3 {
        let request = Request {
            deadline: began + 100 * MS,
            bytes: 10,
            is_idempotent: false,
        };
        let call = CallId(number);
        calls.handle_event(began, Event::Called { call, request });
    }
    let mut correlations = Vec::new();
    while let Some(action) = calls.poll_action() {
        match action {
            Action::AssignReplies { id, .. } => {
                let result = Ok(());
                calls.handle_event(began, Event::RepliesAssigned { id, result });
            }
            Action::Send { correlation, .. } => correlations.push(correlation),
            Action::SendCancel { .. }
            | Action::End { .. }
            | Action::SetHealth(_)
            | Action::Stopped => {}
        }
    }
    for (to, result) in correlations.iter().zip(sent) {
        let answered = Event::SendAnswered {
            call: to.call,
            attempt: 1,
            result,
        };
        calls.handle_event(began + MS, answered);
        while calls.poll_action().is_some() {}
    }
    for (index, at) in [(0, 20 * MS), (1, 150 * MS)] {
        let event = Event::ReplyFetched {
            to: correlations[index],
            reply: Reply::Done,
        };
        calls.handle_timeout(began + at);
        while calls.poll_action().is_some() {}
        calls.handle_event(began + at, event);
        while calls.poll_action().is_some() {}
    }
    calls.handle_event(began + 300 * MS, Event::BusReady);
}

#[test]
fn recording_of_a_caller_is_verified_and_summarised() {
    let (code, text, errors) = Recorded::make().replay(&[]);
    assert_eq!(code, Some(0), "{text}{errors}");
    assert!(
        text.starts_with("caller billing of orders, recorded from 20"),
        "{text}"
    );
    for needle in [
        "  Working\n",
        "as recorded: 3 calls, 1 replied, 0 refused, 1 not sent, 0 sent and unknown, 1 expired, 0 cancelled",
        "  3 requests sent, 0 of them again; 1 late and 0 duplicate replies",
        "longest until a reply 20 ms; at most 3 calls and 30 bytes in flight",
        "  call 2 at ",
        ": expired\n",
        "not sent, the send: ",
        "(-184)\n",
    ] {
        assert!(text.contains(needle), "{needle}: {text}");
    }
    let last = text.lines().last().expect("there is output");
    assert!(last.starts_with("same: "), "{text}");
}

#[test]
fn more_time_and_a_lower_limit_end_calls_otherwise() {
    let recorded = Recorded::make();
    let (code, text, errors) = recorded.replay(&["--min-time", "200ms"]);
    assert_eq!(code, Some(0), "{text}{errors}");
    assert!(
        text.contains("with --min-time 200ms: 3 calls, 2 replied, 0 refused, 1 not sent, 0 sent and unknown, 0 expired"),
        "{text}"
    );
    assert!(!text.contains("unknown:"), "{text}");
    let (_, text, _) = recorded.replay(&["--max-calls", "1"]);
    assert!(
        text.contains("with --max-calls 1: 3 calls, 1 replied, 0 refused, 2 not sent"),
        "{text}"
    );
    assert!(text.contains("over a limit, try again in "), "{text}");
    let (code, _, errors) = recorded.replay(&["--attempts", "0"]);
    assert_eq!(code, Some(2), "{errors}");
    assert!(errors.contains("attempts"), "{errors}");
}

#[test]
fn json_has_a_report_for_each_policy() {
    let (code, text, errors) =
        Recorded::make().replay(&["--format", "json", "--max-time", "10ms", "--attempts", "2"]);
    assert_eq!(code, Some(0), "{text}{errors}");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines[0]["health"], "Working");
    let reports: Vec<_> = lines.iter().filter(|it| !it["report"].is_null()).collect();
    assert_eq!(reports[0]["report"], "as recorded");
    assert_eq!(
        (&reports[0]["replied"], &reports[0]["expired"]),
        (&1.into(), &1.into())
    );
    assert_eq!(reports[0]["not_sent"]["send"], 1);
    assert_eq!(reports[1]["report"], "with --attempts 2 --max-time 10ms");
    assert_eq!(reports[1]["expired"], 2);
    assert_eq!(reports[1]["late_replies"], 2);
    assert_eq!(reports[1]["unknown"]["calls"], Value::Array(Vec::new()));
    assert_eq!(lines[lines.len() - 1]["same"], true);
}

#[test]
fn difference_is_shown_and_a_policy_for_another_kind_is_refused() {
    let recorded = Recorded::make();
    for (args, needle) in [
        (["--then", "skip"], "leave --then"),
        (["--svg", "out.svg"], "leave --svg out"),
    ] {
        let (code, _, errors) = recorded.replay(&args);
        assert_eq!(code, Some(2), "{errors}");
        assert!(errors.contains(needle), "{errors}");
    }
    let supervisor = recorded.folder.path().join("bus.jsonl");
    let file = supervisor.to_str().expect("text");
    let refused = output(&mut livebus(&["replay", file, "--max-calls", "1"]));
    assert_eq!(refused.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(errors.contains("leave --max-calls"), "{errors}");

    let text = std::fs::read_to_string(recorded.file()).expect("it was recorded");
    let changed = text.replacen(r#""outcome":"Expired""#, r#""outcome":"Cancelled""#, 1);
    assert_ne!(changed, text);
    std::fs::write(recorded.file(), changed).expect("it can be written");
    let (code, text, _) = recorded.replay(&[]);
    assert_eq!(code, Some(3), "{text}");
    assert!(
        text.contains("different: line ") && text.contains(r#""outcome":"Expired""#),
        "{text}"
    );
}
