//! The bus, the clock and the timer that a harness gives to a real runner, and a record of everything that the runner does.

use std::cell::Cell;
use std::future::pending;
use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use livebus_core::{ClientId, Failure};
use livebus_runner::{Bus, Entry, Observations, Observer, Time, Timer};

use super::environment::Outcome;
use super::trace::Writer;

/// The maximum wait for anything that a runner must do. No test waits this long unless it fails.
pub(super) const WAIT_LIMIT: Duration = Duration::from_secs(20);

/// Code that holds the lock does not panic.
const NOT_POISONED: &str = "no thread panics while it holds the lock";

/// The environment as a runner sees it: its bus, its clock and its timer. Clones share one state.
#[derive(Clone)]
pub(super) struct FakeEnvironment {
    shared: Arc<Shared>,
}

struct Shared {
    began: Instant,
    observations: Observations,
    inner: Mutex<Inner>,
    changed: Condvar,
}

/// The time of the fake clock and everything known about the runner, under one lock.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a condition of its own that one side waits for"
)]
pub(super) struct Inner {
    pub(super) now: Instant,
    pub(super) entries: Vec<(Instant, Entry)>,
    /// The operations that were called and have neither ended nor been dropped.
    calls: Vec<Call>,
    pub(super) discarded: Vec<ClientId>,
    /// The loop waits, and nothing that came before will wake it.
    pub(super) parked: bool,
    /// The loop has ended and dropped everything that it held.
    pub(super) ended: bool,
    /// The observer blocks until this gate is opened, so that the subscription is in place before the first entry.
    pub(super) observer_gate_closed: bool,
    /// The timer blocks the thread of the loop until this gate is opened.
    pub(super) timer_gate_closed: bool,
    /// The timer is blocked at its gate.
    pub(super) timer_at_gate: bool,
    /// The task that waits with [`FakeEnvironment::waker`] was woken.
    pub(super) woken: bool,
    loop_waker: Option<Waker>,
    calls_so_far: u64,
}

impl Inner {
    /// Returns the names of the operations in flight, sorted.
    pub(super) fn in_flight(&self) -> Vec<String> {
        let mut names: Vec<String> = self.calls.iter().map(|call| call.name.clone()).collect();
        names.sort();
        names
    }
}

/// An operation in flight.
struct Call {
    number: u64,
    name: String,
    end: oneshot::Sender<End>,
}

/// How the harness ends an operation, and when, if the loop learns of it later.
struct End {
    outcome: Outcome,
    at: Option<Instant>,
}

thread_local! {
    /// The time that the clock returns to an operation that has just ended, if it differs from the loop's time.
    static ENDED_AT: Cell<Option<Instant>> = const { Cell::new(None) };
}

impl FakeEnvironment {
    pub(super) fn new() -> Self {
        let observations = Observations::new();
        // Not before the observations were created: they cannot hold an earlier instant.
        let began = Instant::now();
        Self {
            shared: Arc::new(Shared {
                began,
                observations,
                inner: Mutex::new(Inner {
                    now: began,
                    entries: Vec::new(),
                    calls: Vec::new(),
                    discarded: Vec::new(),
                    parked: false,
                    ended: true,
                    observer_gate_closed: false,
                    timer_gate_closed: false,
                    timer_at_gate: false,
                    woken: false,
                    loop_waker: None,
                    calls_so_far: 0,
                }),
                changed: Condvar::new(),
            }),
        }
    }

    pub(super) fn writer(&self) -> Writer {
        let began = self.shared.began;
        Writer { began }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.shared.inner.lock().expect(NOT_POISONED)
    }

    /// Applies `change` and notifies everyone who waits.
    pub(super) fn change(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.lock());
        self.shared.changed.notify_all();
    }

    /// Waits until `condition` holds; returns false when [`WAIT_LIMIT`] passed before.
    pub(super) fn wait(&self, mut condition: impl FnMut(&Inner) -> bool) -> bool {
        let waited = self
            .shared
            .changed
            .wait_timeout_while(self.lock(), WAIT_LIMIT, |inner| !condition(inner));
        let (_inner, timeout) = waited.expect(NOT_POISONED);
        !timeout.timed_out()
    }

    pub(super) fn waker(&self) -> Waker {
        Arc::clone(&self.shared).into()
    }

    /// Wakes the loop as its timer does, whether the timer is due or not.
    pub(super) fn wake_loop(&self) {
        let waker = self.lock().loop_waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends an operation; returns false when it is not in flight.
    pub(super) fn end(&self, name: &str, outcome: Outcome, at: Option<Instant>) -> bool {
        let mut inner = self.lock();
        let Some(index) = inner.calls.iter().position(|call| call.name == name) else {
            return false;
        };
        let call = inner.calls.swap_remove(index);
        drop(inner);
        call.end.send(End { outcome, at }).is_ok()
    }

    /// Runs an operation until the harness ends it or the runner drops it.
    pub(super) async fn operation(&self, name: String) -> Result<(), Failure> {
        let (ended, _guard) = self.call(name);
        let Ok(End { outcome, at }) = ended.await else {
            return pending().await;
        };
        // The runner reads the clock next in this same poll, for the instant of the answer.
        ENDED_AT.set(at);
        match outcome {
            Outcome::Returns(result) => result,
            // Without the panic hook, which would write to the standard error.
            Outcome::Panics => resume_unwind(Box::new("a scripted panic")),
        }
    }

    fn call(&self, name: String) -> (oneshot::Receiver<End>, OperationGuard<'_>) {
        let (end, ended) = oneshot::channel();
        let mut number = 0;
        self.change(|inner| {
            inner.calls_so_far += 1;
            number = inner.calls_so_far;
            inner.calls.push(Call { number, name, end });
        });
        let fake = self;
        (ended, OperationGuard { fake, number })
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.inner.lock().expect(NOT_POISONED).woken = true;
        self.changed.notify_all();
    }
}

/// Removes the operation from those in flight when it ends or is dropped.
struct OperationGuard<'a> {
    fake: &'a FakeEnvironment,
    number: u64,
}

impl Drop for OperationGuard<'_> {
    fn drop(&mut self) {
        self.fake
            .change(|inner| inner.calls.retain(|call| call.number != self.number));
    }
}

impl Bus for FakeEnvironment {
    async fn start(&self, client: ClientId, deadline: Instant) -> Result<(), Failure> {
        let (client, deadline) = (client.number(), self.writer().at(deadline));
        self.operation(format!("start #{client} by {deadline}"))
            .await
    }

    async fn send_liveness(&self, deadline: Instant) -> Result<(), Failure> {
        let deadline = self.writer().at(deadline);
        self.operation(format!("liveness by {deadline}")).await
    }

    fn discard_client(&self, client: ClientId) {
        self.lock().discarded.push(client);
    }

    async fn stop(&self, deadline: Instant) -> Result<(), Failure> {
        let deadline = self.writer().at(deadline);
        self.operation(format!("stop by {deadline}")).await
    }

    fn observations(&self) -> &Observations {
        &self.shared.observations
    }
}

impl Time for FakeEnvironment {
    fn now(&self) -> Instant {
        ENDED_AT.take().unwrap_or_else(|| self.lock().now)
    }

    fn timer(&self) -> Box<dyn Timer> {
        Box::new(LoopTimer {
            fake: self.clone(),
            deadline: None,
            polls: 0,
        })
    }
}

/// The timer of the loop.
///
/// When it is polled for the first time after it was set, the loop may still find something else that is ready. So it wakes the
/// loop again. When it is polled for the second time, nothing that the loop waits for was ready, and nothing has come since.
struct LoopTimer {
    fake: FakeEnvironment,
    deadline: Option<Instant>,
    polls: u32,
}

impl Timer for LoopTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        self.fake.lock().parked = false;
        (self.deadline, self.polls) = (deadline, 0);
    }

    fn poll_elapsed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let fake = self.fake.clone();
        if fake.lock().timer_gate_closed {
            fake.change(|inner| inner.timer_at_gate = true);
            fake.wait(|inner| !inner.timer_gate_closed);
        }
        let mut inner = fake.lock();
        if self.deadline.is_some_and(|deadline| deadline <= inner.now) {
            return Poll::Ready(());
        }
        inner.loop_waker = Some(context.waker().clone());
        inner.parked = self.polls > 0;
        drop(inner);
        if self.polls == 0 {
            context.waker().wake_by_ref();
        } else {
            fake.shared.changed.notify_all();
        }
        self.polls = self.polls.saturating_add(1);
        Poll::Pending
    }
}

/// Records the inputs and the actions of a supervisor, and when it is dropped.
pub(super) struct Recorder(pub(super) FakeEnvironment);

impl Observer for Recorder {
    fn observe(&mut self, at: Instant, entry: Entry) {
        if self.0.lock().observer_gate_closed {
            self.0.wait(|inner| !inner.observer_gate_closed);
        }
        self.0.change(|inner| {
            inner.entries.push((at, entry));
            inner.parked = false;
        });
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.0.change(|inner| {
            inner.ended = true;
            inner.parked = false;
        });
    }
}
