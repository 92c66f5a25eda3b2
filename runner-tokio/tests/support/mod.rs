//! A bus whose every answer the test decides, and waiting for changes.
#![allow(dead_code, reason = "each test target uses its part of it")]

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use livebus_core::{Backoff, Failure, FailureClass, OpId, Status};
use livebus_kafka::{Bus, Observations};
use livebus_tokio::{Builder, Changes, Settings, StatusChange};

/// How a liveness message ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Live,
    Silence,
    Panic,
}

#[derive(Debug)]
pub(crate) struct ScriptedBus {
    pub(crate) observations: Observations,
    pub(crate) asked: AtomicU32,
    /// Liveness messages that are under way.
    pub(crate) open: AtomicU32,
    pub(crate) failing_starts: AtomicU32,
    pub(crate) discarded: Mutex<Vec<OpId>>,
    pub(crate) panics_on_discard: AtomicBool,
    pub(crate) stops: AtomicBool,
    pub(crate) stopped: AtomicBool,
    answer: Mutex<Answer>,
    client: Mutex<Option<OpId>>,
}

impl ScriptedBus {
    pub(crate) fn new(answer: Answer) -> Arc<Self> {
        Arc::new(Self {
            observations: Observations::new(),
            asked: AtomicU32::new(0),
            open: AtomicU32::new(0),
            failing_starts: AtomicU32::new(0),
            discarded: Mutex::default(),
            panics_on_discard: AtomicBool::new(false),
            stops: AtomicBool::new(true),
            stopped: AtomicBool::new(false),
            answer: Mutex::new(answer),
            client: Mutex::default(),
        })
    }

    pub(crate) fn answer(&self, answer: Answer) {
        *self.answer.lock().expect("nobody panics") = answer;
    }

    pub(crate) fn client(&self) -> Option<OpId> {
        *self.client.lock().expect("nobody panics")
    }
}

/// The runner owns its bus; the test keeps the other end.
#[derive(Debug)]
pub(crate) struct Shared(Arc<ScriptedBus>);

impl Bus for Shared {
    async fn start(&self, client: OpId, _deadline: Instant) -> Result<(), Failure> {
        let failing = &self.0.failing_starts;
        if failing
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
            .is_ok()
        {
            return Err(FailureClass::Unreachable.into());
        }
        *self.0.client.lock().expect("nobody panics") = Some(client);
        Ok(())
    }

    async fn send_liveness(&self, _deadline: Instant) -> Result<(), Failure> {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        let answer = *self.0.answer.lock().expect("nobody panics");
        let _open = Open::begin(&self.0.open);
        match answer {
            Answer::Live => Ok(()),
            Answer::Silence => pending().await,
            Answer::Panic => panic!("as the test asked"),
        }
    }

    fn discard(&self, client: OpId) {
        assert!(
            !self.0.panics_on_discard.load(Ordering::Relaxed),
            "as the test asked"
        );
        self.0.discarded.lock().expect("nobody panics").push(client);
    }

    async fn stop(&self, _deadline: Instant) -> Result<(), Failure> {
        if !self.0.stops.load(Ordering::Relaxed) {
            pending::<()>().await;
        }
        self.0.stopped.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn observations(&self) -> &Observations {
        &self.0.observations
    }
}

struct Open<'a>(&'a AtomicU32);

impl<'a> Open<'a> {
    fn begin(open: &'a AtomicU32) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(open)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) fn builder(bus: &Arc<ScriptedBus>) -> Builder<Shared> {
    let bus = Arc::clone(bus);
    Builder::new(move |_| Shared(bus)).settings(quick())
}

/// Short, so that the tests are, and long enough that a busy machine does not starve a supervisor over its bound. No test
/// asserts a time.
pub(crate) fn quick() -> Settings {
    let short = Duration::from_millis(200);
    Settings {
        live_interval: short,
        liveness_timeout: short,
        recheck_delay: Duration::from_millis(5),
        not_live_interval: short,
        suspicion_timeout: short,
        suspicion_spacing: Duration::from_millis(1),
        start_backoff: Backoff::fixed(Duration::from_millis(5)),
        registration_backoff: Backoff::fixed(Duration::from_millis(5)),
        drain: short,
        stop_timeout: Duration::from_millis(200),
        ..Settings::fast()
    }
}

/// The next change; a supervision that ends instead fails the test.
pub(crate) async fn next(changes: &mut Changes) -> StatusChange {
    let patience = Duration::from_secs(30);
    let change = tokio::time::timeout(patience, changes.next()).await;
    change.expect("a change comes").expect("the stream goes on")
}

/// The first change to `status`.
pub(crate) async fn until(changes: &mut Changes, status: Status) -> StatusChange {
    loop {
        let change = next(changes).await;
        if change.report.status == status {
            return change;
        }
    }
}
