//! Predicates and wakers are foreign code: they may call the readiness again, and they may panic.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use livebus_core::Status;
use livebus_readiness::{Readiness, Registry, Reporter};

/// Many times the duration of anything here.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Runs `work`; fails when it does not return in time.
fn bounded<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, is_done) = channel();
    let working = thread::spawn(move || {
        let _ = done.send(work());
    });
    let result = is_done.recv_timeout(TEST_TIMEOUT);
    if result.is_ok() {
        working.join().expect("it has returned");
    }
    result.expect("it returns in time, without a panic")
}

struct CallbackWaker<F>(F);

impl<F: Fn() + Send + Sync + 'static> Wake for CallbackWaker<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

#[test]
fn a_waker_may_read_follow_and_report() {
    bounded(|| {
        let now = Instant::now();
        let names = Registry::builder().required("bus").required("cache");
        let registry = Arc::new(names.build_at(now).expect("the names differ"));
        let bus = registry.reporter("bus").expect("it has none");
        let mut follower = bus.service().follow();
        let calls = Arc::new(AtomicUsize::new(0));
        let waker = Waker::from(Arc::new(CallbackWaker({
            let (registry, readiness) = (Arc::clone(&registry), registry.readiness());
            let (bus, calls) = (bus.service(), Arc::clone(&calls));
            move || {
                let _read = (readiness.is_ready(), readiness.is_healthy());
                let cache = registry.reporter("cache").expect("it has none");
                cache.set(now, bus.report().status, now);
                drop(bus.follow_from_start());
                calls.fetch_add(1, Ordering::Relaxed);
            }
        })));
        let mut context = Context::from_waker(&waker);
        assert!(follower.poll_change(now, &mut context).is_pending());
        bus.set(now, Status::Running, now + ms(10));
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        assert!(follower.poll_change(now, &mut context).is_ready());
        // A renewal wakes a follower that has shown the end of the lease.
        assert!(follower.poll_change(now + ms(20), &mut context).is_ready());
        assert!(
            follower
                .poll_change(now + ms(20), &mut context)
                .is_pending()
        );
        bus.renew(now, now, now + ms(100));
        assert_eq!(calls.load(Ordering::Relaxed), 2);
        assert!(follower.poll_change(now + ms(20), &mut context).is_ready());
        assert!(
            follower
                .poll_change(now + ms(20), &mut context)
                .is_pending()
        );
        drop(bus);
        assert_eq!(calls.load(Ordering::Relaxed), 3);
    });
}

#[test]
fn a_waker_that_panics_does_not_affect_other_wakers() {
    let now = Instant::now();
    let registry = Registry::builder().required("bus").build_at(now);
    let registry = registry.expect("one name");
    let bus = registry.reporter("bus").expect("it has none");
    let panics = Waker::from(Arc::new(CallbackWaker(|| {
        resume_unwind(Box::new("on purpose"))
    })));
    let woken = Arc::new(AtomicUsize::new(0));
    let counts = Waker::from(Arc::new(CallbackWaker({
        let woken = Arc::clone(&woken);
        move || {
            woken.fetch_add(1, Ordering::Relaxed);
        }
    })));
    let mut followers = [&panics, &counts].map(|waker| (bus.service().follow(), waker));
    for (follower, waker) in &mut followers {
        let polled = follower.poll_change(now, &mut Context::from_waker(waker));
        assert!(polled.is_pending());
    }
    bus.set(now, Status::Running, now + ms(10));
    assert_eq!(woken.load(Ordering::Relaxed), 1);
    for (follower, waker) in &mut followers {
        let mut context = Context::from_waker(waker);
        assert!(follower.poll_change(now, &mut context).is_ready());
        assert!(follower.poll_change(now, &mut context).is_pending());
    }
    drop(bus);
    assert!(!registry.readiness().is_ready_at(now));
    let [(follower, waker), _] = &mut followers;
    let mut context = Context::from_waker(waker);
    assert!(follower.poll_change(now, &mut context).is_ready());
    assert_eq!(follower.poll_change(now, &mut context), Poll::Ready(None));
    assert!(registry.reporter("bus").is_ok(), "the service is free");
}

#[test]
fn a_predicate_that_queries_its_own_readiness_gets_false() {
    static OWN: OnceLock<Readiness> = OnceLock::new();
    static LATER: OnceLock<Instant> = OnceLock::new();
    bounded(|| {
        let now = Instant::now();
        let later = *LATER.get_or_init(|| now + ms(20));
        let names = Registry::builder().required("bus").ready_when(|mut all| {
            let own = OWN.get().zip(LATER.get());
            let was_ready = own.is_some_and(|(own, later)| own.is_ready_at(*later));
            was_ready || all.all(|service| service.status == Status::Running)
        });
        let registry = names.build_at(now).expect("one name");
        let readiness = OWN.get_or_init(|| registry.readiness());
        let bus = registry.reporter("bus").expect("it has none");
        bus.set(now, Status::Running, now + ms(10));
        assert!(readiness.is_ready_at(now));
        // The lease has run out, so this evaluates the predicate.
        assert!(!readiness.is_ready_at(later));
        bus.set(now, Status::NotReady, now);
        assert!(!readiness.is_ready_at(now));
    });
}

#[test]
fn a_predicate_may_query_the_readiness_of_another_registry() {
    static OTHER: OnceLock<(Readiness, Instant)> = OnceLock::new();
    bounded(|| {
        let now = Instant::now();
        let names = Registry::builder().required("cache");
        let names = names.ready_when(|mut all| all.all(|it| it.status != Status::Stopped));
        let other = names.build_at(now).expect("one name");
        let cache = other.reporter("cache").expect("it has none");
        // Its lease runs out first, so that the query evaluates the predicate of the other.
        cache.set(now, Status::Running, now + ms(10));
        OTHER.get_or_init(|| (other.readiness(), now + ms(20)));
        let names = Registry::builder().required("bus");
        let names = names.ready_when(|_| {
            OTHER
                .get()
                .is_some_and(|(other, later)| other.is_ready_at(*later))
        });
        let registry = names.build_at(now).expect("one name");
        assert!(registry.readiness().is_ready_at(now));
    });
}

#[test]
fn predicates_that_query_each_other_end_with_false() {
    static BOTH: OnceLock<([Readiness; 2], Instant)> = OnceLock::new();
    fn is_ready_later(index: usize) -> bool {
        BOTH.get()
            .is_none_or(|(both, later)| both[index].is_ready_at(*later))
    }
    bounded(|| {
        let now = Instant::now();
        let first = Registry::builder().required("bus");
        let first = first.ready_when(|_| is_ready_later(1));
        let second = Registry::builder().required("bus");
        let second = second.ready_when(|_| is_ready_later(0));
        let registries = [first, second].map(|it| it.build_at(now).expect("one name"));
        let _reporters = registries.each_ref().map(|registry| {
            let bus = registry.reporter("bus").expect("it has none");
            bus.set(now, Status::Running, now + ms(10));
            bus
        });
        let both = registries.each_ref().map(Registry::readiness);
        let later = now + ms(20);
        let (both, _) = BOTH.get_or_init(|| (both, later));
        assert!(both.iter().all(|it| it.is_ready_at(now)));
        assert!(!both.iter().any(|it| it.is_ready_at(later)));
    });
}

#[test]
fn a_predicate_that_reports_gives_false() {
    static OWN: OnceLock<Reporter> = OnceLock::new();
    bounded(|| {
        let now = Instant::now();
        let names = Registry::builder().required("bus").optional("cache");
        let names = names.ready_when(|_| {
            if let Some(own) = OWN.get() {
                own.set(Instant::now(), Status::NotReady, Instant::now());
            }
            true
        });
        let registry = names.build_at(now).expect("the names differ");
        let bus = registry.reporter("bus").expect("it has none");
        bus.set(now, Status::Running, now + ms(10));
        assert!(registry.readiness().is_ready_at(now));
        OWN.get_or_init(|| registry.reporter("cache").expect("it has none"));
        bus.set(now, Status::Running, now + ms(10));
        assert!(!registry.readiness().is_ready_at(now));
    });
}
