//! The status follows a scripted bus, without Kafka.

use std::sync::atomic::Ordering;

use livebus_core::{Cause, FailureClass, Status};
use livebus_readiness::Registry;
use livebus_tests::host::FullRunner;

use crate::scripted_bus::{Answer, ScriptedBus, builder};
use crate::waiting::{eventually, start};

pub(crate) async fn live_bus_makes_the_service_running<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let (handle, mut changes) = start(builder::<R>(&bus)).await;
    handle.ready().await.expect("the bus answers");
    assert!(handle.is_ready());
    let seen = [
        changes.next().await,
        changes.next().await,
        changes.next().await,
    ];
    assert_eq!(
        seen.map(|report| report.status),
        [Status::Preparing, Status::Prepared, Status::Running]
    );
    assert_eq!(handle.shutdown().await.cause, Cause::ShutDown);
}

pub(crate) async fn silent_bus_makes_the_service_not_ready_until_it_answers<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let (handle, mut changes) = start(builder::<R>(&bus)).await;
    changes.until(Status::Running).await;
    bus.set_answer(Answer::Silence);
    // If a busy machine delays the loop, the status is first NotReady with the cause Starved.
    let failed = Cause::LivenessFailed(FailureClass::Timeout.into());
    while changes.until(Status::NotReady).await.cause != failed {}
    assert!(!handle.is_ready());
    bus.set_answer(Answer::Live);
    changes.until(Status::Running).await;
    assert!(handle.is_ready());
}

pub(crate) async fn failed_start_is_retried<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    bus.failing_starts.store(3, Ordering::Relaxed);
    let (_handle, mut changes) = start(builder::<R>(&bus)).await;
    let failed = changes.until(Status::NotReady).await;
    assert_eq!(
        failed.cause,
        Cause::StartFailed(FailureClass::Unreachable.into())
    );
    let running = changes.until(Status::Running).await;
    assert_eq!(running.attempt, 4);
}

pub(crate) async fn lost_client_is_discarded_and_replaced<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let (_handle, mut changes) = start(builder::<R>(&bus)).await;
    changes.until(Status::Running).await;
    let client = bus.client();
    bus.observations
        .lost(client, FailureClass::ClientFatal.into());
    let lost = changes.until(Status::NotReady).await;
    assert_eq!(
        lost.cause,
        Cause::ClientLost(FailureClass::ClientFatal.into())
    );
    changes.until(Status::Running).await;
    assert_ne!(bus.client(), client);
    assert_eq!(
        *bus.discarded
            .lock()
            .expect("no thread panics with the lock"),
        [client]
    );
}

pub(crate) async fn hanging_operations_do_not_accumulate<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Silence);
    let (_handle, mut changes) = start(builder::<R>(&bus)).await;
    changes.until(Status::NotReady).await;
    eventually::<R>("another message", || bus.messages_sent() >= 5).await;
    // One is in flight, and the one before may not have been dropped yet.
    eventually::<R>("at most two in flight", || {
        bus.in_flight.load(Ordering::Relaxed) <= 2
    })
    .await;
}

pub(crate) async fn readiness_needs_both_buses<R: FullRunner>() {
    let names = Registry::builder().required("orders").required("audit");
    let registry = names.build().expect("the names differ");
    let [first, second] = ["orders", "audit"].map(|name| {
        let reporter = registry.reporter(name);
        reporter.expect("the service is declared and has no reporter")
    });
    let (orders, audit) = (
        ScriptedBus::new(Answer::Live),
        ScriptedBus::new(Answer::Live),
    );
    let one = builder::<R>(&orders).reporter(first);
    let one = one.start().await.expect("the supervision starts");
    one.ready().await.expect("the bus answers");
    assert!(!one.is_ready(), "ready without the other bus");
    let other = builder::<R>(&audit).reporter(second);
    let other = other.start().await.expect("the supervision starts");
    other.ready().await.expect("the bus answers");
    assert!(one.is_ready() && other.is_ready());
}
