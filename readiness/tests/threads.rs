//! Reporters, followers and readers on several threads.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use livebus_core::{Cause, Report, Status};
use livebus_readiness::{Follower, Registry, StatusChange};

/// Many times the duration of anything here.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// Blocks its thread until it is woken.
#[derive(Default)]
struct Signal {
    set: Mutex<bool>,
    changed: Condvar,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        *self.set.lock().expect("no thread panics") = true;
        self.changed.notify_one();
    }
}

impl Signal {
    fn wait(&self) {
        let set = self.set.lock().expect("no thread panics");
        let waited = self
            .changed
            .wait_timeout_while(set, TEST_TIMEOUT, |it| !*it);
        let (mut set, timeout) = waited.expect("no thread panics");
        assert!(!timeout.timed_out(), "the follower is not woken");
        *set = false;
    }
}

/// Passes every change as of `now` to `see`, and `None` before each wait for another; returns at the end.
fn follow(mut follower: Follower, now: Instant, mut see: impl FnMut(Option<StatusChange>)) {
    let signal = Arc::new(Signal::default());
    let waker = Waker::from(Arc::clone(&signal));
    let mut context = Context::from_waker(&waker);
    loop {
        match follower.poll_change(now, &mut context) {
            Poll::Ready(Some(change)) => see(Some(change)),
            Poll::Ready(None) => return,
            Poll::Pending => {
                see(None);
                signal.wait();
            }
        }
    }
}

fn spin(times: u32) {
    (0..times).for_each(|_| std::hint::spin_loop());
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + TEST_TIMEOUT;
    let mut spins = 0_u32;
    while !condition() {
        spins += 1;
        if spins.is_multiple_of(1_024) {
            assert!(Instant::now() < end, "{what} does not come");
            thread::yield_now();
        }
    }
}

fn numbered(number: u32, now: Instant, lease: Instant) -> Report {
    Report {
        status: Status::Running,
        cause: Cause::Evidence,
        attempt: number,
        lease: Some(lease),
        ..Report::unreported(now)
    }
}

/// Each report waits until the follower has shown the one before, so that each must wake the follower, which is then about to
/// wait.
#[test]
fn each_report_wakes_a_follower_that_is_about_to_wait() {
    const REPORTS: u32 = 50_000;
    let now = Instant::now();
    let registry = Registry::builder().required("bus").build_at(now);
    let registry = registry.expect("one name");
    let bus = registry.reporter("bus").expect("it has none");
    let seen = Arc::new(AtomicU32::new(0));
    let follower = bus.service().follow_from_start();
    let following = thread::spawn({
        let seen = Arc::clone(&seen);
        move || {
            follow(follower, now, |change| {
                let Some(change) = change else { return };
                if change.report.status == Status::Running {
                    let before = seen.swap(change.report.attempt, Ordering::Release);
                    assert_eq!(before + 1, change.report.attempt, "in order, and each once");
                }
            });
        }
    });
    for number in 1..=REPORTS {
        // At different points before the wait.
        spin(number % 256);
        bus.report(now, numbered(number, now, now + HOUR));
        until("the report at its follower", || {
            seen.load(Ordering::Acquire) == number
        });
    }
    drop(bus);
    following.join().expect("it reaches the end");
}

/// The followers' clock is far ahead: a lease has run out as soon as it is reported, until it is renewed. The renewal comes while
/// they poll.
#[test]
fn a_renewal_wakes_the_followers_that_showed_the_end_of_the_lease() {
    const RENEWALS: u32 = 5_000;
    let now = Instant::now();
    let registry = Registry::builder().required("bus").build_at(now);
    let registry = registry.expect("one name");
    let bus = registry.reporter("bus").expect("it has none");
    // The number of the newest report, once it is shown as Running and nothing else is to be shown.
    let seen: [_; 3] = std::array::from_fn(|_| Arc::new(AtomicU32::new(0)));
    let threads = seen.clone().map(|seen| {
        let follower = bus.service().follow_from_start();
        thread::spawn(move || {
            let mut last = (Status::Unknown, 0);
            follow(follower, now + HOUR, |change| match change {
                Some(change) => {
                    assert_eq!(last.0, change.from);
                    last = (change.report.status, change.report.attempt);
                }
                None if last.0 == Status::Running => seen.store(last.1, Ordering::Release),
                None => {}
            });
        })
    });
    for number in 1..=RENEWALS {
        bus.report(now, numbered(number, now, now));
        spin(number % 64);
        bus.renew(now, now, now + 2 * HOUR);
        let all = || seen.iter().all(|it| it.load(Ordering::Acquire) == number);
        until("the renewal at its followers", all);
    }
    drop(bus);
    for thread in threads {
        thread.join().expect("it reaches the end");
    }
}

#[test]
fn threads_that_race_for_a_service_get_one_reporter_at_a_time() {
    let registry = Registry::builder().required("bus").build();
    let registry = registry.expect("one name");
    let (held, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5_000 {
                    let Ok(bus) = registry.reporter("bus") else {
                        continue;
                    };
                    assert_eq!(held.fetch_add(1, Ordering::SeqCst), 0, "two at a time");
                    assert_eq!(bus.service().status(), Status::Unknown);
                    let now = Instant::now();
                    bus.set(now, Status::Running, now + HOUR);
                    assert!(registry.readiness().is_ready());
                    taken.fetch_add(1, Ordering::Relaxed);
                    held.fetch_sub(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert!(taken.into_inner() > 0);
    assert!(!registry.readiness().is_ready());
    assert!(registry.reporter("bus").is_ok());
}

/// Some evaluations are slow between the read and the result, so that the other reporter can report in between.
#[test]
fn readiness_follows_from_the_last_report_of_each_service() {
    const ROUNDS: u32 = 2_000;
    static EVALUATIONS: AtomicU32 = AtomicU32::new(0);
    let now = Instant::now();
    let names = Registry::builder().required("a").required("b");
    let names = names.ready_when(|mut all| {
        let ready = all.all(|service| service.status == Status::Running);
        let is_slow = EVALUATIONS
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(3);
        spin(if is_slow { 2_000 } else { 0 });
        ready
    });
    let registry = names.build_at(now).expect("the names differ");
    let readiness = registry.readiness();
    let [a, b] = ["a", "b"].map(|name| registry.reporter(name).expect("it has none"));
    // The round that may begin, and the number of reports that are done.
    let (begun, done) = (AtomicU32::new(0), AtomicU32::new(0));
    thread::scope(|scope| {
        let both = [(&a, Status::NotReady, 10), (&b, Status::Running, 0)];
        for (reporter, status, delay) in both {
            let (begun, done) = (&begun, &done);
            scope.spawn(move || {
                for round in 1..=ROUNDS {
                    reporter.set(now, Status::Running, now + HOUR);
                    until("the round", || begun.load(Ordering::Acquire) >= round);
                    spin(delay * (round % 64));
                    reporter.set(now, status, now + HOUR);
                    done.fetch_add(1, Ordering::Release);
                    until("its end", || begun.load(Ordering::Acquire) > round);
                }
            });
        }
        for round in 1..=ROUNDS {
            begun.store(round, Ordering::Release);
            until("both reports", || done.load(Ordering::Acquire) == 2 * round);
            assert!(!readiness.is_ready_at(now), "round {round}: a is not ready");
        }
        begun.store(ROUNDS + 1, Ordering::Release);
    });
}

#[test]
fn followers_can_be_added_and_dropped_during_reports() {
    let now = Instant::now();
    let registry = Registry::builder().required("bus").build_at(now);
    let registry = registry.expect("one name");
    let bus = registry.reporter("bus").expect("it has none");
    let service = bus.service();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut shown = 0_u32;
                let mut is_last = false;
                while !is_last {
                    is_last = is_over.load(Ordering::Acquire);
                    let mut follower = service.follow_from_start();
                    let mut context = Context::from_waker(Waker::noop());
                    let mut last = None;
                    while let Poll::Ready(Some(change)) = follower.poll_change(now, &mut context) {
                        assert!(last.is_none_or(|last| last < change.report.attempt));
                        last = Some(change.report.attempt);
                        shown += 1;
                    }
                }
                assert!(shown > 0);
            });
        }
        for number in 1..=50_000 {
            bus.report(now, numbered(number, now, now + HOUR));
        }
        is_over.store(true, Ordering::Release);
    });
}
