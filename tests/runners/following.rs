//! The status follows a bus of our making: nothing here needs Kafka.

use std::sync::atomic::Ordering;

use livebus_core::{Cause, FailureClass, Status};
use livebus_readiness::Registry;
use livebus_tests::host::FullRunner;

use crate::scripted_bus::{Answer, ScriptedBus, builder};
use crate::watch::{eventually, start};

pub(crate) async fn a_bus_that_answers_makes_the_service_running<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let (handle, mut watch) = start(builder::<R>(&bus)).await;
    handle.ready().await.expect("the bus answers");
    assert!(handle.is_ready());
    let seen = [watch.next().await, watch.next().await, watch.next().await];
    assert_eq!(
        seen.map(|report| report.status),
        [Status::Preparing, Status::Prepared, Status::Running]
    );
    assert_eq!(handle.shutdown().await.cause, Cause::ShutDown);
}

pub(crate) async fn a_bus_that_ceases_to_answer_is_not_ready_and_recovers<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let (handle, mut watch) = start(builder::<R>(&bus)).await;
    watch.until(Status::Running).await;
    bus.answer(Answer::Silence);
    // A loop that a busy machine holds up is shown as such before it says what it found.
    let failed = Cause::LivenessFailed(FailureClass::Timeout.into());
    while watch.until(Status::NotReady).await.cause != failed {}
    assert!(!handle.is_ready());
    bus.answer(Answer::Live);
    watch.until(Status::Running).await;
    assert!(handle.is_ready());
}

pub(crate) async fn a_start_that_fails_is_tried_again<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    bus.failing_starts.store(3, Ordering::Relaxed);
    let (_handle, mut watch) = start(builder::<R>(&bus)).await;
    let failed = watch.until(Status::NotReady).await;
    assert_eq!(
        failed.cause,
        Cause::StartFailed(FailureClass::Unreachable.into())
    );
    let running = watch.until(Status::Running).await;
    assert_eq!(running.attempt, 4);
}

pub(crate) async fn a_lost_client_is_discarded_and_replaced<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let (_handle, mut watch) = start(builder::<R>(&bus)).await;
    watch.until(Status::Running).await;
    let client = bus.client();
    bus.observations
        .lost(client, FailureClass::ClientFatal.into());
    let lost = watch.until(Status::NotReady).await;
    assert_eq!(
        lost.cause,
        Cause::ClientLost(FailureClass::ClientFatal.into())
    );
    watch.until(Status::Running).await;
    assert_ne!(bus.client(), client);
    assert_eq!(*bus.discarded.lock().expect("nobody panics"), [client]);
}

pub(crate) async fn operations_that_never_end_do_not_pile_up<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Silence);
    let (_handle, mut watch) = start(builder::<R>(&bus)).await;
    watch.until(Status::NotReady).await;
    eventually::<R>("another message", || bus.asked() >= 5).await;
    // One is open, and the one before may be on its way out.
    eventually::<R>("two at most are open", || {
        bus.open.load(Ordering::Relaxed) <= 2
    })
    .await;
}

pub(crate) async fn two_buses_make_one_readiness<R: FullRunner>() {
    let names = Registry::builder().required("orders").required("audit");
    let registry = names.build().expect("the names differ");
    let [first, second] = ["orders", "audit"].map(|name| {
        let reporter = registry.reporter(name);
        reporter.expect("it is declared, and has none")
    });
    let (orders, audit) = (
        ScriptedBus::new(Answer::Live),
        ScriptedBus::new(Answer::Live),
    );
    let one = builder::<R>(&orders).reporter(first);
    let one = one.start().await.expect("it starts");
    one.ready().await.expect("the bus answers");
    assert!(!one.is_ready(), "the other is missing");
    let other = builder::<R>(&audit).reporter(second);
    let other = other.start().await.expect("it starts");
    other.ready().await.expect("the bus answers");
    assert!(one.is_ready() && other.is_ready());
}
