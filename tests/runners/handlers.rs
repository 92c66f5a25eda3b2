//! Request handlers are registered after each start, and Running waits for the required ones.

use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::FutureExt as _;
use futures::channel::oneshot;
use livebus_core::{Cause, Failure, FailureClass, Handler, Status};
use livebus_tests::host::FullRunner;

use crate::scripted_bus::{Answer, ScriptedBus, builder};
use crate::waiting::{eventually, start};

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
    let (handle, _changes) = start(builder).await;
    eventually::<R>("a message", || bus.messages_sent() > 0).await;
    assert!(!handle.is_ready());
    open.send(()).expect("the handler waits for it");
    handle.ready().await.expect("the handler is registered");
}

pub(crate) async fn failed_handler_is_the_cause_and_is_retried<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let attempts = AtomicU32::new(0);
    let builder = builder::<R>(&bus).handler(Handler::required("requests"), move || {
        let fails = attempts.fetch_add(1, Ordering::Relaxed) < 2;
        async move {
            if fails {
                Err(Failure::new(FailureClass::Authorization))
            } else {
                Ok(())
            }
        }
    });
    let (_handle, mut changes) = start(builder).await;
    let failed = changes.until(Status::NotReady).await;
    assert!(
        matches!(failed.cause, Cause::HandlerFailed(_, failure) if failure.class == FailureClass::Authorization)
    );
    changes.until(Status::Running).await;
}
