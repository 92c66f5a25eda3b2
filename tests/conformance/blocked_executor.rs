//! An executor that is really blocked: on tokio's current thread, one task keeps all others from running.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::channel::oneshot;
use livebus_core::{ClientId, Failure, Settings};
use livebus_runner::{Bus, Observations};
use livebus_tests::handler_conformance::Clock;
use livebus_tokio::Builder;

use crate::Single;

pub(crate) const TRIAL: Single = (
    "tokio, current thread: an answer from before the executor was blocked is in time",
    answers_in_the_inbox_are_in_time,
);

/// A loop polls its timer and its inbox in a random order, so one run would show little.
const REPETITIONS: usize = 32;

fn answers_in_the_inbox_are_in_time() -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    (0..REPETITIONS).try_for_each(|_| runtime.block_on(answer_in_the_inbox_is_in_time()))
}

async fn answer_in_the_inbox_is_in_time() -> Result<(), String> {
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

    // The order of the queue: the operation, the task that blocks all others, and the loop, which the operation wakes.
    let answered = clock.advance(in_time);
    let _ = answer.send(());
    tokio::spawn({
        let clock = clock.clone();
        async move { clock.advance(Duration::from_secs(2)) }
    });
    until(|| (handle.report().evidence == Some(answered)).then_some(())).await
}

/// Lets all other tasks run until `poll` returns something; gives up after a number of turns, not after a time.
async fn until<T>(mut poll: impl FnMut() -> Option<T>) -> Result<T, String> {
    for _ in 0..1_000 {
        if let Some(value) = poll() {
            return Ok(value);
        }
        tokio::task::yield_now().await;
    }
    Err("the answer does not count at the instant at which it came".to_owned())
}

/// A bus that starts at once and answers a liveness message when the test sends the answer.
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
        *self.answer.lock().expect("no thread panics with the lock") = Some(answer);
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
