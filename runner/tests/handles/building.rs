//! What is given to the builder is in force, and what is printed of it names the service.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use livebus_core::{Config, Handler, Settings, Status};
use livebus_readiness::Registry;
use livebus_runner::{BuildError, Entry, Observer, ObserverError, Time as _};

use crate::harness::{ManualTime, builder, poll, running, start};

#[test]
fn settings_and_handlers_are_those_of_the_builder() {
    let settings = Settings {
        seed: Some(7),
        drain: Duration::from_millis(321),
        ..Settings::fast()
    };
    let handlers = [Handler::required("orders"), Handler::optional("audit")];
    let mut builder = builder(&ManualTime::default()).settings(settings.clone());
    for handler in &handlers {
        builder = builder.handler(handler.clone(), || async { Ok(()) });
    }
    let (handle, _supervision) = start(builder);
    assert_eq!(*handle.config().settings(), settings);
    assert_eq!(handle.config().handlers(), handlers);
}

#[test]
fn each_supervision_without_a_seed_has_another() {
    let seeds = [(); 3].map(|()| {
        let (handle, _supervision) = start(builder(&ManualTime::default()));
        handle.config().settings().seed.expect("it has one")
    });
    assert!(seeds[0] != seeds[1] && seeds[1] != seeds[2], "{seeds:?}");
}

#[test]
fn the_service_has_the_name_of_the_builder_or_of_the_reporter() {
    let time = ManualTime::default();
    let (handle, _supervision) = start(builder(&time));
    assert!(handle.readiness().names().eq(["message-bus"]));
    let (handle, _supervision) = start(builder(&time).service("orders"));
    assert!(handle.readiness().names().eq(["orders"]));

    let names = Registry::builder().required("a").required("b");
    let registry = names.build_at(time.now()).expect("the names differ");
    let b = registry.reporter("b").expect("it has none");
    let (handle, supervision) = start(builder(&time).reporter(b));
    assert!(handle.readiness().names().eq(["a", "b"]));
    let lease = Instant::now() + Duration::from_hours(1);
    supervision.effects.set_status(running(lease));
    assert_eq!(handle.status(), Status::Running);
    assert_eq!(handle.report().lease, Some(lease));
    assert!(!handle.is_ready(), "a has not reported");
    let a = registry.reporter("a").expect("it has none");
    a.report(time.now(), running(lease));
    assert!(handle.is_ready());
}

#[test]
fn the_clock_is_that_of_the_builder() {
    let time = ManualTime::default();
    let (handle, supervision) = start(builder(&time));
    let later = time.now() + Duration::from_hours(1_000);
    time.set(later);
    assert_eq!(supervision.time.now(), later);
    supervision.effects.set_status(running(later));
    let mut changes = handle.changes_from_start();
    let change = poll(&mut futures::StreamExt::next(&mut changes));
    let change = change.map(|it| it.expect("it has not ended").at);
    assert_eq!(change, std::task::Poll::Ready(later));
}

#[test]
fn the_next_deadline_is_that_of_the_loop() {
    let time = ManualTime::default();
    let now = time.now();
    let (handle, supervision) = start(builder(&time));
    assert_eq!(handle.next_deadline(), Some(now));
    supervision.heartbeat.set_deadline(None);
    assert_eq!(handle.next_deadline(), None);
    let later = now + Duration::from_secs(1);
    supervision.heartbeat.set_deadline(Some(later));
    assert_eq!(handle.next_deadline(), Some(later));
}

/// What an observer received when it began.
type Begun = Arc<Mutex<Vec<(String, Config, Instant)>>>;

struct Beginner(Begun, bool);

impl Observer for Beginner {
    fn begin(&mut self, service: &str, config: &Config, now: Instant) -> Result<(), ObserverError> {
        let begun = (service.to_owned(), config.clone(), now);
        self.0.lock().expect("no thread panics").push(begun);
        if self.1 {
            Ok(())
        } else {
            Err("on purpose".into())
        }
    }

    fn observe(&mut self, _: Instant, _: Entry) {}
}

#[test]
fn an_observer_begins_with_the_supervision_or_refuses_it() {
    let time = ManualTime::default();
    let begun = Begun::default();
    let observer = Beginner(Arc::clone(&begun), true);
    let (handle, _supervision) = start(builder(&time).service("orders").observer(observer));
    let expected = ("orders".to_owned(), handle.config().clone(), time.now());
    assert_eq!(*begun.lock().expect("no thread panics"), [expected]);

    let refused = builder(&time).observer(Beginner(begun, false)).start();
    let refused = refused.now_or_never().expect("nothing to wait for");
    let error = refused.expect_err("the observer refuses");
    assert!(matches!(error, BuildError::Observer(_)));
    assert_eq!(error.to_string(), "on purpose");
}

/// They are printed by services that contain them.
#[test]
fn what_is_printed_names_the_service() {
    let time = ManualTime::default();
    let builder = builder(&time).service("orders");
    let printed = format!("{builder:?}");
    assert!(
        printed.contains("orders") && printed.contains("drain"),
        "{printed}"
    );
    let (handle, supervision) = start(builder);
    for printed in [format!("{handle:?}"), format!("{:?}", supervision.effects)] {
        assert!(printed.contains("orders"), "{printed}");
    }
    for (printed, name) in [
        (format!("{supervision:?}"), "Supervisor"),
        (format!("{:?}", supervision.supervisor), "Supervisor"),
        (format!("{:?}", handle.changes()), "Follower"),
    ] {
        assert!(printed.contains(name), "{printed}");
    }
}
