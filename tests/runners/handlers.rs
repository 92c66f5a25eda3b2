//! Request handlers: registered after each start, and waited for.

use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::FutureExt as _;
use futures::channel::oneshot;
use livebus_core::{Cause, Failure, FailureClass, Handler, Status};
use livebus_tests::host::FullRunner;

use crate::scripted_bus::{Answer, ScriptedBus, builder};
use crate::watch::{eventually, start};

pub(crate) async fn running_needs_every_required_handler<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let (open, gate) = oneshot::channel::<()>();
    let gate = gate.shared();
    let builder = builder::<R>(&bus)
        .handler(Handler::optional("never"), pending)
        .handler(Handler::required("requests"), move || {
            let gate = gate.clone();
            async move { gate.await.map_err(|_| FailureClass::Other.into()) }
        });
    let (handle, _watch) = start(builder).await;
    eventually::<R>("a message", || bus.asked() > 0).await;
    assert!(!handle.is_ready());
    open.send(()).expect("the handler waits for it");
    handle.ready().await.expect("the handler is registered");
}

pub(crate) async fn a_handler_that_fails_is_the_cause_and_is_tried_again<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let tried = AtomicU32::new(0);
    let builder = builder::<R>(&bus).handler(Handler::required("requests"), move || {
        let fails = tried.fetch_add(1, Ordering::Relaxed) < 2;
        async move {
            if fails {
                Err(Failure::new(FailureClass::Authorization))
            } else {
                Ok(())
            }
        }
    });
    let (_handle, mut watch) = start(builder).await;
    let failed = watch.until(Status::NotReady).await;
    assert!(
        matches!(failed.cause, Cause::HandlerFailed(_, failure) if failure.class == FailureClass::Authorization)
    );
    watch.until(Status::Running).await;
}
