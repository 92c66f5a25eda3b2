//! The end: in order, cut off, and before anything began.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::future::join;
use livebus_core::{Cause, Status};
use livebus_readiness::Registry;
use livebus_runner::Handle;
use livebus_tests::host::FullRunner;

use crate::scripted_bus::{Answer, ScriptedBus, builder};
use crate::watch::{Watch, eventually, start, within};

pub(crate) async fn a_shutdown_is_not_ready_first_then_stops_the_bus<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let (handle, _watch) = start(builder::<R>(&bus)).await;
    handle.ready().await.expect("the bus answers");
    let mut watch = Watch::<R>::new(handle.changes());
    let readiness = handle.readiness().clone();
    let report = handle.shutdown().await;
    assert_eq!(
        (report.status, report.cause),
        (Status::Stopped, Cause::ShutDown)
    );
    assert_eq!(watch.next().await.cause, Cause::ShuttingDown);
    assert_eq!(watch.next().await.cause, Cause::ShutDown);
    watch.ends().await;
    assert!(bus.stopped.load(Ordering::Relaxed));
    assert!(!readiness.is_ready());
}

pub(crate) async fn a_shutdown_whose_bus_does_not_stop_ends_all_the_same<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    bus.stops.store(false, Ordering::Relaxed);
    let (handle, _watch) = start(builder::<R>(&bus)).await;
    handle.ready().await.expect("the bus answers");
    assert_eq!(handle.shutdown().await.cause, Cause::ForcedStop);
}

pub(crate) async fn a_shutdown_before_anything_was_proved_ends_and_twice_is_once<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Silence);
    let (handle, _watch) = start(builder::<R>(&bus)).await;
    handle.begin_shutdown();
    handle.begin_shutdown();
    assert_eq!(handle.shutdown().await.cause, Cause::ShutDown);
}

pub(crate) async fn a_service_can_be_supervised_again_after_the_end<R: FullRunner>() {
    let registry = Registry::builder().required("bus").build();
    let registry = registry.expect("one name");
    let mut ended: Vec<Handle<_>> = Vec::new();
    for _ in 0..3 {
        let bus = ScriptedBus::new(Answer::Live);
        let reporter = registry.reporter("bus").expect("the one before has ended");
        let (handle, mut watch) = start(builder::<R>(&bus).reporter(reporter)).await;
        handle.ready().await.expect("the bus answers");
        assert!(registry.readiness().is_ready());
        // Those before have ended, whatever this one does.
        for before in &ended {
            before.begin_shutdown();
            within::<R, _>("the end", before.ended()).await;
            let ready = within::<R, _>("an answer", before.ready()).await;
            assert_eq!(ready.map_err(|it| it.0.cause), Err(Cause::ShutDown));
        }
        handle.begin_shutdown();
        within::<R, _>("the end", handle.ended()).await;
        assert!(!registry.readiness().is_ready());
        watch.until(Status::Stopped).await;
        watch.ends().await;
        ended.push(handle);
    }
}

pub(crate) async fn dropping_the_handle_ends_everything<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let (handle, mut watch) = start(builder::<R>(&bus)).await;
    watch.until(Status::Running).await;
    let readiness = handle.readiness().clone();
    drop(handle);
    assert_eq!(watch.next().await.cause, Cause::ForcedStop);
    watch.ends().await;
    assert!(!readiness.is_ready());
    // The loop held the only other one.
    eventually::<R>("the end of the loop", || Arc::strong_count(&bus) == 1).await;
}

pub(crate) async fn waiting_for_ready_ends_when_the_supervision_does<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Silence);
    let (handle, _watch) = start(builder::<R>(&bus)).await;
    let (ended, ()) = join(handle.ready(), async { handle.begin_shutdown() }).await;
    let report = ended.expect_err("it was never ready").0;
    assert!(
        matches!(report.status, Status::NotReady | Status::Stopped),
        "{report:?}"
    );
}
