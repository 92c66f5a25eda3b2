//! Panics: of what the service and the bus bring along, and of the loop itself.

use std::future::Ready;
use std::sync::atomic::Ordering;

use livebus_core::{Cause, FailureClass, Handler, Status};
use livebus_tests::host::FullRunner;

use crate::scripted_bus::{Answer, ScriptedBus, builder, panic_quietly};
use crate::watch::{start, within};

pub(crate) async fn a_panic_in_an_operation_is_a_failure_and_not_the_end<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let (_handle, mut watch) = start(builder::<R>(&bus)).await;
    watch.until(Status::Running).await;
    bus.answer(Answer::Panic);
    let lost = watch.until(Status::NotReady).await;
    assert_eq!(
        lost.cause,
        Cause::LivenessFailed(FailureClass::Other.into())
    );
    bus.answer(Answer::Live);
    watch.until(Status::Running).await;
}

pub(crate) async fn a_handler_that_panics_is_a_failure_and_not_the_end<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let builder = builder::<R>(&bus).handler(Handler::required("requests"), || -> Ready<_> {
        panic_quietly()
    });
    let (handle, mut watch) = start(builder).await;
    let failed = watch.until(Status::NotReady).await;
    assert!(
        matches!(failed.cause, Cause::HandlerFailed(_, failure) if failure.class == FailureClass::Other)
    );
    assert_eq!(handle.shutdown().await.cause, Cause::ShutDown);
}

pub(crate) async fn a_panic_of_the_bus_itself_leaves_nobody_believing<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    bus.panics_on_discard.store(true, Ordering::Relaxed);
    let (handle, mut watch) = start(builder::<R>(&bus)).await;
    watch.until(Status::Running).await;
    bus.observations
        .lost(bus.client(), FailureClass::ClientFatal.into());
    let ended = watch.until(Status::Stopped).await;
    assert_eq!(ended.cause, Cause::ForcedStop);
    watch.ends().await;
    within::<R, _>("the end", handle.ended()).await;
    assert_eq!(handle.status(), Status::Stopped);
    assert!(!handle.is_ready());
}

/// More of them than a runtime has threads.
pub(crate) async fn loops_that_panic_take_no_other_along<R: FullRunner>() {
    let other = ScriptedBus::new(Answer::Live);
    let (handle, mut watch) = start(builder::<R>(&other)).await;
    watch.until(Status::Running).await;
    for _ in 0..32 {
        a_panic_of_the_bus_itself_leaves_nobody_believing::<R>().await;
    }
    other.answer(Answer::Silence);
    watch.until(Status::NotReady).await;
    other.answer(Answer::Live);
    watch.until(Status::Running).await;
    assert_eq!(handle.shutdown().await.cause, Cause::ShutDown);
    a_panic_in_an_operation_is_a_failure_and_not_the_end::<R>().await;
}
