//! A runner without a loop: the test takes the supervision that was launched, and does what a loop would do.

use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use livebus_core::{Cause, ClientId, Failure, FailureClass, Report, Status};
use livebus_runner::{Builder, Bus, Handle, Observations, Runner, Supervision, Time, Timer};

pub(crate) struct CapturingRunner;

thread_local! {
    static LAUNCHED: RefCell<Option<Box<dyn Any>>> = const { RefCell::new(None) };
}

impl Runner for CapturingRunner {
    fn time() -> Arc<dyn Time> {
        Arc::new(ManualTime::default())
    }

    fn launch<B: Bus>(supervision: Supervision<B>) {
        LAUNCHED.set(Some(Box::new(supervision)));
    }
}

/// Completes every operation at once.
pub(crate) struct NoBus(Observations);

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

    fn remedy(failure: Failure) -> Option<&'static str> {
        (failure.class == FailureClass::Tls).then_some("check the certificates")
    }
}

/// A clock that the test sets, with timers that elapse by it and count how often they were polled.
#[derive(Clone)]
pub(crate) struct ManualTime {
    clock: Arc<Mutex<(Instant, Duration)>>,
    polls: Arc<AtomicU32>,
}

impl Default for ManualTime {
    fn default() -> Self {
        Self {
            clock: Arc::new(Mutex::new((Instant::now(), Duration::ZERO))),
            polls: Arc::default(),
        }
    }
}

impl ManualTime {
    pub(crate) fn set(&self, now: Instant) {
        self.lock().0 = now;
    }

    /// Advances the clock by `step` on each read.
    pub(crate) fn advances_on_read_by(&self, step: Duration) {
        self.lock().1 = step;
    }

    fn lock(&self) -> MutexGuard<'_, (Instant, Duration)> {
        self.clock.lock().expect("no thread panics")
    }
}

impl Time for ManualTime {
    fn now(&self) -> Instant {
        let mut clock = self.lock();
        let (now, step) = *clock;
        clock.0 += step;
        now
    }

    fn timer(&self) -> Box<dyn Timer> {
        Box::new(ManualTimer {
            time: self.clone(),
            deadline: None,
        })
    }
}

struct ManualTimer {
    time: ManualTime,
    deadline: Option<Instant>,
}

impl Timer for ManualTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    fn poll_elapsed(&mut self, _: &mut Context<'_>) -> Poll<()> {
        let polls = self.time.polls.fetch_add(1, Ordering::Relaxed);
        assert!(polls < 1_000, "the timer is polled in a busy loop");
        if self.deadline.is_some_and(|it| it <= self.time.now()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

pub(crate) type Launched = (Handle<NoBus>, Supervision<NoBus>);

pub(crate) fn start(builder: Builder<CapturingRunner, NoBus>) -> Launched {
    let handle = builder.start().now_or_never().expect("nothing to wait for");
    let launched = LAUNCHED.take().expect("it was launched");
    let supervision = launched.downcast().expect("of this bus");
    (handle.expect("it starts"), *supervision)
}

pub(crate) fn builder(time: &ManualTime) -> Builder<CapturingRunner, NoBus> {
    Builder::new(NoBus(Observations::new())).time(Arc::new(time.clone()))
}

pub(crate) fn running(lease: Instant) -> Report {
    Report {
        status: Status::Running,
        cause: Cause::Evidence,
        lease: Some(lease),
        ..Report::unreported(lease)
    }
}

pub(crate) fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    future.poll_unpin(&mut Context::from_waker(Waker::noop()))
}
