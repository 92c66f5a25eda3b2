//! Recordings by a supervision's observer.

use std::fs::{self, File};
use std::io::BufReader;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use livebus_recording::{End, Outcome, RecordError, RecordOptions, Recorder, Replay};
use livebus_runner::BuildError;
use livebus_tests::WAIT_LIMIT;
use livebus_tests::host::FullRunner;

use crate::scripted_bus::{Answer, ScriptedBus, builder};

pub(crate) async fn recording_is_complete_on_disk_after_the_end<R: FullRunner>() {
    let folder = tempfile::tempdir().expect("a temporary folder can be created");
    let file = folder.path().join("bus.jsonl");
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let (recorder, recording) = Recorder::new(RecordOptions::new(&file));
    let count_entries = move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
    };
    let bus = ScriptedBus::new(Answer::Live);
    let handle = builder::<R>(&bus)
        .observer(count_entries)
        .observer(recorder)
        .start()
        .await
        .expect("the supervision starts");
    handle.ready().await.expect("the bus answers");
    assert_eq!(recording.end(), None);
    handle.shutdown().await;
    assert_eq!(recording.wait(WAIT_LIMIT), Some(End::Stopped));

    let replay = Replay::new(BufReader::new(File::open(&file).expect("the file exists")));
    let outcome = replay.and_then(|replay| replay.run(|_, _| {}));
    let Ok(Outcome::Same(summary)) = outcome else {
        panic!("{outcome:?}");
    };
    // The other observer has counted the same entries.
    let counted = count.load(Ordering::Relaxed);
    assert_eq!(summary.inputs + summary.actions, counted);
}

pub(crate) async fn file_that_is_not_a_recording_is_not_overwritten<R: FullRunner>() {
    let folder = tempfile::tempdir().expect("a temporary folder can be created");
    let file = folder.path().join("letter.txt");
    fs::write(&file, "not a recording").expect("the file can be written");
    let bus = ScriptedBus::new(Answer::Live);
    let refused = builder::<R>(&bus)
        .observer(Recorder::new(RecordOptions::new(&file)).0)
        .start()
        .await;
    let Err(BuildError::Observer(error)) = refused else {
        panic!("it overwrites: {refused:?}");
    };
    let error = error.downcast_ref();
    assert!(matches!(error, Some(RecordError::Foreign { path }) if *path == file));
    let text = fs::read_to_string(&file).expect("the file exists");
    assert_eq!(text, "not a recording");
}
