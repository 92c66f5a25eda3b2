//! What the health service answers, with a clock that is turned.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::StreamExt as _;
use futures::executor::block_on;
use livebus_core::Status;
use livebus_grpc::ServingStatus::{NotServing, ServiceUnknown, Serving};
use livebus_grpc::{Health, HealthClient, RegisterError};
use livebus_readiness::{Clock, Reader};
use livebus_runner::Time as _;
use support::{LEASE, Process, poll};
use tonic::Code;

const TICK: Duration = Clock::MAX_TICK;

fn health(process: &Process) -> Health {
    Health::new(process.readiness.clone(), Arc::new(process.time.clone()))
}

#[test]
fn nothing_is_serving_before_the_first_proof() {
    let process = Process::new();
    let mut client = HealthClient::new(health(&process));
    for name in ["", "bus", "cache"] {
        assert_eq!(block_on(client.check(name)).expect(name), NotServing);
    }
    process.runs();
    for (name, status) in [("", Serving), ("bus", Serving), ("cache", NotServing)] {
        assert_eq!(block_on(client.check(name)).expect(name), status);
    }
    let listed = block_on(client.list()).expect("there are three");
    let expected = [("", Serving), ("bus", Serving), ("cache", NotServing)];
    assert!(listed.iter().map(|(name, it)| (&**name, *it)).eq(expected));
}

#[test]
fn an_unknown_name_is_not_found() {
    let process = Process::new();
    let mut client = HealthClient::new(health(&process));
    let error = block_on(client.check("orders")).expect_err("unknown");
    assert_eq!(error.code(), Code::NotFound);
}

#[test]
fn a_watch_of_an_unknown_name_follows_its_registration() {
    let process = Process::new();
    let health = health(&process);
    let mut watch = health.watch("orders.v1.Orders");
    assert_eq!(poll(&mut watch), Poll::Ready(Some(ServiceUnknown)));
    assert_eq!(poll(&mut watch), Poll::Pending);
    let woken = woken_by(&mut watch, || {
        health.register("orders.v1.Orders").expect("it is free");
    });
    assert_eq!(woken, 1);
    assert_eq!(poll(&mut watch), Poll::Ready(Some(NotServing)));
    health
        .register_for("orders.v1.Orders", "cache")
        .expect("it is declared");
    process.runs();
    assert_eq!(poll(&mut watch), Poll::Pending, "the cache is not Running");
    health.unregister("orders.v1.Orders");
    assert_eq!(poll(&mut watch), Poll::Ready(Some(ServiceUnknown)));
    assert_eq!(poll(&mut watch), Poll::Pending);
}

#[test]
fn a_name_that_has_a_meaning_cannot_be_registered() {
    let process = Process::new();
    let health = health(&process);
    for name in ["", "bus", "cache"] {
        assert_eq!(
            health.register(name),
            Err(RegisterError::Taken(name.to_owned()))
        );
    }
    let unknown = health.register_for("orders", "no-bus");
    assert!(matches!(unknown, Err(RegisterError::Unknown(_))));
}

#[test]
fn a_watch_sends_edges_only() {
    let process = Process::new();
    let mut watch = health(&process).watch("");
    assert_eq!(poll(&mut watch), Poll::Ready(Some(NotServing)));
    for _ in 0..3 {
        process.is_lost();
        assert_eq!(poll(&mut watch), Poll::Pending);
    }
    for _ in 0..3 {
        process.runs();
    }
    assert_eq!(poll(&mut watch), Poll::Ready(Some(Serving)));
    assert_eq!(poll(&mut watch), Poll::Pending);
}

/// Nothing is kept for it but the newest status, which may be the one that it has seen.
#[test]
fn a_slow_watcher_gets_the_newest_status_only() {
    let process = Process::new();
    let mut watch = health(&process).watch("");
    assert_eq!(poll(&mut watch), Poll::Ready(Some(NotServing)));
    for _ in 0..1_000 {
        process.runs();
        process.is_lost();
    }
    assert_eq!(poll(&mut watch), Poll::Pending);
    process.runs();
    assert_eq!(poll(&mut watch), Poll::Ready(Some(Serving)));
    assert_eq!(poll(&mut watch), Poll::Pending);
}

#[test]
fn the_end_of_a_lease_is_an_edge_without_a_report() {
    let process = Process::new();
    let health = health(&process);
    let mut watch = health.watch("bus");
    process.runs();
    assert_eq!(poll(&mut watch), Poll::Ready(Some(Serving)));
    process.time.advance(LEASE.saturating_sub(TICK));
    assert_eq!(
        poll(&mut watch),
        Poll::Pending,
        "it holds at its last instant"
    );
    process.time.advance(Duration::from_nanos(1));
    assert_eq!(poll(&mut watch), Poll::Ready(Some(NotServing)));
    let mut client = HealthClient::new(health);
    assert_eq!(block_on(client.check("")).expect("it is known"), NotServing);
    let now = process.time.now();
    assert!(process.readiness.is_ready_for(Reader::Probes, now));
    assert!(!process.readiness.is_ready_for(Reader::Gate, now));

    let woken = woken_by(&mut watch, || process.renews());
    assert_eq!(woken, 1, "a renewal after the end is news");
    assert_eq!(poll(&mut watch), Poll::Ready(Some(Serving)));
}

/// A renewal in time wakes nobody: the timer of each watch finds the new lease when it elapses.
#[test]
fn a_renewal_in_time_is_no_edge() {
    let process = Process::new();
    let mut watch = health(&process).watch("");
    process.runs();
    assert_eq!(poll(&mut watch), Poll::Ready(Some(Serving)));
    for _ in 0..5 {
        process.time.advance(LEASE / 2);
        let woken = woken_by(&mut watch, || process.renews());
        assert_eq!(woken, 0);
        assert_eq!(poll(&mut watch), Poll::Pending);
    }
}

#[test]
fn watches_end_with_the_supervision() {
    let process = Process::new();
    let health = health(&process);
    let mut watches = ["", "bus", "orders"].map(|name| health.watch(name));
    process.runs();
    for watch in &mut watches {
        assert!(matches!(poll(watch), Poll::Ready(Some(_))));
        assert_eq!(poll(watch), Poll::Pending);
    }
    drop(process.bus);
    for watch in &mut watches[..2] {
        assert_eq!(poll(watch), Poll::Ready(Some(NotServing)));
    }
    for watch in &mut watches {
        assert_eq!(poll(watch), Poll::Ready(None));
    }
    let late: Vec<_> = block_on(health.watch("").collect());
    assert_eq!(late, [NotServing]);
}

#[test]
fn watches_end_by_the_shutdown() {
    let process = Process::new();
    let health = health(&process);
    let mut watch = health.watch("");
    process.runs();
    assert_eq!(poll(&mut watch), Poll::Ready(Some(Serving)));
    assert_eq!(woken_by(&mut watch, || health.shutdown()), 1);
    assert_eq!(poll(&mut watch), Poll::Ready(Some(NotServing)));
    assert_eq!(poll(&mut watch), Poll::Ready(None));
    assert!(process.readiness.is_ready_at(process.time.now()));
}

#[test]
fn a_list_has_at_most_a_hundred_names() {
    let process = Process::new();
    let health = health(&process);
    for number in 0..97 {
        health.register(number.to_string()).expect("it is free");
    }
    let mut client = HealthClient::new(health.clone());
    assert_eq!(block_on(client.list()).map(|it| it.len()).ok(), Some(100));
    health.register("one more").expect("it is free");
    let error = block_on(client.list()).expect_err("there are 101");
    assert_eq!(error.code(), Code::ResourceExhausted);
    process
        .bus
        .set(process.time.now(), Status::Failed, process.time.now());
    let last = block_on(client.check("one more"));
    assert_eq!(last.expect("it is known"), NotServing);
}

/// Returns how often a pending watch is woken by `change`.
fn woken_by(watch: &mut livebus_grpc::WatchStream, change: impl FnOnce()) -> usize {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&count));
    let pending = watch.poll_next_unpin(&mut Context::from_waker(&waker));
    assert!(pending.is_pending(), "{pending:?}");
    change();
    count.0.load(Ordering::Relaxed)
}
