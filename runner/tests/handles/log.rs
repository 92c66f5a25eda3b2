//! Each change is one line in the log: a warning if there is a failure, else information.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use livebus_core::{Cause, FailureClass, Report, Status};
use livebus_readiness::Service;
use livebus_runner::Time as _;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::harness::{ManualTime, builder, running, start};

/// Collects the lines of this crate: the level, and the fields.
#[derive(Clone, Default)]
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    /// The service whose status is read when a line is written.
    service: Arc<OnceLock<Service>>,
    read: Arc<Mutex<Vec<Status>>>,
}

impl Log {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock().expect("no thread panics"))
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.lines.lock().expect("no thread panics").push(line.0);
        if let Some(service) = self.service.get() {
            let status = service.report().status;
            self.read.lock().expect("no thread panics").push(status);
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 = format!("{} {}={value:?}", self.0, field.name());
    }
}

#[test]
fn each_change_is_one_line() {
    let log = Log::default();
    let lines = log.clone();
    tracing::subscriber::with_default(log, || {
        let time = ManualTime::default();
        let now = time.now();
        let (_handle, supervision) = start(builder(&time).service("orders"));
        let begun = lines.take();
        assert!(
            begun.iter().any(|it| it.contains("supervising")),
            "{begun:?}"
        );
        let is_line = |expected: &[&str]| {
            let found = lines.take();
            let [line] = &found[..] else {
                panic!("one line: {found:?}");
            };
            for part in expected {
                assert!(line.contains(part), "{line} has no {part}");
            }
        };

        let good = running(now + Duration::from_secs(9));
        supervision.effects.set_status(good);
        is_line(&[
            "INFO",
            "\"orders\"",
            "status=\"Running\"",
            "from=\"Unknown\"",
        ]);
        supervision
            .effects
            .renew(now, now + Duration::from_secs(10));
        assert!(lines.take().is_empty(), "no renewal is logged");
        supervision.effects.set_status(Report {
            warning: Some(FailureClass::NoLeader.into()),
            ..good
        });
        is_line(&["WARN", "from=\"Running\"", "warning=\"NoLeader\""]);
        supervision.effects.set_status(Report {
            status: Status::NotReady,
            cause: Cause::LivenessFailed(FailureClass::Tls.into()),
            ..Report::unreported(now)
        });
        is_line(&["WARN", "status=\"NotReady\"", "class=\"Tls\""]);
        drop(supervision);
        is_line(&[
            "INFO",
            "status=\"Stopped\"",
            "from=\"NotReady\"",
            "ForcedStop",
        ]);
    });
}

/// A log that blocks must not keep a change from the probes.
#[test]
fn a_change_is_visible_before_its_line_is_written() {
    let log = Log::default();
    let (service, read) = (Arc::clone(&log.service), Arc::clone(&log.read));
    tracing::subscriber::with_default(log, || {
        let time = ManualTime::default();
        let (handle, supervision) = start(builder(&time));
        let of_handle = handle.readiness().services().next();
        let is_set = service.set(of_handle.expect("a handle has a service"));
        assert!(is_set.is_ok());
        let good = running(time.now() + Duration::from_secs(9));
        supervision.effects.set_status(good);
        supervision.effects.set_status(Report {
            status: Status::NotReady,
            cause: Cause::LivenessFailed(FailureClass::Tls.into()),
            ..Report::unreported(time.now())
        });
        drop(supervision);
    });
    let read = read.lock().expect("no thread panics");
    assert_eq!(*read, [Status::Running, Status::NotReady, Status::Stopped]);
}

#[test]
fn a_stop_that_was_reported_is_not_logged_again() {
    let log = Log::default();
    let lines = log.clone();
    tracing::subscriber::with_default(log, || {
        let time = ManualTime::default();
        let (_handle, supervision) = start(builder(&time));
        supervision.effects.set_status(Report {
            status: Status::Stopped,
            cause: Cause::ShutDown,
            ..Report::unreported(time.now())
        });
        let stopped = lines.take();
        assert!(
            stopped.iter().any(|it| it.contains("ShutDown")),
            "{stopped:?}"
        );
        drop(supervision);
        assert_eq!(lines.take(), [""; 0]);
    });
}
