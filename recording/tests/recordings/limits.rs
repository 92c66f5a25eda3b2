//! A disk that is full, and one that is slow: the loop goes on, and the recorder says so.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use livebus_recording::{End, Outcome, RecordOptions, Recorder};
use livebus_runner::Observer;
use rustix::fs::{CWD, Mode, mkfifoat};

use crate::memory::replay;
use crate::story::{Story, config};

const LONG: Duration = Duration::from_mins(1);

#[test]
fn a_full_disk_ends_the_recording_and_nothing_else() {
    let began = Instant::now();
    let options = RecordOptions::new("/dev/full");
    let (recorder, recording) =
        Recorder::begun(options.clone(), "message-bus", &config(1), began).expect("it can begin");
    let story = Story::without_end(1, began, Box::new(recorder));
    let end = recording.wait(LONG).expect("it ends by itself");
    assert!(
        matches!(&end, End::Failed(why) if why.contains("No space left")),
        "{end:?}"
    );
    story.run(1_000).stop();
    assert_eq!(recording.end(), Some(end));
}

fn fifo(folder: &Path) -> RecordOptions {
    let path = folder.join("fifo");
    mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).expect("a pipe");
    RecordOptions::new(path)
}

#[test]
fn a_slow_disk_ends_the_recording_and_what_was_queued_is_still_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = fifo(folder.path());
    // Reads nothing until much later. Opened for both, so that it does not wait for the writer.
    let mut reader = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&options.path)
        .expect("a reader");
    let began = Instant::now();
    let (recorder, recording) =
        Recorder::begun(options.clone(), "message-bus", &config(1), began).expect("it can begin");
    let mut story = Story::without_end(1, began, Box::new(recorder));
    while recording.end().is_none() {
        story.step();
    }
    assert_eq!(recording.end(), Some(End::TooSlow));
    assert_eq!(recording.wait(Duration::ZERO), None, "it is stuck");
    story.run(1_000).stop();

    let text = read_to_the_last_line(&mut reader);
    assert_eq!(recording.wait(LONG), Some(End::TooSlow));
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
fn a_pipe_that_nobody_reads_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = fifo(folder.path());
    let began = Instant::now();
    let (recorder, recording) =
        Recorder::begun(options.clone(), "message-bus", &config(2), began).expect("it can begin");
    drop(Story::without_end(2, began, Box::new(recorder)).run(10));
    assert_eq!(recording.wait(Duration::ZERO), None);
    // Somebody comes in the end.
    let text = fs::read(&options.path).expect("it can be read");
    assert_eq!(recording.wait(LONG), Some(End::ForcedStop));
    assert!(matches!(replay(&text), Ok(Outcome::Same(_))));
}

#[test]
fn a_reader_that_goes_ends_the_recording() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = fifo(folder.path());
    let began = Instant::now();
    let (mut recorder, recording) =
        Recorder::begun(options.clone(), "message-bus", &config(2), began).expect("it can begin");
    drop(File::open(&options.path).expect("it opens when the writer does"));
    // One of these is written after the reader has gone.
    while recording.end().is_none() {
        recorder.observe(began, livebus_runner::Entry::Timeout);
    }
    let end = recording.wait(LONG).expect("it ends by itself");
    assert!(matches!(end, End::Failed(_) | End::TooSlow), "{end:?}");
}
