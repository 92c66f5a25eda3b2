//! The runner on plain threads, with the real clock. Nothing here controls the clock or measures a time.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use futures::StreamExt;
use livebus_core::{Cause, ClientId, Failure, FailureClass, Settings};
use livebus_runner::{Builder, Bus, Observations};
use livebus_tests::WAIT_LIMIT;
use livebus_tests::threads::Threads;

use crate::Single;

pub(crate) const TRIAL: Single = (
    "threads: with the real clock, a bus that hangs and recovers is followed",
    bus_is_followed_with_the_real_clock,
);

fn bus_is_followed_with_the_real_clock() -> Result<(), String> {
    let settings = Settings {
        live_interval: Duration::from_millis(200),
        liveness_timeout: Duration::from_millis(200),
        recheck_delay: Duration::from_millis(5),
        not_live_interval: Duration::from_millis(50),
        suspicion_timeout: Duration::from_millis(50),
        drain: Duration::from_millis(20),
        ..Settings::fast()
    };
    let builder = Builder::<Threads, _>::new(Switched::default()).settings(settings);
    let handle = pollster::block_on(builder.start()).map_err(|error| error.to_string())?;
    let mut changes = handle.changes_from_start();
    let (sender, causes) = channel();
    thread::spawn(move || {
        while let Some(change) = pollster::block_on(changes.next()) {
            // Fails only after the end of the test.
            let _ = sender.send(change.report.cause);
        }
    });
    let next = |cause: Cause| loop {
        match causes.recv_timeout(WAIT_LIMIT) {
            Ok(other) if other == cause => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(format!("no {cause:?}: {error}")),
        }
    };
    next(Cause::Evidence)?;
    handle.bus().hangs.store(true, Ordering::Relaxed);
    next(Cause::LivenessFailed(FailureClass::Timeout.into()))?;
    handle.bus().hangs.store(false, Ordering::Relaxed);
    next(Cause::Evidence)?;
    let last = pollster::block_on(handle.shutdown());
    if last.cause == Cause::ShutDown {
        Ok(())
    } else {
        Err(format!("it ended by {:?}", last.cause))
    }
}

/// A bus that answers at once, or never.
#[derive(Default)]
struct Switched {
    hangs: AtomicBool,
    observations: Observations,
}

impl Bus for Switched {
    async fn start(&self, _client: ClientId, _deadline: Instant) -> Result<(), Failure> {
        Ok(())
    }

    async fn send_liveness(&self, _deadline: Instant) -> Result<(), Failure> {
        if self.hangs.load(Ordering::Relaxed) {
            pending::<()>().await;
        }
        Ok(())
    }

    fn discard_client(&self, _client: ClientId) {}

    async fn stop(&self, _deadline: Instant) -> Result<(), Failure> {
        Ok(())
    }

    fn observations(&self) -> &Observations {
        &self.observations
    }
}
