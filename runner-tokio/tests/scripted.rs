//! The runner on a bus of our making: nothing here needs Kafka, and every outcome is decided by the test.

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use livebus_core::{Cause, Failure, FailureClass, Handler, Readiness, Status};
use livebus_tokio::{BuildError, Settings};
use tokio::sync::Notify;

use crate::support::{Answer, ScriptedBus, builder, next, quick, until};

#[tokio::test]
async fn a_bus_that_answers_makes_the_service_running() {
    let bus = ScriptedBus::new(Answer::Live);
    let handle = builder(&bus).start().await.expect("it starts");
    let mut changes = handle.changes();
    handle.ready().await.expect("the bus answers");
    assert!(handle.is_ready());
    let mut seen = Vec::new();
    while let Some(change) = changes.next().await {
        seen.push(change.report.status);
        if change.report.status == Status::Running {
            break;
        }
    }
    assert_eq!(seen, [Status::Preparing, Status::Prepared, Status::Running]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_the_multi_thread_scheduler() {
    let bus = ScriptedBus::new(Answer::Live);
    let handle = builder(&bus).start().await.expect("it starts");
    handle.ready().await.expect("the bus answers");
    assert!(handle.is_ready());
    assert_eq!(handle.shutdown().await.cause, Cause::ShutDown);
}

#[tokio::test]
async fn a_bus_that_ceases_to_answer_is_not_ready_and_recovers() {
    let bus = ScriptedBus::new(Answer::Live);
    let handle = builder(&bus).start().await.expect("it starts");
    let mut changes = handle.changes();
    until(&mut changes, Status::Running).await;
    bus.answer(Answer::Silence);
    let lost = until(&mut changes, Status::NotReady).await;
    assert_eq!(
        lost.report.cause,
        Cause::LivenessFailed(FailureClass::Timeout.into())
    );
    assert!(!handle.is_ready());
    bus.answer(Answer::Live);
    until(&mut changes, Status::Running).await;
    assert!(handle.is_ready());
}

#[tokio::test]
async fn good_news_of_ordinary_traffic_wakes_a_service_that_is_not_ready() {
    let bus = ScriptedBus::new(Answer::Silence);
    let handle = builder(&bus).start().await.expect("it starts");
    let mut changes = handle.changes();
    until(&mut changes, Status::NotReady).await;
    bus.observations.live();
    until(&mut changes, Status::Running).await;
}

#[tokio::test]
async fn ordinary_traffic_keeps_the_liveness_messages_away() {
    let bus = ScriptedBus::new(Answer::Live);
    // Long enough that a busy machine does not make a silence where the test makes traffic.
    let settings = Settings {
        live_interval: Duration::from_millis(500),
        ..quick()
    };
    let handle = builder(&bus)
        .settings(settings)
        .start()
        .await
        .expect("it starts");
    handle.ready().await.expect("the bus answers");
    let asked = bus.asked.load(Ordering::Relaxed);
    let first = handle.report().lease;
    // Three intervals of silence would have brought three messages.
    while handle.report().lease < first.map(|lease| lease + Duration::from_millis(1_500)) {
        bus.observations.live();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(bus.asked.load(Ordering::Relaxed), asked);
}

#[tokio::test]
async fn a_suspicion_asks_at_once_and_an_answer_refutes_it() {
    let bus = ScriptedBus::new(Answer::Live);
    let settings = Settings {
        live_interval: Duration::from_hours(1),
        ..quick()
    };
    let handle = builder(&bus)
        .settings(settings)
        .start()
        .await
        .expect("it starts");
    handle.ready().await.expect("the bus answers");
    let asked = bus.asked.load(Ordering::Relaxed);
    bus.observations.suspicion(FailureClass::Unreachable.into());
    while bus.asked.load(Ordering::Relaxed) == asked {
        tokio::task::yield_now().await;
    }
    assert!(handle.is_ready());
}

#[tokio::test]
async fn a_start_that_fails_is_tried_again() {
    let bus = ScriptedBus::new(Answer::Live);
    bus.failing_starts.store(3, Ordering::Relaxed);
    let handle = builder(&bus).start().await.expect("it starts");
    let mut changes = handle.changes();
    let failed = until(&mut changes, Status::NotReady).await;
    assert_eq!(
        failed.report.cause,
        Cause::StartFailed(FailureClass::Unreachable.into())
    );
    let running = until(&mut changes, Status::Running).await;
    assert_eq!(running.report.attempt, 4);
}

#[tokio::test]
async fn a_panic_in_an_operation_is_a_failure_and_not_the_end() {
    let bus = ScriptedBus::new(Answer::Live);
    let handle = builder(&bus).start().await.expect("it starts");
    let mut changes = handle.changes();
    until(&mut changes, Status::Running).await;
    bus.answer(Answer::Panic);
    let lost = until(&mut changes, Status::NotReady).await;
    assert_eq!(
        lost.report.cause,
        Cause::LivenessFailed(FailureClass::Other.into())
    );
    bus.answer(Answer::Live);
    until(&mut changes, Status::Running).await;
}

#[tokio::test]
async fn a_lost_client_is_discarded_and_replaced() {
    let bus = ScriptedBus::new(Answer::Live);
    let handle = builder(&bus).start().await.expect("it starts");
    let mut changes = handle.changes();
    until(&mut changes, Status::Running).await;
    let client = bus.client().expect("it was started");
    bus.observations
        .lost(client, FailureClass::ClientFatal.into());
    let lost = until(&mut changes, Status::NotReady).await;
    assert_eq!(
        lost.report.cause,
        Cause::ClientLost(FailureClass::ClientFatal.into())
    );
    until(&mut changes, Status::Running).await;
    assert_ne!(bus.client(), Some(client));
    assert_eq!(*bus.discarded.lock().expect("nobody panics"), [client]);
}

#[tokio::test]
async fn running_needs_every_required_handler() {
    let bus = ScriptedBus::new(Answer::Live);
    let open = Arc::new(Notify::new());
    let gate = Arc::clone(&open);
    let handle = builder(&bus)
        .handler(Handler::optional("never"), std::future::pending)
        .handler(Handler::required("requests"), move || {
            let gate = Arc::clone(&gate);
            async move {
                gate.notified().await;
                Ok(())
            }
        })
        .start()
        .await
        .expect("it starts");
    while bus.asked.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!handle.is_ready());
    open.notify_one();
    handle.ready().await.expect("the handler is registered");
}

#[tokio::test]
async fn a_handler_that_fails_is_the_cause_and_is_tried_again() {
    let bus = ScriptedBus::new(Answer::Live);
    let mut failures = 2;
    let failures = std::sync::Mutex::new(move || {
        failures -= 1;
        failures >= 0
    });
    let handle = builder(&bus)
        .handler(Handler::required("requests"), move || {
            let fails = failures.lock().expect("nobody panics")();
            async move {
                if fails {
                    Err(Failure::new(FailureClass::Authorization))
                } else {
                    Ok(())
                }
            }
        })
        .start()
        .await
        .expect("it starts");
    let mut changes = handle.changes();
    let failed = until(&mut changes, Status::NotReady).await;
    assert!(
        matches!(failed.report.cause, Cause::HandlerFailed(_, failure) if failure.class == FailureClass::Authorization)
    );
    until(&mut changes, Status::Running).await;
}

#[tokio::test]
async fn a_handler_that_panics_is_a_failure_and_not_the_end() {
    let bus = ScriptedBus::new(Answer::Live);
    let handle = builder(&bus)
        .handler(
            Handler::required("requests"),
            || -> std::future::Ready<_> { panic!("as the test asked") },
        )
        .start()
        .await
        .expect("it starts");
    let mut changes = handle.changes();
    let failed = until(&mut changes, Status::NotReady).await;
    assert!(
        matches!(failed.report.cause, Cause::HandlerFailed(_, failure) if failure.class == FailureClass::Other)
    );
    assert_eq!(handle.shutdown().await.cause, Cause::ShutDown);
}

#[tokio::test]
async fn operations_that_never_end_do_not_pile_up() {
    let bus = ScriptedBus::new(Answer::Silence);
    let handle = builder(&bus).start().await.expect("it starts");
    let mut changes = handle.changes();
    until(&mut changes, Status::NotReady).await;
    while bus.asked.load(Ordering::Relaxed) < 5 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // One is open, and the one before may be on its way out.
    assert!(bus.open.load(Ordering::Relaxed) <= 2);
}

#[tokio::test]
async fn a_shutdown_is_not_ready_first_then_stops_the_bus() {
    let bus = ScriptedBus::new(Answer::Live);
    let handle = builder(&bus).start().await.expect("it starts");
    handle.ready().await.expect("the bus answers");
    let mut changes = handle.changes();
    let readiness = handle.readiness().clone();
    let report = handle.shutdown().await;
    assert_eq!(
        (report.status, report.cause),
        (Status::Stopped, Cause::ShutDown)
    );
    assert_eq!(next(&mut changes).await.report.cause, Cause::ShuttingDown);
    assert_eq!(next(&mut changes).await.report.cause, Cause::ShutDown);
    assert!(changes.next().await.is_none(), "the stream ends");
    assert!(bus.stopped.load(Ordering::Relaxed));
    assert!(!readiness.is_ready(std::time::Instant::now()));
}

#[tokio::test]
async fn a_shutdown_whose_bus_does_not_stop_ends_all_the_same() {
    let bus = ScriptedBus::new(Answer::Live);
    bus.stops.store(false, Ordering::Relaxed);
    let handle = builder(&bus).start().await.expect("it starts");
    handle.ready().await.expect("the bus answers");
    assert_eq!(handle.shutdown().await.cause, Cause::CutOff);
}

#[tokio::test]
async fn a_shutdown_before_anything_was_proved_ends_and_twice_is_once() {
    let bus = ScriptedBus::new(Answer::Silence);
    let handle = builder(&bus).start().await.expect("it starts");
    handle.begin_shutdown();
    handle.begin_shutdown();
    assert_eq!(handle.shutdown().await.cause, Cause::ShutDown);
}

#[tokio::test]
async fn dropping_the_handle_ends_everything() {
    let bus = ScriptedBus::new(Answer::Live);
    let handle = builder(&bus).start().await.expect("it starts");
    handle.ready().await.expect("the bus answers");
    let mut changes = handle.changes();
    let readiness = handle.readiness().clone();
    drop(handle);
    assert_eq!(next(&mut changes).await.report.cause, Cause::CutOff);
    assert!(changes.next().await.is_none(), "the stream ends");
    assert!(!readiness.is_ready(std::time::Instant::now()));
    // The loop held the only other one.
    while Arc::strong_count(&bus) > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn waiting_for_ready_ends_when_the_supervision_does() {
    let bus = ScriptedBus::new(Answer::Silence);
    let handle = builder(&bus).start().await.expect("it starts");
    let (ended, ()) = tokio::join!(handle.ready(), async { handle.begin_shutdown() });
    let report = ended.expect_err("it was never ready").0;
    assert!(
        matches!(report.status, Status::NotReady | Status::Stopped),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_panic_of_the_bus_itself_leaves_nobody_believing() {
    let bus = ScriptedBus::new(Answer::Live);
    let handle = builder(&bus).start().await.expect("it starts");
    handle.ready().await.expect("the bus answers");
    let client = bus.client().expect("it was started");
    bus.panics_on_discard.store(true, Ordering::Relaxed);
    bus.observations
        .lost(client, FailureClass::ClientFatal.into());
    handle.ended().await;
    assert_eq!(handle.report().cause, Cause::CutOff);
    assert!(!handle.is_ready());
}

#[tokio::test]
async fn two_buses_make_one_readiness() {
    let readiness = Readiness::builder()
        .required("orders")
        .required("audit")
        .build(std::time::Instant::now())
        .expect("the names differ");
    let (orders, audit) = (
        ScriptedBus::new(Answer::Live),
        ScriptedBus::new(Answer::Live),
    );
    let one = builder(&orders)
        .service("orders")
        .readiness(readiness.clone());
    let one = one.start().await.expect("it starts");
    one.ready().await.expect("the bus answers");
    assert!(!one.is_ready(), "the other is missing");
    let other = builder(&audit).service("audit").readiness(readiness);
    let other = other.start().await.expect("it starts");
    other.ready().await.expect("the bus answers");
    assert!(one.is_ready() && other.is_ready());
}

#[tokio::test]
async fn what_cannot_be_built_says_why() {
    let bus = ScriptedBus::new(Answer::Live);
    let zero = Settings {
        stop_timeout: Duration::ZERO,
        ..quick()
    };
    let error = builder(&bus)
        .settings(zero)
        .start()
        .await
        .expect_err("zero is refused");
    assert_eq!(
        error.to_string(),
        "stop_timeout = 0ns: make it longer than zero"
    );

    let named = Settings {
        handlers: vec![Handler::required("requests")],
        ..quick()
    };
    let error = builder(&bus)
        .settings(named)
        .start()
        .await
        .expect_err("nobody registers it");
    assert!(matches!(error, BuildError::NoRegistration(name) if name == "requests"));

    let others = Readiness::builder()
        .required("other")
        .build(std::time::Instant::now());
    let unknown = builder(&bus)
        .readiness(others.expect("one name"))
        .start()
        .await;
    assert!(matches!(unknown, Err(BuildError::UnknownService(_))));
}
