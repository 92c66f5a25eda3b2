//! The files of a recording: their ends, and their rotation.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use livebus_core::{Config, Handler, Settings};
use livebus_recording::{
    Content, End, Outcome, Reader, RecordError, RecordOptions, Recorder, Recording, Summary,
};
use livebus_runner::{Entry, Observer as _};

use crate::memory::{lines, replay};
use crate::random_run::{RandomRun, config};

/// Much longer than any disk takes.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Small files, and a queue that is never full.
fn options(path: &Path) -> RecordOptions {
    RecordOptions {
        path: path.to_owned(),
        max_bytes: RecordOptions::MIN_BYTES,
        queue: NonZeroUsize::new(100_000).expect("not zero"),
    }
}

fn begin(options: &RecordOptions, seed: u64) -> (Recorder, Recording, Instant) {
    let began = Instant::now();
    let (recorder, recording) =
        Recorder::begun(options.clone(), "message-bus", &config(seed), began)
            .expect("it can begin");
    (recorder, recording, began)
}

fn same(path: &Path) -> Summary {
    let text = fs::read(path).expect("a file");
    match replay(&text) {
        Ok(Outcome::Same(summary)) => summary,
        other => panic!("{}: {other:?}", path.display()),
    }
}

fn rotated(path: &Path) -> PathBuf {
    path.with_extension("1")
}

#[test]
fn a_recorder_that_is_dropped_writes_all_entries() {
    let folder = tempfile::tempdir().expect("a folder");
    for (seed, end) in [(1, End::Stopped), (2, End::ForcedStop)] {
        let path = folder.path().join(seed.to_string());
        let (recorder, recording, began) = begin(&options(&path), seed);
        let run = RandomRun::without_shutdown(seed, began, Box::new(recorder)).run(60);
        assert_eq!(recording.end(), None);
        assert_eq!(recording.wait(Duration::ZERO), None);
        if end == End::Stopped {
            run.stop();
        } else {
            drop(run);
        }
        assert_eq!(recording.wait(TEST_TIMEOUT), Some(end.clone()));
        assert_eq!(recording.end(), Some(end.clone()));
        let summary = same(&path);
        assert_eq!(summary.end, Some(end));
        assert!(summary.inputs > 50, "{summary:?}");
        assert!(!rotated(&path).exists());
    }
}

#[test]
fn a_full_file_is_rotated_and_each_file_can_be_replayed_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    for seed in 0..30 {
        let path = folder.path().join(seed.to_string());
        let options = options(&path);
        let (recorder, recording, began) = begin(&options, seed);
        drop(RandomRun::without_shutdown(seed, began, Box::new(recorder)).run(1_500));
        assert_eq!(recording.wait(TEST_TIMEOUT), Some(End::ForcedStop));
        let (older, newer) = (same(&rotated(&path)), same(&path));
        assert!(
            matches!(older.end, Some(End::Continued { .. })),
            "{older:?}"
        );
        assert_eq!(newer.end, Some(End::ForcedStop));
        for path in [&path, &rotated(&path)] {
            let bytes = fs::metadata(path).expect("a file").len();
            assert!(bytes <= options.max_bytes / 2, "{bytes}");
        }
        must_have_no_gap(&rotated(&path), &path);
    }
}

/// Fails if lines are missing between two files: a replay of the older file, continued with the lines of the newer one, must give
/// the same actions.
fn must_have_no_gap(older: &Path, newer: &Path) {
    let (older, newer) = (
        fs::read(older).expect("a file"),
        fs::read(newer).expect("a file"),
    );
    let (older, newer) = (lines(&older), lines(&newer));
    let last = std::str::from_utf8(older[older.len() - 1]).expect("text");
    assert!(last.contains(r#""end":"continued""#), "{last}");
    let unbroken = [&older[..older.len() - 1], &newer[1..]].concat().concat();
    let outcome = replay(&unbroken).expect("it can be read");
    assert!(matches!(outcome, Outcome::Same(_)), "{outcome:?}");
}

#[test]
fn rotation_between_an_input_and_its_actions_keeps_the_actions() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut queued = 0;
    for seed in 0..30 {
        let path = folder.path().join(seed.to_string());
        let (recorder, recording, began) = begin(&options(&path), seed);
        drop(RandomRun::without_shutdown(seed, began, Box::new(recorder)).run(400));
        assert_eq!(recording.wait(TEST_TIMEOUT), Some(End::ForcedStop));
        if !rotated(&path).exists() {
            continue;
        }
        if let Some(End::Continued { queued: n @ 1.. }) = same(&rotated(&path)).end {
            let text = fs::read(&path).expect("a file");
            let reader = Reader::new(&text[..]).expect("a recording");
            let actions = reader.map_while(|line| match line.expect("whole").1.content {
                Content::Entry(entry @ Entry::Action(_)) => Some(entry),
                Content::Entry(Entry::Event(_) | Entry::Timeout) | Content::End(_) => None,
            });
            assert!(actions.count() as u64 <= n);
            queued += 1;
        }
    }
    assert!(queued > 3, "{queued} files begin with actions");
}

#[test]
fn a_restart_rotates_the_recording_of_the_run_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bus");
    let mut first = None;
    for seed in 1..3 {
        let (recorder, recording, began) = begin(&options(&path), seed);
        drop(RandomRun::without_shutdown(seed, began, Box::new(recorder)).run(20));
        recording.wait(TEST_TIMEOUT).expect("it is written");
        same(&path);
        let text = fs::read(&path).expect("a file");
        if let Some(first) = first.replace(text) {
            assert!(fs::read(rotated(&path)).expect("it was renamed") == first);
        }
    }
}

#[test]
fn a_file_that_a_crash_cut_is_rotated_and_can_be_replayed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bus");
    let text = crate::memory::recording(9, 30);
    let last_line = text
        .trim_ascii_end()
        .iter()
        .rposition(|byte| *byte == b'\n');
    let cut = last_line.expect("it has several lines") - 1;
    fs::write(&path, &text[..cut]).expect("written");
    let (recorder, recording, began) = begin(&options(&path), 9);
    drop(RandomRun::without_shutdown(9, began, Box::new(recorder)).run(20));
    recording.wait(TEST_TIMEOUT).expect("it is written");
    assert!(same(&rotated(&path)).was_cut);
    same(&path);
}

#[test]
fn an_empty_file_is_used_and_not_rotated() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bus");
    fs::write(&path, "").expect("written");
    let (recorder, recording, _) = begin(&options(&path), 1);
    drop(recorder);
    recording.wait(TEST_TIMEOUT).expect("it is written");
    assert!(!rotated(&path).exists());
    assert!(fs::metadata(&path).expect("a file").len() > 0);
}

fn refused(options: &RecordOptions, config: &Config) -> RecordError {
    Recorder::begun(options.clone(), "message-bus", config, Instant::now())
        .expect_err("it cannot begin")
}

#[test]
fn a_file_that_is_no_recording_is_not_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bus");
    let foreign = "{\"live\":\"music\"}";
    for other in [&path, &rotated(&path)] {
        fs::write(other, foreign).expect("written");
        let error = refused(&options(&path), &config(1));
        assert_eq!(
            error.to_string(),
            format!(
                "{} exists and is not a livebus recording: name another file, or move this one away",
                other.display()
            )
        );
        assert_eq!(fs::read_to_string(other).expect("it is there"), foreign);
        fs::remove_file(other).expect("removed");
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0);
    }
}

#[test]
fn a_file_that_cannot_be_created_is_an_error_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("none").join("bus");
    let error = refused(&options(&missing), &config(1));
    assert!(matches!(error, RecordError::Io { .. }), "{error}");
    assert!(
        error.to_string().contains("a folder that exists"),
        "{error}"
    );
    let error = refused(&options(folder.path()), &config(1));
    assert!(matches!(error, RecordError::Folder { .. }), "{error}");
}

/// The recording could begin, and could not be rotated.
#[test]
fn a_name_that_is_too_long_for_the_renamed_file_is_an_error_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    // A name has at most 255 bytes.
    let longest = folder.path().join("a".repeat(253));
    drop(begin(&options(&longest), 1));
    let error = refused(&options(&folder.path().join("a".repeat(254))), &config(1));
    assert!(matches!(error, RecordError::Io { .. }), "{error}");
}

#[test]
fn a_folder_in_place_of_the_renamed_file_is_not_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bus");
    fs::create_dir(rotated(&path)).expect("a folder");
    let error = refused(&options(&path), &config(1));
    assert!(
        matches!(&error, RecordError::Foreign { path: foreign } if *foreign == rotated(&path)),
        "{error}"
    );
    assert!(!path.exists());
}

#[test]
fn a_recorder_begins_when_its_supervision_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bus");
    let (mut recorder, recording) = Recorder::new(options(&path));
    let (began, before) = (Instant::now(), unix_ms());
    // Nothing is recorded before that.
    recorder.observe(began, Entry::Timeout);
    assert!(!path.exists());
    let first = recorder.begin("orders", &config(3), began);
    first.expect("it can begin");
    let again = recorder.begin("orders", &config(3), began);
    let again = again.expect_err("it has begun").to_string();
    assert!(again.starts_with("another recording writes to"), "{again}");
    drop(RandomRun::without_shutdown(3, began, Box::new(recorder)).run(20));
    assert_eq!(recording.wait(TEST_TIMEOUT), Some(End::ForcedStop));
    let text = fs::read(&path).expect("a file");
    let reader = Reader::new(&text[..]).expect("a recording");
    assert_eq!(reader.header().service, "orders");
    let wall = reader.header().began_unix_ms;
    assert!((before..=unix_ms()).contains(&wall), "{wall}");
    assert!(same(&path).inputs > 10);
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let since = since.expect("it is after 1970").as_millis();
    i64::try_from(since).expect("it is near")
}

#[test]
fn waiting_for_a_recorder_that_was_dropped_before_the_start_ends_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (recorder, recording) = Recorder::new(options(&folder.path().join("bus")));
    drop(recorder);
    let begin = Instant::now();
    assert_eq!(recording.wait(TEST_TIMEOUT), None);
    assert!(begin.elapsed() < TEST_TIMEOUT);
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0);
}

#[test]
fn a_maximum_size_that_is_too_small_is_rejected_with_the_minimum() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut options = options(&folder.path().join("bus"));
    options.max_bytes = RecordOptions::MIN_BYTES - 1;
    let error = refused(&options, &config(1)).to_string();
    assert_eq!(error, "max_bytes = 65535: make it at least 65536");

    let with = |name_length: usize| {
        let name = |n| Handler::required(format!("{n:0name_length$}"));
        let handlers = (0..Config::MAX_HANDLERS).map(name).collect();
        let config = Config::new(Settings::default()).and_then(|it| it.with_handlers(handlers));
        config.expect("valid")
    };
    let RecordError::TooSmall { value, min } = refused(&options, &with(30)) else {
        panic!("a thousand handlers do not fit");
    };
    assert_eq!(value, options.max_bytes);
    options.max_bytes = min - 1;
    assert!(matches!(
        refused(&options, &with(30)),
        RecordError::TooSmall { .. }
    ));
    let error = refused(&options, &with(2_000));
    assert!(
        matches!(error, RecordError::TooManyHandlers { .. }),
        "{error}"
    );
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0);
    options.max_bytes = min;
    Recorder::begun(options.clone(), "message-bus", &with(30), Instant::now())
        .expect("it can begin");
}

#[test]
fn a_file_of_another_recording_is_rejected() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = RecordOptions::new(folder.path().join("bus"));
    let config = Config::new(Settings::default()).expect("the defaults are valid");
    let began = Instant::now();
    let first = Recorder::begun(options.clone(), "bus", &config, began).expect("it can begin");
    let second = Recorder::begun(options.clone(), "bus", &config, began);
    assert!(matches!(second, Err(RecordError::InUse { path }) if path == options.path));
    let (recorder, recording) = first;
    drop(recorder);
    recording.wait(TEST_TIMEOUT).expect("it ends");
    Recorder::begun(options.clone(), "bus", &config, began).expect("the file is free again");
}
