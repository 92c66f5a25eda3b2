//! What is given up: a registration alone, or a client with all registrations that were made on it.

use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use livebus_core::{Action, Backoff, Cause, FailureClass, Handler, OnClientLost, Settings, Status};
use livebus_runner::{Builder, Bus, Entry};
use livebus_tests::host::FullRunner;

use crate::embedded::{fast, small, supervise};
use crate::scripted_bus::{Answer, ScriptedBus, builder, quick};
use crate::watch::{eventually, start};

pub(crate) async fn a_registration_that_never_answers_keeps_its_client<R: FullRunner>() {
    overdue_registrations_change_nothing::<R>(OnClientLost::Recreate).await;
}

pub(crate) async fn a_registration_that_never_answers_does_not_fail_the_service<R: FullRunner>() {
    overdue_registrations_change_nothing::<R>(OnClientLost::Fail).await;
}

/// On the embedded cluster, over three registration deadlines.
async fn overdue_registrations_change_nothing<R: FullRunner>(on_client_lost: OnClientLost) {
    let cluster = small();
    let registrations = Registrations::default();
    let starts = Arc::new(AtomicU32::new(0));
    let statuses = Arc::new(Mutex::new(Vec::new()));
    let settings = Settings {
        on_client_lost,
        registration_timeout: Duration::from_millis(200),
        registration_backoff: Backoff::fixed(Duration::from_millis(5)),
        // Patient, so that a busy machine does not look like a bus that is away.
        live_interval: Duration::from_millis(500),
        liveness_timeout: Duration::from_millis(500),
        suspicion_timeout: Duration::from_millis(500),
        failures_to_not_ready: 5,
        ..fast()
    };
    let builder = registrations.never_answered(supervise::<R>(&cluster).settings(settings));
    let builder = builder.observer({
        let (starts, statuses) = (Arc::clone(&starts), Arc::clone(&statuses));
        move |_, entry| match entry {
            Entry::Action(Action::Start { .. }) => {
                starts.fetch_add(1, Ordering::Relaxed);
            }
            Entry::Action(Action::SetStatus(report)) => {
                statuses.lock().expect("nobody panics").push(report.status);
            }
            Entry::Action(_) | Entry::Event(_) | Entry::Timeout => {}
        }
    });
    let (handle, mut watch) = start(builder).await;
    watch.until(Status::Running).await;

    let enough = registrations.begun() + 3;
    eventually::<R>("three registration deadlines", || {
        registrations.begun() >= enough
    })
    .await;
    // A client that is gone is noticed by the next liveness message.
    let lease = handle.report().lease;
    eventually::<R>("the answer to another liveness message", || {
        let report = handle.report();
        report.lease > lease || report.status != Status::Running
    })
    .await;

    let statuses = statuses.lock().expect("nobody panics").clone();
    let running = statuses.iter().position(|it| *it == Status::Running);
    let since = running.map(|first| &statuses[first..]);
    assert_eq!(since, Some([Status::Running].as_slice()), "{statuses:?}");
    assert_eq!(starts.load(Ordering::Relaxed), 1);
}

pub(crate) async fn a_registration_that_is_overdue_is_dropped_and_nothing_else<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let registrations = Registrations::default();
    let settings = Settings {
        registration_timeout: Duration::from_secs(1),
        ..nothing_else_begins()
    };
    let builder = registrations.never_answered(builder::<R>(&bus).settings(settings));
    let (handle, mut watch) = start(builder).await;
    watch.until(Status::Running).await;

    registrations.begin::<R>().await;
    registrations.are_dropped::<R>().await;
    assert_eq!(handle.status(), Status::Running);
    assert_eq!(*bus.discarded.lock().expect("nobody panics"), []);
}

pub(crate) async fn a_shutdown_drops_registrations_before_its_drain_is_over<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let registrations = Registrations::default();
    let settings = nothing_else_begins();
    let builder = registrations.never_answered(builder::<R>(&bus).settings(settings));
    let (handle, mut watch) = start(builder).await;
    watch.until(Status::Running).await;

    registrations.begin::<R>().await;
    handle.begin_shutdown();
    registrations.are_dropped::<R>().await;
    assert_eq!(handle.report().cause, Cause::ShuttingDown);
    assert_eq!(*bus.discarded.lock().expect("nobody panics"), []);
}

pub(crate) async fn a_lost_client_takes_its_registrations_along<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let registrations = Registrations::default();
    let settings = nothing_else_begins();
    let builder = registrations.never_answered(builder::<R>(&bus).settings(settings));
    let (_handle, mut watch) = start(builder).await;
    watch.until(Status::Running).await;

    registrations.begin::<R>().await;
    let client = bus.client();
    bus.observations
        .lost(client, FailureClass::ClientFatal.into());
    registrations.are_dropped::<R>().await;
    assert_eq!(*bus.discarded.lock().expect("nobody panics"), [client]);
}

/// Settings by which no other operation begins before a case is over, with which a runner would drop what is overdue.
fn nothing_else_begins() -> Settings {
    let long = Duration::from_hours(1);
    Settings {
        live_interval: long,
        start_backoff: Backoff::fixed(long),
        registration_timeout: long,
        registration_backoff: Backoff::fixed(long),
        drain: long,
        ..quick()
    }
}

/// The registrations of one optional handler that never answers.
#[derive(Clone, Default)]
struct Registrations {
    begun: Arc<AtomicU32>,
    dropped: Arc<AtomicU32>,
}

impl Registrations {
    fn never_answered<R: FullRunner, B: Bus>(&self, builder: Builder<R, B>) -> Builder<R, B> {
        let registrations = self.clone();
        builder.handler(Handler::optional("never"), move || {
            let registration = registrations.one_more();
            async move {
                let _until_it_is_dropped = registration;
                pending().await
            }
        })
    }

    fn one_more(&self) -> Registration {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Registration(Arc::clone(&self.dropped))
    }

    fn begun(&self) -> u32 {
        self.begun.load(Ordering::Relaxed)
    }

    async fn begin<R: FullRunner>(&self) {
        eventually::<R>("a registration", || self.begun() > 0).await;
    }

    async fn are_dropped<R: FullRunner>(&self) {
        eventually::<R>("the end of each registration", || {
            self.dropped.load(Ordering::Relaxed) == self.begun()
        })
        .await;
    }
}

/// Notes when it is dropped.
struct Registration(Arc<AtomicU32>);

impl Drop for Registration {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
