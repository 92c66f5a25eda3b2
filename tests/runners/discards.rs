//! Discards: of a registration alone, or of a client with all its registrations.

use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use livebus_core::{Action, Backoff, Cause, FailureClass, Handler, OnClientLost, Settings, Status};
use livebus_runner::{Builder, Bus, Entry};
use livebus_tests::host::FullRunner;

use crate::embedded::{fast, small, supervise};
use crate::scripted_bus::{Answer, ScriptedBus, builder, quick};
use crate::waiting::{eventually, start};

pub(crate) async fn hanging_registration_keeps_its_client<R: FullRunner>() {
    timed_out_registrations_change_nothing::<R>(OnClientLost::Recreate).await;
}

pub(crate) async fn hanging_registration_does_not_fail_the_service<R: FullRunner>() {
    timed_out_registrations_change_nothing::<R>(OnClientLost::Fail).await;
}

/// On the embedded cluster, for three registration deadlines.
async fn timed_out_registrations_change_nothing<R: FullRunner>(on_client_lost: OnClientLost) {
    let cluster = small();
    let registrations = Registrations::default();
    let starts = Arc::new(AtomicU32::new(0));
    let statuses = Arc::new(Mutex::new(Vec::new()));
    let settings = Settings {
        on_client_lost,
        registration_timeout: Duration::from_millis(200),
        registration_backoff: Backoff::fixed(Duration::from_millis(5)),
        // Long times, so that a busy machine does not look like a bus that is unreachable.
        live_interval: Duration::from_millis(500),
        liveness_timeout: Duration::from_millis(500),
        suspicion_timeout: Duration::from_millis(500),
        failures_to_not_ready: 5,
        ..fast()
    };
    let builder = registrations.with_hanging_handler(supervise::<R>(&cluster).settings(settings));
    let builder = builder.observer({
        let (starts, statuses) = (Arc::clone(&starts), Arc::clone(&statuses));
        move |_, entry| match entry {
            Entry::Action(Action::Start { .. }) => {
                starts.fetch_add(1, Ordering::Relaxed);
            }
            Entry::Action(Action::SetStatus(report)) => {
                statuses
                    .lock()
                    .expect("no thread panics with the lock")
                    .push(report.status);
            }
            Entry::Action(_) | Entry::Event(_) | Entry::Timeout => {}
        }
    });
    let (handle, mut changes) = start(builder).await;
    changes.until(Status::Running).await;

    let enough = registrations.begun() + 3;
    eventually::<R>("three registration deadlines", || {
        registrations.begun() >= enough
    })
    .await;
    // The next liveness message would notice a discarded client.
    let lease = handle.report().lease;
    eventually::<R>("the answer to another liveness message", || {
        let report = handle.report();
        report.lease > lease || report.status != Status::Running
    })
    .await;

    let statuses = statuses
        .lock()
        .expect("no thread panics with the lock")
        .clone();
    let running = statuses.iter().position(|it| *it == Status::Running);
    let since = running.map(|first| &statuses[first..]);
    assert_eq!(since, Some([Status::Running].as_slice()), "{statuses:?}");
    assert_eq!(starts.load(Ordering::Relaxed), 1);
}

pub(crate) async fn timed_out_registration_is_dropped_alone<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let registrations = Registrations::default();
    let settings = Settings {
        registration_timeout: Duration::from_secs(1),
        ..no_other_operations()
    };
    let builder = registrations.with_hanging_handler(builder::<R>(&bus).settings(settings));
    let (handle, mut changes) = start(builder).await;
    changes.until(Status::Running).await;

    registrations.wait_for_begin::<R>().await;
    registrations.wait_for_drop::<R>().await;
    assert_eq!(handle.status(), Status::Running);
    assert_eq!(
        *bus.discarded
            .lock()
            .expect("no thread panics with the lock"),
        []
    );
}

pub(crate) async fn shutdown_drops_registrations_before_the_drain_ends<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let registrations = Registrations::default();
    let settings = no_other_operations();
    let builder = registrations.with_hanging_handler(builder::<R>(&bus).settings(settings));
    let (handle, mut changes) = start(builder).await;
    changes.until(Status::Running).await;

    registrations.wait_for_begin::<R>().await;
    handle.begin_shutdown();
    registrations.wait_for_drop::<R>().await;
    assert_eq!(handle.report().cause, Cause::ShuttingDown);
    assert_eq!(
        *bus.discarded
            .lock()
            .expect("no thread panics with the lock"),
        []
    );
}

pub(crate) async fn lost_client_drops_its_registrations<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let registrations = Registrations::default();
    let settings = no_other_operations();
    let builder = registrations.with_hanging_handler(builder::<R>(&bus).settings(settings));
    let (_handle, mut changes) = start(builder).await;
    changes.until(Status::Running).await;

    registrations.wait_for_begin::<R>().await;
    let client = bus.client();
    bus.observations
        .lost(client, FailureClass::ClientFatal.into());
    registrations.wait_for_drop::<R>().await;
    assert_eq!(
        *bus.discarded
            .lock()
            .expect("no thread panics with the lock"),
        [client]
    );
}

/// Returns settings with which no other operation begins during a case: a runner drops timed-out operations when it starts one.
fn no_other_operations() -> Settings {
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

/// The registrations of one optional handler that never completes.
#[derive(Clone, Default)]
struct Registrations {
    begun: Arc<AtomicU32>,
    dropped: Arc<AtomicU32>,
}

impl Registrations {
    fn with_hanging_handler<R: FullRunner, B: Bus>(&self, builder: Builder<R, B>) -> Builder<R, B> {
        let registrations = self.clone();
        builder.handler(Handler::optional("never"), move || {
            let registration = registrations.new_registration();
            async move {
                let _dropped_with_the_future = registration;
                pending().await
            }
        })
    }

    fn new_registration(&self) -> Registration {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Registration(Arc::clone(&self.dropped))
    }

    fn begun(&self) -> u32 {
        self.begun.load(Ordering::Relaxed)
    }

    async fn wait_for_begin<R: FullRunner>(&self) {
        eventually::<R>("a registration", || self.begun() > 0).await;
    }

    async fn wait_for_drop<R: FullRunner>(&self) {
        eventually::<R>("the end of each registration", || {
            self.dropped.load(Ordering::Relaxed) == self.begun()
        })
        .await;
    }
}

/// Counts its drop.
struct Registration(Arc<AtomicU32>);

impl Drop for Registration {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
