//! The end of a lease while the loop does not run: readers, probes and streams agree.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use futures::future::join;
use livebus_core::{Cause, FailureClass, Status};
use livebus_runner::{Time, Timer};
use livebus_tests::host::FullRunner;

use crate::probes::{any_port, request};
use crate::scripted_bus::{Answer, ScriptedBus, builder};
use crate::waiting::{ChangeStream, eventually, within};

/// The runtime's own time, except that the first timer, which is the loop's, never elapses.
struct StuckLoop {
    time: Arc<dyn Time>,
    loop_has_its_timer: AtomicBool,
}

impl Time for StuckLoop {
    fn now(&self) -> Instant {
        self.time.now()
    }

    fn timer(&self) -> Box<dyn Timer> {
        if self.loop_has_its_timer.swap(true, Ordering::Relaxed) {
            self.time.timer()
        } else {
            Box::new(Never)
        }
    }
}

struct Never;

impl Timer for Never {
    fn set(&mut self, _: Option<Instant>) {}

    fn poll_elapsed(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

pub(crate) async fn stream_probe_and_reader_agree_at_the_end_of_the_lease<R: FullRunner>() {
    let bus = ScriptedBus::new(Answer::Live);
    let time = Arc::new(StuckLoop {
        time: R::time(),
        loop_has_its_timer: AtomicBool::new(false),
    });
    let builder = builder::<R>(&bus).http(any_port()).time(time);
    let handle = builder.start().await.expect("the supervision starts");
    // Waits until the loop runs, so that the first timer is the loop's.
    eventually::<R>("a liveness message", || bus.messages_sent() > 0).await;
    let mut changes = ChangeStream::<R>::new(handle.changes_from_start());
    let running = changes.until(Status::Running).await;
    let over = changes.until(Status::NotReady).await;
    assert_eq!(
        (over.cause, over.evidence),
        (Cause::Starved, running.evidence)
    );
    assert_eq!(over.since, running.lease.expect("Running has a lease"));
    // `is_ready` uses the coarse clock, which may be one tick behind.
    eventually::<R>("the end of the lease", || !handle.is_ready()).await;
    assert_eq!(handle.status(), Status::NotReady);
    assert_eq!(request::<R, _>(&handle, "GET", "/readyz").await.status, 503);
    // The loop itself has not reported it.
    assert_eq!(handle.report().status, Status::Running);

    // Evidence, and a suspicion to wake the loop.
    let wait = within::<R, _>("ready", handle.ready());
    let (ready, ()) = join(wait, async {
        bus.observations.evidence_at(Instant::now());
        bus.observations.suspicion(FailureClass::Unreachable.into());
    })
    .await;
    ready.expect("the bus answers");
    changes.until(Status::Running).await;
    assert!(handle.is_ready());
    assert_eq!(request::<R, _>(&handle, "GET", "/readyz").await.status, 200);
}
