//! Asking takes no lock, so that a request never waits for a reporter.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use livebus_core::Status;
use livebus_readiness::Registry;

const LONG: Duration = Duration::from_mins(1);

/// Whether the next verdict waits.
static HELD: AtomicBool = AtomicBool::new(false);

#[test]
fn is_ready_answers_while_a_reporter_is_in_the_middle_of_a_report() {
    let now = Instant::now();
    // It runs inside of each report.
    let names = Registry::builder().required("bus").ready_when(|mut all| {
        let patience = Instant::now() + LONG;
        while HELD.load(Ordering::Acquire) && Instant::now() < patience {
            thread::yield_now();
        }
        all.all(|service| service.status == Status::Running)
    });
    let registry = names.build_at(now).expect("one name");
    let bus = registry.reporter("bus").expect("it has none");
    let readiness = registry.readiness();
    bus.set(now, Status::Running, now + LONG);
    assert!(readiness.is_ready_at(now));

    HELD.store(true, Ordering::Release);
    let reporting = thread::spawn(move || bus.set(now, Status::NotReady, now));
    let (answer, answers) = channel();
    let asking = thread::spawn({
        let readiness = readiness.clone();
        move || {
            // The report is there, and what follows from it is not.
            let service = readiness.service("bus").expect("declared");
            while service.report().status == Status::Running {
                thread::yield_now();
            }
            answer.send(readiness.is_ready_at(now))
        }
    });
    let answered = answers.recv_timeout(LONG / 2);
    HELD.store(false, Ordering::Release);
    assert_eq!(answered, Ok(true), "it waited, or it saw half a verdict");
    asking.join().expect("it asks").expect("somebody listens");
    reporting.join().expect("it reports");
    assert!(!readiness.is_ready_at(now));
}
