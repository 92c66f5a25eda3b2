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
use livebus_runner::{
    Builder, Bus, Detail, Explanation, Handle, Observations, Runner, Supervision, Time, Timer,
};

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

/// Completes every operation at once, and keeps what it received.
#[derive(Default)]
pub(crate) struct NoBus {
    observations: Observations,
    pub(crate) calls: Mutex<Vec<Call>>,
}

/// A call of the bus, with the client that it names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Start(ClientId),
    SendLiveness,
    Discard(ClientId),
    Stop,
}

impl NoBus {
    fn called(&self, call: Call) {
        self.calls.lock().expect("no thread panics").push(call);
    }
}

impl Bus for NoBus {
    async fn start(&self, client: ClientId, _: Instant) -> Result<(), Failure> {
        self.called(Call::Start(client));
        Ok(())
    }

    async fn send_liveness(&self, _: Instant) -> Result<(), Failure> {
        self.called(Call::SendLiveness);
        Ok(())
    }

    fn discard_client(&self, client: ClientId) {
        self.called(Call::Discard(client));
    }

    async fn stop(&self, _: Instant) -> Result<(), Failure> {
        self.called(Call::Stop);
        Ok(())
    }

    fn observations(&self) -> &Observations {
        &self.observations
    }

    fn explain(&self, failure: Failure) -> Explanation {
        let is_tls = failure.class == FailureClass::Tls;
        Explanation {
            remedy: is_tls.then_some("check the certificates".into()),
            ..Explanation::default()
        }
    }

    fn details(&self) -> Vec<Detail> {
        vec![Detail {
            name: "leaders",
            value: "2 of 3 answered".to_owned(),
        }]
    }
}

/// A clock that the test sets, with timers that elapse by it and count how often they were polled.
#[derive(Clone)]
pub(crate) struct ManualTime {
    clock: Arc<Mutex<(Instant, Duration)>>,
    polls: Arc<AtomicU32>,
    /// All deadlines that were set.
    deadlines: Arc<Mutex<Vec<Option<Instant>>>>,
}

impl Default for ManualTime {
    fn default() -> Self {
        Self {
            clock: Arc::new(Mutex::new((Instant::now(), Duration::ZERO))),
            polls: Arc::default(),
            deadlines: Arc::default(),
        }
    }
}

impl ManualTime {
    /// Returns the deadlines that were set since the last call.
    pub(crate) fn take_deadlines(&self) -> Vec<Option<Instant>> {
        std::mem::take(&mut *self.deadlines.lock().expect("no thread panics"))
    }

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
            is_set: false,
        })
    }
}

struct ManualTimer {
    time: ManualTime,
    deadline: Option<Instant>,
    /// Whether it may be polled: not before it is set, and not after it has elapsed.
    is_set: bool,
}

impl Timer for ManualTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
        self.is_set = true;
        let mut all = self.time.deadlines.lock().expect("no thread panics");
        all.push(deadline);
    }

    fn poll_elapsed(&mut self, _: &mut Context<'_>) -> Poll<()> {
        let polls = self.time.polls.fetch_add(1, Ordering::Relaxed);
        assert!(polls < 1_000, "the timer is polled in a busy loop");
        assert!(self.is_set, "the timer is polled before it is set again");
        if self.deadline.is_some_and(|it| it <= self.time.now()) {
            self.is_set = false;
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
    Builder::new(NoBus::default()).time(Arc::new(time.clone()))
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
