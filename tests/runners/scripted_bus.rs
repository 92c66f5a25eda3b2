//! A bus whose every answer the case decides.

use std::future::pending;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use livebus_core::{Backoff, ClientId, Failure, FailureClass, Settings};
use livebus_runner::{Builder, Bus, Observations, Runner};

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
    pub(crate) discarded: Mutex<Vec<ClientId>>,
    pub(crate) panics_on_discard: AtomicBool,
    pub(crate) stops: AtomicBool,
    pub(crate) stopped: AtomicBool,
    answer: Mutex<Answer>,
    client: Mutex<Option<ClientId>>,
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
        *lock(&self.answer) = answer;
    }

    /// The client that was started last.
    pub(crate) fn client(&self) -> ClientId {
        lock(&self.client).expect("one was started")
    }

    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

/// A supervision of `bus`, with [`quick`] settings.
pub(crate) fn builder<R: Runner>(bus: &Arc<ScriptedBus>) -> Builder<R, Shared> {
    Builder::new(Shared(Arc::clone(bus))).settings(quick())
}

/// Short, so that the cases are, and long enough that a busy machine does not starve a supervisor over its bound. No case
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
        stop_timeout: short,
        ..Settings::fast()
    }
}

/// A panic that no hook reports: it is part of the case.
pub(crate) fn panic_quietly() -> ! {
    resume_unwind(Box::new("as the case asked"))
}

/// The runner owns its bus; the case keeps the other end.
#[derive(Debug)]
pub(crate) struct Shared(Arc<ScriptedBus>);

impl Bus for Shared {
    async fn start(&self, client: ClientId, _deadline: Instant) -> Result<(), Failure> {
        let failing = &self.0.failing_starts;
        if failing
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
            .is_ok()
        {
            return Err(FailureClass::Unreachable.into());
        }
        *lock(&self.0.client) = Some(client);
        Ok(())
    }

    async fn send_liveness(&self, _deadline: Instant) -> Result<(), Failure> {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        let answer = *lock(&self.0.answer);
        let _open = Open::begin(&self.0.open);
        match answer {
            Answer::Live => Ok(()),
            Answer::Silence => pending().await,
            Answer::Panic => panic_quietly(),
        }
    }

    fn discard_client(&self, client: ClientId) {
        if self.0.panics_on_discard.load(Ordering::Relaxed) {
            panic_quietly();
        }
        lock(&self.0.discarded).push(client);
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Panics are part of some cases, and leave these values whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
