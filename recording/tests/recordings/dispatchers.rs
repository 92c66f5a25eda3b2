//! Recordings of dispatchers: beside that of the supervisor, by the same rules.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use livebus_core::dispatch::{Event, Generation, PartitionId, Record, Start};
use livebus_recording::dispatch::Replay;
use livebus_recording::{End, Outcome, ReadError, RecordOptions, Recorder, Recording, Summary};
use livebus_runner::{DispatchObserver, Entry, Observer as _};

use crate::dispatch_run::{DispatchRun, config};
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

/// Begins a recording with one handler of this name.
fn begin(
    options: &RecordOptions,
    seed: u64,
    handler: &str,
) -> (Recorder, Recording, Box<dyn DispatchObserver>, Instant) {
    let began = Instant::now();
    let (mut recorder, recording) = Recorder::begun(
        options.clone(),
        "message-bus",
        &random_run::config(seed),
        began,
    )
    .expect("it can begin");
    let of_handler = recorder.begin_handler(handler, &config(seed), began);
    let of_handler = of_handler.expect("it can begin").expect("a file");
    (recorder, recording, of_handler, began)
}

fn options(path: &Path, max_bytes: u64) -> RecordOptions {
    RecordOptions {
        max_bytes,
        queue: NonZeroUsize::new(100_000).expect("not zero"),
        ..RecordOptions::new(path)
    }
}

/// Returns the recording of a random run, as the text of a file.
fn recorded(seed: u64, steps: usize, is_stopped: bool) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let options = options(&folder.path().join("bus.jsonl"), 64 << 20);
    let (recorder, recording, observer, began) = begin(&options, seed, "orders");
    let run = DispatchRun::new(seed, began, observer).run(steps);
    if is_stopped {
        run.stop();
    } else {
        drop(run);
    }
    drop(recorder);
    assert_eq!(recording.wait(TEST_TIMEOUT), Some(End::ForcedStop));
    fs::read(folder.path().join("bus.orders.jsonl")).expect("a file")
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

#[test]
fn changed_action_is_found_with_its_line_and_both_texts() {
    let text = recorded(3, 200, false);
    let text = String::from_utf8(text).expect("text");
    let (index, line) = text
        .lines()
        .enumerate()
        .find(|(_, line)| line.contains(r#""action":"Run""#))
        .expect("there is a run");
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
    let text = recorded(6, 40, false);
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
    let mut with_names = 0;
    for seed in 0..8 {
        let path = folder.path().join(format!("{seed}.jsonl"));
        let options = options(&path, 128 << 10);
        let (recorder, recording, observer, began) = begin(&options, seed, "orders");
        drop(DispatchRun::new(seed, began, observer).run(2_500));
        drop(recorder);
        assert_eq!(recording.wait(TEST_TIMEOUT), Some(End::ForcedStop));
        let newer = folder.path().join(format!("{seed}.orders.jsonl"));
        let older = folder.path().join(format!("{seed}.orders.jsonl.1"));
        assert!(matches!(same(&older).end, Some(End::Continued { .. })));
        assert_eq!(same(&newer).end, Some(End::ForcedStop));
        // Nothing is missing between them.
        let (older, newer) = (fs::read(older), fs::read(newer));
        let (older, newer) = (older.expect("a file"), newer.expect("a file"));
        with_names += usize::from(lines(&newer)[0].windows(10).any(|it| it == b"partitions"));
        let (older, newer) = (lines(&older), lines(&newer));
        let unbroken = [&older[..older.len() - 1], &newer[1..]].concat().concat();
        let outcome = replay(&unbroken).expect("it can be read");
        assert!(matches!(outcome, Outcome::Same(_)), "{outcome:?}");
    }
    assert!(with_names > 4, "{with_names}");
}

/// Returns records whose sizes do not repeat themselves.
fn records(offsets: std::ops::Range<u32>) -> Vec<Record> {
    let record = |n| Record {
        offset: i64::from(n),
        key: None,
        bytes: n,
        fingerprint: 0,
    };
    offsets.map(record).collect()
}

#[test]
fn what_does_not_fit_ends_the_recording_and_says_so() {
    for (fetches, what) in [
        (&[0..1, 1..10_000], "an entry does not fit into a file"),
        (
            &[0..3_500, 3_500..7_000],
            "the state of the dispatcher does not fit into a file",
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let options = options(&folder.path().join("bus"), RecordOptions::MIN_BYTES);
        let (_recorder, recording, mut observer, began) = begin(&options, 1, "orders");
        let (partition, generation) = (PartitionId(0), Generation(1));
        let assigned = Event::Assigned {
            partition,
            generation,
            start: Start::Committed(0),
            done: &[],
        };
        observer.observe(began, Entry::Event(assigned));
        for offsets in fetches {
            let event = Event::Fetched {
                partition,
                generation,
                records: &records(offsets.clone()),
            };
            observer.observe(began, Entry::Event(event));
        }
        let handler = &recording.handlers()[0];
        let deadline = Instant::now() + TEST_TIMEOUT;
        while handler.end().is_none() && Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert_eq!(
            handler.end(),
            Some(End::Failed(format!("{what}: raise max_bytes")))
        );
        assert_eq!(recording.end(), None, "that of the supervisor continues");
    }
}

#[test]
fn each_handler_has_a_file_of_its_own_beside_that_of_the_supervisor() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = options(&folder.path().join("bus.jsonl"), 1 << 20);
    let (mut recorder, recording, _first, began) = begin(&options, 1, "orders/new");
    let again = recorder.begin_handler("orders new", &config(2), began);
    let _again = again.expect("it can begin").expect("a file");
    let handlers = recording.handlers();
    let names: Vec<_> = handlers
        .iter()
        .map(|it| {
            (
                it.handler(),
                it.path().file_name().and_then(|it| it.to_str()),
            )
        })
        .collect();
    assert_eq!(
        names,
        [
            ("orders/new", Some("bus.orders_new.jsonl")),
            ("orders new", Some("bus.orders_new-2.jsonl")),
        ]
    );
    assert_eq!(recording.wait(Duration::ZERO), None, "nothing has ended");
}

#[test]
fn pipe_or_device_has_no_room_for_a_handler() {
    let options = RecordOptions::new("/dev/null");
    let began = Instant::now();
    let recorder = Recorder::begun(options, "bus", &random_run::config(1), began);
    let (mut recorder, _recording) = recorder.expect("it can begin");
    let of_handler = recorder.begin_handler("orders", &config(1), began);
    assert!(of_handler.expect("that is no error").is_none());
}
