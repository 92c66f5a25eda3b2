//! A full disk and a slow one: the recording ends with a reason, and the loop goes on.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::task::{Context, Wake};
use std::time::{Duration, Instant};

use livebus_recording::{End, Outcome, RecordOptions, Recorder};
use livebus_runner::Observer;
use rustix::fs::{CWD, Mode, mkfifoat};

use crate::memory::replay;
use crate::random_run::{RandomRun, config};

const TEST_TIMEOUT: Duration = Duration::from_mins(1);

#[test]
fn a_full_disk_ends_only_the_recording() {
    let began = Instant::now();
    let options = RecordOptions::new("/dev/full");
    let (recorder, recording) =
        Recorder::begun(options.clone(), "message-bus", &config(1), began).expect("it can begin");
    let run = RandomRun::without_shutdown(1, began, Box::new(recorder));
    let end = recording.wait(TEST_TIMEOUT).expect("it ends on its own");
    assert!(
        matches!(&end, End::Failed(why) if why.contains("No space left")),
        "{end:?}"
    );
    run.run(1_000).stop();
    assert_eq!(recording.end(), Some(end));
}

struct Woken(Sender<()>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        // The test may be over.
        let _ = self.0.send(());
    }
}

#[test]
fn the_end_of_a_recording_wakes_all_that_wait_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = RecordOptions::new(folder.path().join("bus"));
    let begun = Recorder::begun(options, "bus", &config(1), Instant::now());
    let (recorder, recording) = begun.expect("it can begin");
    let mut waiting = [(); 2].map(|()| Box::pin(recording.ended()));
    let woken: Vec<_> = waiting
        .iter_mut()
        .map(|ended| {
            let (sender, woken) = mpsc::channel();
            let waker = Arc::new(Woken(sender)).into();
            let mut context = Context::from_waker(&waker);
            assert!(ended.as_mut().poll(&mut context).is_pending());
            woken
        })
        .collect();
    drop(recorder);
    for woken in woken {
        woken.recv_timeout(TEST_TIMEOUT).expect("it is woken");
    }
}

#[test]
fn the_end_of_a_recording_is_known_at_once_and_wakes_who_waits() {
    let began = Instant::now();
    let (recorder, recording) =
        Recorder::begun(RecordOptions::new("/dev/full"), "bus", &config(1), began)
            .expect("it can begin");
    let mut ended = pin!(recording.ended());
    let (sender, woken) = mpsc::channel();
    let waker = Arc::new(Woken(sender)).into();
    let mut context = Context::from_waker(&waker);
    while ended.as_mut().poll(&mut context).is_pending() {
        woken.recv_timeout(TEST_TIMEOUT).expect("it is woken");
    }
    assert!(matches!(recording.end(), Some(End::Failed(_))));
    drop(recorder);
}

fn fifo(folder: &Path) -> RecordOptions {
    let path = folder.join("fifo");
    mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).expect("a pipe");
    RecordOptions::new(path)
}

#[test]
fn a_slow_disk_ends_the_recording_after_the_queued_entries() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = fifo(folder.path());
    // Reads nothing until much later. Opened for reading and writing, so that it does not wait for the writer.
    let mut reader = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&options.path)
        .expect("a reader");
    let began = Instant::now();
    let (recorder, recording) =
        Recorder::begun(options.clone(), "message-bus", &config(1), began).expect("it can begin");
    let mut run = RandomRun::without_shutdown(1, began, Box::new(recorder));
    while recording.end().is_none() {
        run.step();
    }
    assert_eq!(recording.end(), Some(End::TooSlow));
    assert_eq!(
        recording.wait(Duration::ZERO),
        None,
        "the writer is blocked"
    );
    run.run(1_000).stop();

    let text = read_to_the_last_line(&mut reader);
    assert_eq!(recording.wait(TEST_TIMEOUT), Some(End::TooSlow));
    let Ok(Outcome::Same(summary)) = replay(&text) else {
        panic!("{:?}", replay(&text));
    };
    assert_eq!(summary.end, Some(End::TooSlow));
    let entries = usize::try_from(summary.inputs + summary.actions).expect("small");
    assert!(entries >= options.queue.get(), "{entries}");
}

fn read_to_the_last_line(reader: &mut File) -> Vec<u8> {
    let mut text = Vec::new();
    let mut piece = [0; 4_096];
    while !text.ends_with(b"\"end\":\"too slow\"}\n") {
        let read = reader.read(&mut piece).expect("it can be read");
        text.extend_from_slice(&piece[..read]);
    }
    text
}

#[test]
fn a_pipe_without_a_reader_does_not_block_the_loop() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = fifo(folder.path());
    let began = Instant::now();
    let (recorder, recording) =
        Recorder::begun(options.clone(), "message-bus", &config(2), began).expect("it can begin");
    drop(RandomRun::without_shutdown(2, began, Box::new(recorder)).run(10));
    assert_eq!(recording.wait(Duration::ZERO), None);
    // Now a reader opens it.
    let text = fs::read(&options.path).expect("it can be read");
    assert_eq!(recording.wait(TEST_TIMEOUT), Some(End::ForcedStop));
    assert!(matches!(replay(&text), Ok(Outcome::Same(_))));
}

#[test]
fn a_reader_that_closes_the_pipe_ends_the_recording() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = fifo(folder.path());
    let began = Instant::now();
    let (mut recorder, recording) =
        Recorder::begun(options.clone(), "message-bus", &config(2), began).expect("it can begin");
    drop(File::open(&options.path).expect("it opens when the writer does"));
    // One of these is written after the reader has closed it.
    while recording.end().is_none() {
        recorder.observe(began, livebus_runner::Entry::Timeout);
    }
    let end = recording.wait(TEST_TIMEOUT).expect("it ends on its own");
    assert!(matches!(end, End::Failed(_) | End::TooSlow), "{end:?}");
}
