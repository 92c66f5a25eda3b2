//! A recording that ends early is logged once. It has its own test binary, because the log is global to the process.

use std::fmt::Debug;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use livebus_core::{Config, Settings};
use livebus_recording::{End, RecordOptions, Recorder};
use livebus_runner::{Entry, Observer};
use rustix::fs::{CWD, Mode, mkfifoat};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record as Values};
use tracing::{Event, Level, Metadata, Subscriber};

static WARNINGS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Collects warnings, with their fields.
struct Log;

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        WARNINGS.lock().expect("no thread panics").push(text.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Values<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 = format!("{}{}={value:?} ", self.0, field.name());
    }
}

#[test]
fn a_recording_that_ends_early_is_logged_once() {
    tracing::subscriber::set_global_default(Log).expect("the first one");
    let folder = tempfile::tempdir().expect("a folder");
    let began = Instant::now();
    let config = Config::new(Settings::default()).expect("valid");
    let recorder = |options: &RecordOptions| {
        Recorder::begun(options.clone(), "message-bus", &config, began).expect("it can begin")
    };

    let (mut full, recording) = recorder(&RecordOptions::new("/dev/full"));
    recording.wait(Duration::from_mins(1)).expect("it ends");
    for _ in 0..10_000 {
        full.observe(began, Entry::Timeout);
    }
    let fifo = folder.path().join("fifo");
    mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).expect("a pipe");
    let (mut slow, recording) = recorder(&RecordOptions::new(&fifo));
    for _ in 0..10_000 {
        slow.observe(began, Entry::Timeout);
    }
    assert_eq!(recording.end(), Some(End::TooSlow));
    std::fs::read(&fifo).expect("what was queued");
    recording.wait(Duration::from_mins(1)).expect("it ends");
    let (_, in_order) = recorder(&RecordOptions::new(folder.path().join("bus")));
    in_order.wait(Duration::from_mins(1)).expect("it ends");

    let warnings = WARNINGS.lock().expect("no thread panics");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for (warning, fields) in warnings.iter().zip([
        ["file=\"/dev/full\"", "reason=failed: No space left"],
        ["fifo\"", "reason=too slow"],
    ]) {
        assert!(warning.contains("recording ended early"), "{warning}");
        assert!(
            fields.iter().all(|field| warning.contains(field)),
            "{warning}"
        );
    }
}
