//! A bus whose answers the case sets.

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
    pub(crate) messages_sent: AtomicU32,
    /// The number of liveness messages in flight.
    pub(crate) in_flight: AtomicU32,
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
            messages_sent: AtomicU32::new(0),
            in_flight: AtomicU32::new(0),
            failing_starts: AtomicU32::new(0),
            discarded: Mutex::default(),
            panics_on_discard: AtomicBool::new(false),
            stops: AtomicBool::new(true),
            stopped: AtomicBool::new(false),
            answer: Mutex::new(answer),
            client: Mutex::default(),
        })
    }

    pub(crate) fn set_answer(&self, answer: Answer) {
        *lock(&self.answer) = answer;
    }

    /// Returns the client that was started last.
    pub(crate) fn client(&self) -> ClientId {
        lock(&self.client).expect("a client was started")
    }

    pub(crate) fn messages_sent(&self) -> u32 {
        self.messages_sent.load(Ordering::Relaxed)
    }
}

/// Returns the builder of a supervision of `bus`, with [`quick`] settings.
pub(crate) fn builder<R: Runner>(bus: &Arc<ScriptedBus>) -> Builder<R, Shared> {
    Builder::new(Shared(Arc::clone(bus))).settings(quick())
}

/// Returns settings with short times, so that the cases are short, but long enough that a busy machine does not starve a
/// supervisor beyond its bound. No case checks a time.
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

/// Panics without the panic hook, because the panic is part of the case.
pub(crate) fn panic_quietly() -> ! {
    resume_unwind(Box::new("a panic of the case"))
}

/// The bus that the runner owns. The case shares its state.
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
        self.0.messages_sent.fetch_add(1, Ordering::Relaxed);
        let answer = *lock(&self.0.answer);
        let _guard = InFlight::begin(&self.0.in_flight);
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

struct InFlight<'a>(&'a AtomicU32);

impl<'a> InFlight<'a> {
    fn begin(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Panics are part of some cases, and leave these values consistent.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
