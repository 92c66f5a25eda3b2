//! The end of a supervision: by a shutdown in order, by force, and before the first evidence.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::future::join;
use livebus_core::{Cause, Status};
use livebus_readiness::Registry;
use livebus_runner::Handle;
use livebus_tests::host::FullRunner;

use crate::scripted_bus::{Answer, ScriptedBus, builder};
use crate::waiting::{ChangeStream, eventually, start, within};

pub(crate) async fn shutdown_makes_the_service_not_ready_and_then_stops_the_bus<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let (handle, _changes) = start(builder::<R>(&bus)).await;
    handle.ready().await.expect("the bus answers");
    let mut changes = ChangeStream::<R>::new(handle.changes());
    let readiness = handle.readiness().clone();
    let report = handle.shutdown().await;
    assert_eq!(
        (report.status, report.cause),
        (Status::Stopped, Cause::ShutDown)
    );
    assert_eq!(changes.next().await.cause, Cause::ShuttingDown);
    assert_eq!(changes.next().await.cause, Cause::ShutDown);
    changes.expect_end().await;
    assert!(bus.stopped.load(Ordering::Relaxed));
    assert!(!readiness.is_ready());
}

pub(crate) async fn shutdown_ends_although_the_bus_does_not_stop<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    bus.stops.store(false, Ordering::Relaxed);
    let (handle, _changes) = start(builder::<R>(&bus)).await;
    handle.ready().await.expect("the bus answers");
    assert_eq!(handle.shutdown().await.cause, Cause::ForcedStop);
}

pub(crate) async fn second_shutdown_before_the_first_evidence_changes_nothing<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Silence);
    let (handle, _changes) = start(builder::<R>(&bus)).await;
    handle.begin_shutdown();
    handle.begin_shutdown();
    assert_eq!(handle.shutdown().await.cause, Cause::ShutDown);
}

pub(crate) async fn service_can_be_supervised_again_after_the_end<R: FullRunner>() {
    let registry = Registry::builder().required("bus").build();
    let registry = registry.expect("the name is valid");
    let mut ended: Vec<Handle<_>> = Vec::new();
    for _ in 0..3 {
        let bus = ScriptedBus::new(Answer::Live);
        let reporter = registry
            .reporter("bus")
            .expect("the earlier supervision has ended");
        let (handle, mut changes) = start(builder::<R>(&bus).reporter(reporter)).await;
        handle.ready().await.expect("the bus answers");
        assert!(registry.readiness().is_ready());
        // The earlier supervisions stay ended.
        for before in &ended {
            before.begin_shutdown();
            within::<R, _>("the end", before.ended()).await;
            let ready = within::<R, _>("a result", before.ready()).await;
            assert_eq!(ready.map_err(|it| it.0.cause), Err(Cause::ShutDown));
        }
        handle.begin_shutdown();
        within::<R, _>("the end", handle.ended()).await;
        assert!(!registry.readiness().is_ready());
        changes.until(Status::Stopped).await;
        changes.expect_end().await;
        ended.push(handle);
    }
}

pub(crate) async fn dropped_handle_ends_the_supervision<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let (handle, mut changes) = start(builder::<R>(&bus)).await;
    changes.until(Status::Running).await;
    let readiness = handle.readiness().clone();
    drop(handle);
    assert_eq!(changes.next().await.cause, Cause::ForcedStop);
    changes.expect_end().await;
    assert!(!readiness.is_ready());
    // The loop held the only other reference.
    eventually::<R>("the end of the loop", || Arc::strong_count(&bus) == 1).await;
}

pub(crate) async fn waiting_for_ready_ends_with_the_supervision<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Silence);
    let (handle, _changes) = start(builder::<R>(&bus)).await;
    let (ended, ()) = join(handle.ready(), async { handle.begin_shutdown() }).await;
    let report = ended.expect_err("it was never ready").0;
    assert!(
        matches!(report.status, Status::NotReady | Status::Stopped),
        "{report:?}"
    );
}
