//! The order in which a report becomes visible: bad news ends the readiness of the process first, and good news begins it last.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use livebus_core::Status;
use livebus_readiness::{Clock, Reader, Readiness, Registry, Service};

const ROUNDS: u32 = 5_000;
/// Makes each round last, so that two threads meet in it.
const EVALUATION: Duration = Duration::from_micros(5);

#[test]
fn no_reader_sees_a_ready_process_with_a_service_that_is_not_running() {
    let names = Registry::builder().required("bus").ready_when(|mut all| {
        let end = Instant::now() + EVALUATION;
        while Instant::now() < end {}
        all.all(|service| service.status == Status::Running)
    });
    let now = Instant::now();
    let registry = names.build_at(now).expect("one name");
    let bus = registry.reporter("bus").expect("it has none");
    let (service, readiness) = (bus.service(), registry.readiness());
    let turn = Barrier::new(2);
    thread::scope(|threads| {
        threads.spawn(|| {
            for _ in 0..ROUNDS {
                for status in [Status::Running, Status::NotReady] {
                    turn.wait();
                    bus.set(now, status, now + Duration::from_hours(1));
                }
            }
        });
        for _ in 0..ROUNDS {
            turn.wait();
            let seen = service_once_ready(&readiness, &service, now);
            assert_eq!(seen, Status::Running, "the process was ready first");
            turn.wait();
            let seen = readiness_once_not_running(&readiness, &service, now);
            assert!(!seen, "the service was NotReady first");
        }
    });
}

#[test]
fn a_renewal_that_comes_late_wakes_those_that_may_show_the_end_of_the_lease() {
    let decided = Instant::now();
    let names = Registry::builder().required("bus");
    let registry = names.build_at(decided).expect("one name");
    let bus = registry.reporter("bus").expect("it has none");
    let lease = decided + 2 * Reader::Gate.lead();
    bus.set(decided, Status::Running, lease);
    let subscription = registry.readiness().subscribe();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    subscription.register(&Context::from_waker(&waker));
    // The lease ends while the reporter is on its way.
    while Instant::now() < lease + Clock::MAX_TICK {
        std::hint::spin_loop();
    }
    bus.renew(decided, decided, decided + Duration::from_hours(1));
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
}

/// Counts how often a task was woken.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Returns the status of the service as soon as the process is ready. No bad news follows in this round.
fn service_once_ready(readiness: &Readiness, service: &Service, now: Instant) -> Status {
    while !readiness.is_ready_at(now) {
        std::hint::spin_loop();
    }
    service.report().status
}

/// Returns whether the process is ready as soon as the service is not Running. No good news follows in this round.
fn readiness_once_not_running(readiness: &Readiness, service: &Service, now: Instant) -> bool {
    while service.report().status == Status::Running {
        std::hint::spin_loop();
    }
    readiness.is_ready_at(now)
}
