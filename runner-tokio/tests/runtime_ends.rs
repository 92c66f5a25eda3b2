//! The end of a runtime under a supervision, and runtimes in which none can be started.

use std::thread;
use std::time::{Duration, Instant};

use futures::{FutureExt as _, StreamExt as _};
use livebus_tokio::Builder;
use livebus_tokio::core::{ClientId, Failure, Status};
use livebus_tokio::readiness::Registry;
use livebus_tokio::runner::{Bus, Observations};
use tokio::runtime::{self, Runtime};

const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// Completes every operation at once.
struct NoBus(Observations);

impl Bus for NoBus {
    async fn start(&self, _: ClientId, _: Instant) -> Result<(), Failure> {
        Ok(())
    }

    async fn send_liveness(&self, _: Instant) -> Result<(), Failure> {
        Ok(())
    }

    fn discard_client(&self, _: ClientId) {}

    async fn stop(&self, _: Instant) -> Result<(), Failure> {
        Ok(())
    }

    fn observations(&self) -> &Observations {
        &self.0
    }
}

fn builder() -> Builder<NoBus> {
    Builder::new(NoBus(Observations::new()))
}

fn schedulers() -> [Runtime; 2] {
    let mut two_threads = runtime::Builder::new_multi_thread();
    two_threads.worker_threads(2);
    [runtime::Builder::new_current_thread(), two_threads].map(|mut it| {
        let built = it.enable_all().build();
        built.expect("the system gives a runtime what it needs")
    })
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + TEST_TIMEOUT;
    while !condition() {
        assert!(Instant::now() < end, "{what} does not come");
        thread::yield_now();
    }
}

#[test]
fn a_runtime_that_ends_stops_the_service_and_frees_its_reporter() {
    let shutdowns: [fn(Runtime); 3] = [drop, Runtime::shutdown_background, |runtime| {
        runtime.shutdown_timeout(TEST_TIMEOUT);
    }];
    for shut_down in shutdowns {
        for runtime in schedulers() {
            let registry = Registry::builder().required("bus").build();
            let registry = registry.expect("one name");
            let reporter = registry.reporter("bus").expect("it has none");
            let (handle, mut changes) = runtime.block_on(async {
                let handle = builder().reporter(reporter).start().await;
                let handle = handle.expect("it starts");
                handle.ready().await.expect("the bus answers");
                let changes = handle.changes();
                (handle, changes)
            });
            assert!(changes.next().now_or_never().is_none(), "nothing changes");
            shut_down(runtime);
            until("the end", || registry.reporter("bus").is_ok());
            // Reading what was reported needs no runtime.
            let change = changes.next().now_or_never().flatten();
            let change = change.expect("the end is a change");
            assert_eq!(
                (change.from, change.report.status),
                (Status::Running, Status::Stopped)
            );
            assert_eq!(changes.next().now_or_never(), Some(None));
            assert!(!handle.is_ready());
            assert_eq!(handle.ended().now_or_never(), Some(()));
            let ready = handle.ready().now_or_never();
            assert!(ready.expect("it has ended").is_err());
            handle.begin_shutdown();
            assert!(handle.shutdown().now_or_never().is_some());
        }
    }
}

/// Another thread polls the stream throughout the shutdown.
#[test]
fn a_stream_that_is_polled_while_the_runtime_ends_does_not_panic() {
    for _ in 0..50 {
        for runtime in schedulers() {
            let handle = runtime.block_on(async {
                let handle = builder().start().await.expect("it starts");
                handle.ready().await.expect("the bus answers");
                handle
            });
            let polling = thread::spawn(move || {
                let mut changes = handle.changes();
                let end = Instant::now() + TEST_TIMEOUT;
                while changes.next().now_or_never() != Some(None) {
                    assert!(Instant::now() < end, "the end does not come");
                }
            });
            drop(runtime);
            polling.join().expect("it sees the end");
        }
    }
}

#[test]
#[should_panic(expected = "timers are disabled")]
fn start_panics_in_a_runtime_without_timers() {
    let runtime = runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("it needs nothing");
    let _started = runtime.block_on(builder().start());
}

#[test]
#[should_panic(expected = "there is no reactor running")]
fn start_panics_outside_of_a_runtime() {
    let _started = builder().start().now_or_never();
}
