//! Reading takes no lock, so that a request never waits for a reporter.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use livebus_core::Status;
use livebus_readiness::Registry;

const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Whether predicates block.
static HELD: AtomicBool = AtomicBool::new(false);
/// Whether one was blocked.
static BLOCKED: AtomicBool = AtomicBool::new(false);

#[test]
fn is_ready_returns_while_a_report_is_in_progress() {
    let now = Instant::now();
    // The predicate runs inside each report.
    let names = Registry::builder().required("bus").ready_when(|mut all| {
        let end = Instant::now() + TEST_TIMEOUT;
        while HELD.load(Ordering::Acquire) && Instant::now() < end {
            BLOCKED.store(true, Ordering::Release);
            thread::yield_now();
        }
        all.all(|service| service.status == Status::Running)
    });
    let registry = names.build_at(now).expect("one name");
    let bus = registry.reporter("bus").expect("it has none");
    let readiness = registry.readiness();
    bus.set(now, Status::Running, now + TEST_TIMEOUT);
    assert!(readiness.is_ready_at(now));

    HELD.store(true, Ordering::Release);
    let reporting = thread::spawn(move || bus.set(now, Status::NotReady, now));
    let (result, results) = channel();
    let reading = thread::spawn({
        let readiness = readiness.clone();
        move || {
            // Until the report is being published, while its result is not stored.
            while !BLOCKED.load(Ordering::Acquire) {
                thread::yield_now();
            }
            result.send(readiness.is_ready_at(now))
        }
    });
    let read = results.recv_timeout(TEST_TIMEOUT / 2);
    HELD.store(false, Ordering::Release);
    assert_eq!(read, Ok(true), "it waited, or read a partial result");
    reading
        .join()
        .expect("it reads")
        .expect("the receiver exists");
    reporting.join().expect("it reports");
    assert!(!readiness.is_ready_at(now));
}
