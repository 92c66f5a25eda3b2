//! Waits of a handle: the stream of changes, `ready` and the end.

use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use livebus_core::{Cause, Status};
use livebus_readiness::{Follower, Registry};
use livebus_runner::{Handle, Time as _};

use crate::harness::{ManualTime, NoBus, builder, poll, running, start};

const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Waits by the readers' own clock.
fn until_the_reader_sees(handle: &Handle<NoBus>, status: Status) {
    let end = Instant::now() + TEST_TIMEOUT;
    while handle.status() != status {
        assert!(Instant::now() < end, "it is {}", handle.status());
        thread::yield_now();
    }
}

/// The lease ends between a read of the clock and a poll of the timer.
#[test]
fn a_stream_whose_timer_has_elapsed_waits_for_the_next_report() {
    let time = ManualTime::default();
    let lease = time.now();
    let (handle, supervision) = start(builder(&time));
    let mut changes = handle.changes();
    let mut next =
        || poll(&mut changes.next()).map(|it| it.expect("it has not ended").report.status);
    supervision.effects.set_status(running(lease));
    assert_eq!(next(), Poll::Ready(Status::Running));
    let step = Duration::from_nanos(1);
    time.advances_on_read_by(step);
    time.set(lease + Follower::GRACE.saturating_sub(step));
    assert_eq!(next(), Poll::Ready(Status::NotReady));
    assert!(next().is_pending());
    supervision
        .effects
        .renew(lease, lease + Follower::GRACE * 2);
    assert_eq!(next(), Poll::Ready(Status::Running));
    assert!(next().is_pending());
}

#[test]
fn the_timer_of_a_stream_is_set_once_for_each_end_of_the_lease() {
    let time = ManualTime::default();
    let now = time.now();
    let (handle, supervision) = start(builder(&time));
    let mut changes = handle.changes();
    let mut is_pending = || poll(&mut changes.next()).is_pending();
    assert!(is_pending());
    assert_eq!(time.take_deadlines(), [None]);
    let lease = now + Duration::from_secs(9);
    supervision.effects.set_status(running(lease));
    assert!(!is_pending());
    for _ in 0..3 {
        assert!(is_pending());
    }
    assert_eq!(time.take_deadlines(), [Some(lease + Follower::GRACE)]);
    let shorter = now + Duration::from_secs(5);
    supervision.effects.renew(now, shorter);
    for _ in 0..3 {
        assert!(is_pending());
    }
    assert_eq!(time.take_deadlines(), [Some(shorter + Follower::GRACE)]);
}

/// The reader returns NotReady while the stream has not yielded that; the renewal is no change for the stream.
#[test]
fn ready_notices_a_renewal_that_comes_before_the_stream_shows_the_end_of_the_lease() {
    let time = ManualTime::default();
    let lease = time.now();
    let (handle, supervision) = start(builder(&time));
    supervision.effects.set_status(running(lease));
    until_the_reader_sees(&handle, Status::NotReady);
    let mut ready = pin!(handle.ready());
    assert!(poll(&mut ready).is_pending());
    let next = Instant::now() + Duration::from_hours(1);
    supervision.effects.renew(lease, next);
    until_the_reader_sees(&handle, Status::Running);
    // The timer wakes it.
    time.set(lease + Follower::GRACE);
    assert_eq!(poll(&mut ready), Poll::Ready(Ok(())));
}

#[test]
fn the_end_of_a_supervision_does_not_end_the_next_one_of_its_service() {
    let time = ManualTime::default();
    let registry = Registry::builder().required("bus").build_at(time.now());
    let registry = registry.expect("one name");
    let reporter = || registry.reporter("bus").expect("it is free");
    let (first, supervision) = start(builder(&time).reporter(reporter()));
    supervision.effects.set_status(running(time.now()));
    {
        let mut ended = pin!(first.ended());
        assert!(poll(&mut ended).is_pending());
        drop(supervision);
        assert_eq!(poll(&mut ended), Poll::Ready(()));
    }
    assert_eq!(first.report().cause, Cause::ForcedStop);

    let (second, supervision) = start(builder(&time).reporter(reporter()));
    let mut ready = pin!(second.ready());
    assert!(poll(&mut ready).is_pending(), "it has reported nothing yet");
    supervision
        .effects
        .set_status(running(Instant::now() + TEST_TIMEOUT));
    assert_eq!(poll(&mut ready), Poll::Ready(Ok(())));
    // The first stays ended, whatever the second does.
    assert_eq!(poll(&mut pin!(first.ended())), Poll::Ready(()));
    let ended = poll(&mut pin!(first.ready())).map(|it| it.map_err(|error| error.0.cause));
    assert_eq!(ended, Poll::Ready(Err(Cause::ForcedStop)));
    assert_eq!(poll(&mut first.changes().next()), Poll::Ready(None));
    let mut kept = first.changes_from_start();
    let mut next = || poll(&mut kept.next()).map(|it| it.map(|change| change.report.status));
    assert_eq!(next(), Poll::Ready(Some(Status::Running)));
    assert_eq!(next(), Poll::Ready(Some(Status::Stopped)));
    assert_eq!(next(), Poll::Ready(None));
    let last = poll(&mut pin!(first.shutdown())).map(|report| report.cause);
    assert_eq!(last, Poll::Ready(Cause::ForcedStop));
}

#[test]
fn shutdown_returns_the_last_report_of_its_own_supervision() {
    let time = ManualTime::default();
    let registry = Registry::builder().required("bus").build_at(time.now());
    let registry = registry.expect("one name");
    let reporter = || registry.reporter("bus").expect("it is free");
    let (handle, supervision) = start(builder(&time).reporter(reporter()));
    let mut shutdown = pin!(handle.shutdown());
    assert!(poll(&mut shutdown).is_pending());
    drop(supervision);
    let _next = reporter();
    assert_eq!(
        poll(&mut shutdown).map(|report| report.cause),
        Poll::Ready(Cause::ForcedStop)
    );
}
