//! An executor that is really held up: on tokio's current thread, one task keeps all others from running.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::channel::oneshot;
use livebus_core::{ClientId, Failure, Settings};
use livebus_runner::{Bus, Observations, Time, Timer};
use livebus_tokio::Builder;

use crate::Single;

pub(crate) const TRIAL: Single = (
    "tokio, current thread: an answer that came before the executor was held up is in time",
    answers_lie_in_the_inbox,
);

/// A loop looks at its timer and its inbox in a random order, so once would prove little.
const TIMES: usize = 32;

fn answers_lie_in_the_inbox() -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    (0..TIMES).try_for_each(|_| runtime.block_on(answer_lies_in_the_inbox()))
}

async fn answer_lies_in_the_inbox() -> Result<(), String> {
    let (bus, clock) = (OneAnswer::default(), Clock::new());
    let answer = Arc::clone(&bus.answer);
    let settings = Settings::default();
    let in_time = settings.not_live_interval / 2;
    let handle = Builder::new(bus)
        .settings(settings)
        .time(Arc::new(clock.clone()))
        .start()
        .await
        .map_err(|error| error.to_string())?;
    let answer = until(|| answer.lock().ok()?.take()).await?;

    // The order of the queue: the operation, the task that holds all others up, and the loop, which the operation wakes.
    let answered = clock.pass(in_time);
    let _ = answer.send(());
    tokio::spawn({
        let clock = clock.clone();
        async move { clock.pass(Duration::from_secs(2)) }
    });
    until(|| (handle.report().evidence == Some(answered)).then_some(())).await
}

/// Lets all others run until there is something; with patience, but without a clock.
async fn until<T>(mut something: impl FnMut() -> Option<T>) -> Result<T, String> {
    for _ in 0..1_000 {
        if let Some(something) = something() {
            return Ok(something);
        }
        tokio::task::yield_now().await;
    }
    Err("the answer was not taken as of when it came".to_owned())
}

/// Starts at once; a liveness message is answered when the test says so.
#[derive(Default)]
struct OneAnswer {
    answer: Arc<Mutex<Option<oneshot::Sender<()>>>>,
    observations: Observations,
}

impl Bus for OneAnswer {
    async fn start(&self, _client: ClientId, _deadline: Instant) -> Result<(), Failure> {
        Ok(())
    }

    fn send_liveness(
        &self,
        _deadline: Instant,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        let (answer, answered) = oneshot::channel();
        *self.answer.lock().expect("nobody panics with it") = Some(answer);
        answered.map(|_| Ok(()))
    }

    fn discard_client(&self, _client: ClientId) {}

    async fn stop(&self, _deadline: Instant) -> Result<(), Failure> {
        Ok(())
    }

    fn observations(&self) -> &Observations {
        &self.observations
    }
}

/// A clock that the test turns, and those who wait for it.
#[derive(Clone)]
struct Clock(Arc<Mutex<(Instant, Vec<Waker>)>>);

impl Clock {
    fn new() -> Self {
        Self(Arc::new(Mutex::new((Instant::now(), Vec::new()))))
    }

    fn pass(&self, time: Duration) -> Instant {
        let mut clock = self.0.lock().expect("nobody panics with it");
        clock.0 += time;
        clock.1.drain(..).for_each(Waker::wake);
        clock.0
    }
}

impl Time for Clock {
    fn now(&self) -> Instant {
        self.0.lock().expect("nobody panics with it").0
    }

    fn timer(&self) -> Box<dyn Timer> {
        let (clock, deadline) = (self.clone(), None);
        Box::new(ClockTimer { clock, deadline })
    }
}

struct ClockTimer {
    clock: Clock,
    deadline: Option<Instant>,
}

impl Timer for ClockTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    fn poll_elapsed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut clock = self.clock.0.lock().expect("nobody panics with it");
        if self.deadline.is_some_and(|deadline| deadline <= clock.0) {
            return Poll::Ready(());
        }
        clock.1.push(context.waker().clone());
        Poll::Pending
    }
}
