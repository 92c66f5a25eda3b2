//! The order in which a report becomes visible: bad news ends the readiness of the process first, and good news begins it last.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use livebus_core::Status;
use livebus_readiness::{Readiness, Registry, Service};

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
