//! Recordings of calls: beside that of the supervisor, by the same rules.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use livebus_recording::calls::{Replay, is_recording};
use livebus_recording::{End, Outcome, ReadError, RecordOptions, Recorder, Recording, Summary};
use livebus_runner::{CallsObserver, Observer as _};

use crate::calls_run::{CallsRun, IDENTITY, config};
use crate::memory::lines;
use crate::random_run;

/// Much longer than any disk takes.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

fn replay(text: &[u8]) -> Result<Outcome, ReadError> {
    Replay::new(text)?.run(|_, _| {})
}

fn same(path: &Path) -> Summary {
    let text = fs::read(path).expect("a file");
    match replay(&text) {
        Ok(Outcome::Same(summary)) => summary,
        other => panic!("{}: {other:?}", path.display()),
    }
}

/// Begins a recording with one caller of this name.
fn begin(
    options: &RecordOptions,
    seed: u64,
    caller: &str,
) -> (Recorder, Recording, Box<dyn CallsObserver>, Instant) {
    let began = Instant::now();
    let bus = random_run::config(seed);
    let recorder = Recorder::begun(options.clone(), "message-bus", &bus, began);
    let (mut recorder, recording) = recorder.expect("it can begin");
    let of_caller = recorder.begin_caller(caller, &config(seed), IDENTITY, began);
    let of_caller = of_caller.expect("it can begin").expect("a file");
    (recorder, recording, of_caller, began)
}

fn options(path: &Path, max_bytes: u64) -> RecordOptions {
    RecordOptions {
        max_bytes,
        queue: NonZeroUsize::new(100_000).expect("not zero"),
        ..RecordOptions::new(path)
    }
}

/// Returns the recording of a random run, as the text of a file.
pub(crate) fn recorded(seed: u64, steps: usize, is_stopped: bool) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let options = options(&folder.path().join("bus.jsonl"), 64 << 20);
    let (recorder, recording, observer, began) = begin(&options, seed, "billing");
    let run = CallsRun::new(seed, began, observer).run(steps);
    if is_stopped {
        run.stop();
    } else {
        drop(run);
    }
    drop(recorder);
    assert_eq!(recording.wait(TEST_TIMEOUT), Some(End::ForcedStop));
    fs::read(folder.path().join("bus.billing.jsonl")).expect("a file")
}

#[test]
fn random_runs_replay_to_the_byte() {
    for seed in 0..40 {
        let text = recorded(seed, 400, seed % 2 == 0);
        let Ok(Outcome::Same(summary)) = replay(&text) else {
            panic!("{seed}: {:?}", replay(&text));
        };
        let end = if seed % 2 == 0 {
            End::Stopped
        } else {
            End::ForcedStop
        };
        assert_eq!(summary.end, Some(end));
        assert!(summary.inputs > 300 && summary.actions > 100, "{summary:?}");
    }
}

/// A core that decides otherwise than the one that was recorded fails here. If that is intended, `LIVEBUS_REWRITE_RECORDINGS=1 cargo test -p
/// livebus-recording --test recordings kept` records it again, so that the change can be read as a diff.
#[test]
fn kept_recording_replays_the_same() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kept/caller.jsonl");
    if std::env::var_os("LIVEBUS_REWRITE_RECORDINGS").is_some() {
        fs::write(&path, recorded(11, 150, true)).expect("it can be written");
    }
    let summary = same(&path);
    assert_eq!(summary.end, Some(End::Stopped));
    assert!(summary.actions > 50, "{summary:?}");
}

#[test]
fn changed_action_is_found_with_its_line_and_both_texts() {
    let text = String::from_utf8(recorded(3, 200, false)).expect("text");
    let (index, line) = text
        .lines()
        .enumerate()
        .find(|(_, line)| line.contains(r#""action":"Send""#))
        .expect("there is a send");
    let other = line.replace(r#""attempt":1"#, r#""attempt":2"#);
    let changed = text.replacen(line, &other, 1);
    let Ok(Outcome::Different(difference)) = replay(changed.as_bytes()) else {
        panic!("the change is not found");
    };
    assert_eq!(difference.line, index as u64 + 1);
    assert_eq!(difference.recorded, other);
    assert_eq!(difference.replayed.as_deref(), Some(line));
}

#[test]
fn recording_that_is_cut_anywhere_replays_to_the_cut() {
    let text = recorded(8, 25, false);
    let first = lines(&text)[0].len();
    for length in 0..text.len() {
        match replay(&text[..length]) {
            Ok(Outcome::Same(_)) => assert!(length >= first - 1, "{length}"),
            Ok(Outcome::Different(difference)) => panic!("{length}: {difference}"),
            Err(ReadError::Empty | ReadError::HeaderCut) => assert!(length < first, "{length}"),
            Err(error) => panic!("{length}: {error}"),
        }
    }
}

#[test]
fn changed_byte_never_panics() {
    let text = recorded(6, 60, false);
    let mut numbers = random_run::Numbers::new(1);
    for at in (0..text.len()).step_by(3) {
        let mut text = text.clone();
        text[at] ^= 1 << numbers.below(8);
        // It is refused, or it is different, or the change means nothing.
        let _outcome = replay(&text);
    }
}

#[test]
fn full_file_is_rotated_and_each_file_can_be_replayed_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    for seed in 0..8 {
        let path = folder.path().join(format!("{seed}.jsonl"));
        let options = options(&path, 128 << 10);
        let (recorder, recording, observer, began) = begin(&options, seed, "billing");
        drop(CallsRun::new(seed, began, observer).run(700));
        drop(recorder);
        assert_eq!(recording.wait(TEST_TIMEOUT), Some(End::ForcedStop));
        let newer = folder.path().join(format!("{seed}.billing.jsonl"));
        let older = folder.path().join(format!("{seed}.billing.jsonl.1"));
        assert!(matches!(same(&older).end, Some(End::Continued { .. })));
        assert_eq!(same(&newer).end, Some(End::ForcedStop));
        // Nothing is missing between them.
        let (older, newer) = (fs::read(older), fs::read(newer));
        let (older, newer) = (older.expect("a file"), newer.expect("a file"));
        let (older, newer) = (lines(&older), lines(&newer));
        let unbroken = [&older[..older.len() - 1], &newer[1..]].concat().concat();
        let outcome = replay(&unbroken).expect("it can be read");
        assert!(matches!(outcome, Outcome::Same(_)), "{outcome:?}");
    }
}

#[test]
fn state_of_another_caller_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = options(&folder.path().join("bus.jsonl"), 128 << 10);
    let (recorder, recording, observer, began) = begin(&options, 1, "billing");
    drop(CallsRun::new(1, began, observer).run(700));
    drop(recorder);
    assert!(recording.wait(TEST_TIMEOUT).is_some());
    let text = fs::read_to_string(folder.path().join("bus.billing.jsonl")).expect("a file");
    let changed = text.replacen(r#""epoch":4"#, r#""epoch":5"#, 1);
    assert_ne!(text, changed);
    let error = replay(changed.as_bytes()).expect_err("it is of another epoch");
    let shown = error.to_string();
    assert_eq!(shown, "line 1: `state` is not the state of a caller");
}

#[test]
fn caller_has_a_file_of_its_own_beside_those_of_handlers() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = options(&folder.path().join("bus.jsonl"), 1 << 20);
    let (mut recorder, recording, _first, began) = begin(&options, 1, "billing/eu");
    let again = recorder.begin_caller("billing eu", &config(2), IDENTITY, began);
    let _again = again.expect("it can begin").expect("a file");
    let handler = crate::dispatch_run::config(1);
    let of_handler = recorder.begin_handler("billing_eu", &handler, began);
    let _of_handler = of_handler.expect("it can begin").expect("a file");
    let file = |path: &Path| path.file_name().map(|it| it.to_string_lossy().into_owned());
    let callers = recording.callers();
    let callers = callers.iter().map(|it| (it.caller(), file(it.path())));
    assert_eq!(
        callers.collect::<Vec<_>>(),
        [
            ("billing/eu", Some("bus.billing_eu.jsonl".to_owned())),
            ("billing eu", Some("bus.billing_eu-2.jsonl".to_owned())),
        ]
    );
    let handlers = recording.handlers();
    let of_handler = handlers.first().and_then(|it| file(it.path()));
    assert_eq!(of_handler.as_deref(), Some("bus.billing_eu-3.jsonl"));
    assert_eq!(recording.wait(Duration::ZERO), None, "nothing has ended");
    assert_eq!(recording.callers()[0].end(), None);
}

#[test]
fn recording_says_what_it_is_of() {
    let text = recorded(1, 5, true);
    assert!(is_recording(&mut text.as_slice()).expect("it can be read"));
    let of_handler = livebus_recording::dispatch::is_recording(&mut text.as_slice());
    assert!(!of_handler.expect("it can be read"));
    let as_bus = livebus_recording::Replay::new(text.as_slice()).expect_err("it is of calls");
    assert_eq!(as_bus.to_string(), "it is the recording of a caller");
}

#[test]
fn pipe_or_device_has_no_room_for_a_caller() {
    let options = RecordOptions::new("/dev/null");
    let began = Instant::now();
    let recorder = Recorder::begun(options, "bus", &random_run::config(1), began);
    let (mut recorder, _recording) = recorder.expect("it can begin");
    let of_caller = recorder.begin_caller("billing", &config(1), IDENTITY, began);
    assert!(of_caller.expect("that is no error").is_none());
}
