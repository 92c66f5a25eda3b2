//! Followers: the reports of a service, and the end of its lease without a report.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use livebus_core::{Cause, FailureClass, Report, Status};
use livebus_readiness::{Follower, Registry, Reporter, StatusChange};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn registry(now: Instant) -> Registry {
    let builder = Registry::builder().required("bus");
    builder.build_at(now).expect("one name")
}

fn reporter(registry: &Registry) -> Reporter {
    registry
        .reporter("bus")
        .expect("it is declared, and has none")
}

fn running(now: Instant, lease: Instant) -> Report {
    Report {
        status: Status::Running,
        cause: Cause::Evidence,
        evidence: Some(now),
        lease: Some(lease),
        since: now,
        ..Report::unreported(now)
    }
}

fn not_ready(now: Instant, cause: Cause) -> Report {
    Report {
        status: Status::NotReady,
        cause,
        since: now,
        ..Report::unreported(now)
    }
}

/// Returns all changes to show at `now`; a last `None` is the end.
fn shown(follower: &mut Follower, now: Instant) -> Vec<Option<StatusChange>> {
    let mut context = Context::from_waker(Waker::noop());
    let mut shown = Vec::new();
    while let Poll::Ready(change) = follower.poll_change(now, &mut context) {
        shown.push(change);
        if change.is_none() {
            break;
        }
    }
    shown
}

fn statuses(shown: &[Option<StatusChange>]) -> Vec<(Status, Status)> {
    let changes = shown.iter().flatten();
    changes
        .map(|change| (change.from, change.report.status))
        .collect()
}

/// Returns the last instant that the clock can represent.
fn last_instant(mut last: Instant) -> Instant {
    for bit in (0..94).rev() {
        let (secs, nanos) = (
            (1_u128 << bit) / 1_000_000_000,
            (1_u128 << bit) % 1_000_000_000,
        );
        let secs = u64::try_from(secs).unwrap_or(u64::MAX);
        let nanos = u32::try_from(nanos).expect("less than a second");
        last = last.checked_add(Duration::new(secs, nanos)).unwrap_or(last);
    }
    last
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Wakes {
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

#[test]
fn every_report_is_shown_once_in_order_and_then_the_end() {
    let now = Instant::now();
    let registry = registry(now);
    let bus = reporter(&registry);
    let mut all = bus.service().follow_from_start();
    bus.set(now, Status::Preparing, now);
    let mut rest = registry
        .readiness()
        .service("bus")
        .expect("declared")
        .follow();
    bus.report(now + ms(1), running(now, now + ms(9_000)));
    bus.report(now + ms(2), not_ready(now, Cause::ShuttingDown));
    let at = now + ms(2);
    let ran = (Status::Preparing, Status::Running);
    let lost = (Status::Running, Status::NotReady);
    assert_eq!(
        statuses(&shown(&mut all, at)),
        [(Status::Unknown, Status::Preparing), ran, lost]
    );
    assert_eq!(statuses(&shown(&mut rest, at)), [ran, lost]);
    assert!(shown(&mut all, at).is_empty());
    bus.close(now + ms(3));
    drop(bus);
    let end = shown(&mut all, at);
    assert_eq!(statuses(&end), [(Status::NotReady, Status::Stopped)]);
    assert_eq!(end.last(), Some(&None));
    // The reports of another reporter are not shown.
    let next = reporter(&registry);
    next.set(now + ms(4), Status::Preparing, now);
    assert_eq!(
        statuses(&shown(&mut rest, at)),
        [(Status::NotReady, Status::Stopped)]
    );
    assert_eq!(shown(&mut rest, at), [None]);
}

#[test]
fn the_end_of_a_lease_is_shown_without_a_report_and_at_its_instant() {
    let now = Instant::now();
    let registry = registry(now);
    let bus = reporter(&registry);
    let mut follower = bus.service().follow_from_start();
    let lease = now + ms(9_500);
    bus.report(now, running(now, lease));
    shown(&mut follower, now);
    let due = follower.poll_timeout().expect("the lease ends");
    assert_eq!(due, lease + Follower::GRACE);
    assert!(shown(&mut follower, lease).is_empty());
    assert!(registry.readiness().is_ready_at(lease) && !registry.readiness().is_ready_at(due));
    let just_before = lease + Follower::GRACE.saturating_sub(Duration::from_nanos(1));
    assert!(shown(&mut follower, just_before).is_empty());
    let lapsed = shown(&mut follower, due);
    let [Some(change)] = lapsed[..] else {
        panic!("one change: {lapsed:?}");
    };
    assert_eq!((change.from, change.at), (Status::Running, lease));
    assert_eq!(
        change.report,
        Report {
            evidence: Some(now),
            ..not_ready(lease, Cause::Starved)
        }
    );
    assert_eq!(follower.poll_timeout(), None);
    assert!(shown(&mut follower, due + ms(1)).is_empty());
}

#[test]
fn a_report_of_a_lapse_that_was_shown_is_not_shown_again() {
    let now = Instant::now();
    let registry = registry(now);
    let bus = reporter(&registry);
    let mut follower = bus.service().follow_from_start();
    bus.report(now, running(now, now + ms(10)));
    shown(&mut follower, now + ms(20));
    bus.report(now + ms(22), not_ready(now + ms(22), Cause::Starved));
    assert!(shown(&mut follower, now + ms(22)).is_empty());
    bus.report(now + ms(23), running(now + ms(23), now + ms(40)));
    let back = (Status::NotReady, Status::Running);
    assert_eq!(statuses(&shown(&mut follower, now + ms(23))), [back]);
}

#[test]
fn another_cause_after_the_end_of_a_lease_is_shown() {
    let now = Instant::now();
    let registry = registry(now);
    let bus = reporter(&registry);
    let mut follower = bus.service().follow_from_start();
    bus.report(now, running(now, now + ms(10)));
    shown(&mut follower, now + ms(20));
    let cause = Cause::LivenessFailed(FailureClass::Timeout.into());
    bus.report(now + ms(22), not_ready(now + ms(22), cause));
    let changes = shown(&mut follower, now + ms(22));
    let change = changes[0].expect("it is a change");
    assert_eq!(
        (change.from, change.report.cause),
        (Status::NotReady, cause)
    );
}

#[test]
fn a_renewal_after_the_end_was_shown_is_shown_and_wakes() {
    let now = Instant::now();
    let registry = registry(now);
    let bus = reporter(&registry);
    let mut follower = bus.service().follow_from_start();
    let count = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut context = Context::from_waker(&waker);
    bus.report(now, running(now, now + ms(10)));
    let mut poll = |now| follower.poll_change(now, &mut context);
    assert!(poll(now).is_ready() && poll(now).is_pending());
    // While the lease holds, a renewal wakes no follower.
    bus.renew(now + ms(5), now + ms(5), now + ms(15));
    assert_eq!(count.take(), 0);
    assert!(poll(now + ms(25)).is_ready() && poll(now + ms(25)).is_pending());
    bus.renew(now + ms(26), now + ms(26), now + ms(40));
    assert_eq!(count.take(), 1);
    let Poll::Ready(Some(change)) = poll(now + ms(27)) else {
        panic!("it is Running again");
    };
    assert_eq!(
        (change.from, change.report.status),
        (Status::NotReady, Status::Running)
    );
    assert_eq!(change.report.lease, Some(now + ms(40)));
    assert!(poll(now + ms(27)).is_pending());
    // The end of a lease that no poll has shown needs no wake.
    bus.renew(now + ms(28), now + ms(28), now + ms(41));
    assert_eq!(count.take(), 0);
}

#[test]
fn a_lease_that_is_shortened_wakes() {
    let now = Instant::now();
    let registry = registry(now);
    let bus = reporter(&registry);
    let mut follower = bus.service().follow_from_start();
    let count = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut context = Context::from_waker(&waker);
    bus.report(now, running(now, now + ms(9_000)));
    assert!(follower.poll_change(now, &mut context).is_ready());
    assert!(follower.poll_change(now, &mut context).is_pending());
    bus.renew(now, now, now + ms(9_000));
    assert_eq!(count.take(), 0, "it ends when it ended");
    bus.renew(now, now, now + ms(100));
    assert_eq!(count.take(), 1);
    assert!(follower.poll_change(now, &mut context).is_pending());
    let due = now + ms(100) + Follower::GRACE;
    assert_eq!(follower.poll_timeout(), Some(due));
}

#[test]
fn a_lease_to_the_last_instant_of_the_clock_never_runs_out() {
    let now = Instant::now();
    let registry = registry(now);
    let bus = reporter(&registry);
    let mut follower = bus.service().follow_from_start();
    let last = last_instant(now);
    bus.set(now, Status::Running, last);
    assert_eq!(shown(&mut follower, now).len(), 1);
    assert_eq!(follower.poll_timeout(), None);
    assert!(shown(&mut follower, last).is_empty());
    assert!(registry.readiness().is_ready_at(last));
}

#[test]
fn a_report_and_the_end_of_the_reporter_wake() {
    let now = Instant::now();
    let registry = registry(now);
    let bus = reporter(&registry);
    let mut follower = bus.service().follow_from_start();
    let count = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut context = Context::from_waker(&waker);
    assert!(follower.poll_change(now, &mut context).is_pending());
    bus.set(now, Status::Stopped, now);
    assert_eq!(count.take(), 1);
    assert!(follower.poll_change(now, &mut context).is_ready());
    assert!(follower.poll_change(now, &mut context).is_pending());
    drop(bus);
    assert_eq!(count.take(), 1);
    assert_eq!(follower.poll_change(now, &mut context), Poll::Ready(None));
}

#[test]
fn a_slow_follower_continues_with_the_oldest_kept_change_and_counts_the_rest() {
    let now = Instant::now();
    let registry = registry(now);
    let bus = reporter(&registry);
    let mut follower = bus.service().follow_from_start();
    for n in 0..100 {
        bus.set(now + ms(n), Status::NotReady, now);
    }
    let changes = shown(&mut follower, now + ms(100));
    assert_eq!((changes.len(), follower.missed()), (64, 36));
    let first = changes[0].expect("a change");
    assert_eq!((first.from, first.at), (Status::Unknown, now + ms(36)));
    assert!(shown(&mut follower, now + ms(100)).is_empty());
    assert_eq!(follower.missed(), 36);
}

#[test]
fn the_first_change_of_a_late_follower_has_the_status_before() {
    let now = Instant::now();
    let registry = registry(now);
    let bus = reporter(&registry);
    for n in 0..100 {
        bus.set(now + ms(n), Status::Preparing, now);
    }
    bus.set(now + ms(100), Status::Failed, now);
    let mut follower = bus.service().follow_from_start();
    let changes = shown(&mut follower, now + ms(100));
    assert_eq!((changes.len(), follower.missed()), (64, 37));
    let first = statuses(&changes[..1]);
    assert_eq!(first, [(Status::Preparing, Status::Preparing)]);
}

#[test]
fn changes_of_another_reporter_do_not_count_as_missed() {
    let now = Instant::now();
    let registry = registry(now);
    let bus = reporter(&registry);
    let mut follower = bus.service().follow_from_start();
    bus.set(now, Status::Preparing, now);
    bus.close(now);
    drop(bus);
    for _ in 0..3 {
        let next = reporter(&registry);
        for n in 0..100 {
            next.set(now + ms(n), Status::NotReady, now);
        }
    }
    assert_eq!(shown(&mut follower, now + ms(100)), [None]);
    assert_eq!(follower.missed(), 2);
}

#[test]
fn a_follower_that_has_ended_does_not_wait_for_the_lease_of_another_reporter() {
    let now = Instant::now();
    let registry = registry(now);
    let bus = reporter(&registry);
    let mut follower = bus.service().follow();
    bus.report(now, running(now, now + ms(9_000)));
    shown(&mut follower, now);
    drop(bus);
    let next = reporter(&registry);
    for n in 0..100 {
        next.report(now + ms(n), running(now, now + ms(9_000)));
    }
    // The end of the first is not kept any more.
    assert_eq!(shown(&mut follower, now + ms(100)), [None]);
    assert_eq!(follower.poll_timeout(), None);
}

#[test]
fn the_service_of_a_reporter_follows_that_one_and_no_later_one() {
    let now = Instant::now();
    let registry = registry(now);
    let bus = reporter(&registry);
    let service = bus.service();
    bus.set(now, Status::Preparing, now);
    bus.close(now);
    drop(bus);
    let next = reporter(&registry);
    next.set(now, Status::NotReady, now);
    let mut follower = service.follow();
    assert_eq!(shown(&mut follower, now), [None]);
    let mut follower = service.follow_from_start();
    let changes = shown(&mut follower, now);
    assert_eq!(
        statuses(&changes),
        [
            (Status::Unknown, Status::Preparing),
            (Status::Preparing, Status::Stopped)
        ]
    );
    assert_eq!(changes.last(), Some(&None));
    // A service of the readiness follows the newest reporter.
    let service = registry.readiness().service("bus").expect("declared");
    assert!(shown(&mut service.follow(), now).is_empty());
}

#[test]
fn the_end_of_a_reporter_is_not_earlier_than_its_reports() {
    let registry = registry(Instant::now());
    for _ in 0..100 {
        let bus = reporter(&registry);
        let mut follower = bus.service().follow();
        let now = Instant::now();
        bus.set(now, Status::Running, now + ms(9_000));
        drop(bus);
        let changes = shown(&mut follower, now);
        let at: Vec<_> = changes.iter().flatten().map(|change| change.at).collect();
        assert!(at.is_sorted() && at.len() == 2, "{at:?}");
    }
}

#[test]
fn a_follower_of_a_service_without_a_reporter_ends_at_once() {
    let now = Instant::now();
    let registry = registry(now);
    let mut follower = registry
        .readiness()
        .service("bus")
        .expect("declared")
        .follow();
    assert_eq!(shown(&mut follower, now), [None]);
}

#[test]
fn a_follower_of_all_reporters_shows_each_of_them_and_never_ends() {
    let now = Instant::now();
    let registry = registry(now);
    let service = registry.readiness().service("bus").expect("declared");
    let mut follower = service.follow_all_reporters();
    assert_eq!(shown(&mut follower, now), []);
    for _ in 0..2 {
        let bus = reporter(&registry);
        bus.report(now, running(now, now + ms(100)));
        drop(bus);
        let changes = shown(&mut follower, now);
        let to: Vec<_> = statuses(&changes).into_iter().map(|(_, to)| to).collect();
        assert_eq!(to, [Status::Running, Status::Stopped]);
    }
    assert_eq!(follower.poll_timeout(), None);
}
