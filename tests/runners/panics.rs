//! Panics: in an operation of the bus, in a handler of the service, and in the loop itself.

use std::future::Ready;
use std::sync::atomic::Ordering;

use livebus_core::{Cause, FailureClass, Handler, Status};
use livebus_tests::host::FullRunner;

use crate::scripted_bus::{Answer, ScriptedBus, builder, panic_quietly};
use crate::waiting::{start, within};

pub(crate) async fn panic_in_an_operation_is_a_failure<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let (_handle, mut changes) = start(builder::<R>(&bus)).await;
    changes.until(Status::Running).await;
    bus.set_answer(Answer::Panic);
    let lost = changes.until(Status::NotReady).await;
    assert_eq!(
        lost.cause,
        Cause::LivenessFailed(FailureClass::Other.into())
    );
    bus.set_answer(Answer::Live);
    changes.until(Status::Running).await;
}

pub(crate) async fn panic_in_a_handler_is_a_failure<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let builder = builder::<R>(&bus).handler(Handler::required("requests"), || -> Ready<_> {
        panic_quietly()
    });
    let (handle, mut changes) = start(builder).await;
    let failed = changes.until(Status::NotReady).await;
    assert!(
        matches!(failed.cause, Cause::HandlerFailed(_, failure) if failure.class == FailureClass::Other)
    );
    assert_eq!(handle.shutdown().await.cause, Cause::ShutDown);
}

pub(crate) async fn panic_in_the_loop_publishes_stopped<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    bus.panics_on_discard.store(true, Ordering::Relaxed);
    let (handle, mut changes) = start(builder::<R>(&bus)).await;
    changes.until(Status::Running).await;
    bus.observations
        .lost(bus.client(), FailureClass::ClientFatal.into());
    let ended = changes.until(Status::Stopped).await;
    assert_eq!(ended.cause, Cause::ForcedStop);
    changes.expect_end().await;
    within::<R, _>("the end", handle.ended()).await;
    assert_eq!(handle.status(), Status::Stopped);
    assert!(!handle.is_ready());
}

/// With more panics than a runtime has threads.
pub(crate) async fn panic_in_one_loop_does_not_affect_others<R: FullRunner>() {
    let other = ScriptedBus::new(Answer::Live);
    let (handle, mut changes) = start(builder::<R>(&other)).await;
    changes.until(Status::Running).await;
    for _ in 0..32 {
        panic_in_the_loop_publishes_stopped::<R>().await;
    }
    other.set_answer(Answer::Silence);
    changes.until(Status::NotReady).await;
    other.set_answer(Answer::Live);
    changes.until(Status::Running).await;
    assert_eq!(handle.shutdown().await.cause, Cause::ShutDown);
    panic_in_an_operation_is_a_failure::<R>().await;
}
