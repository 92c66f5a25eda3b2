//! The services of async-std that livebus and rdkafka use.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use async_io::Timer as Sleep;
use futures::channel::oneshot;
use livebus_runner::{Bus, Runner, Runtime, Supervision, Time, Timer};

use crate::run::run;

/// async-std, as livebus's [`Runner`] and [`Runtime`], and as rdkafka's `AsyncRuntime`: name it wherever rdkafka has a type
/// parameter for that.
#[derive(Debug, Clone, Copy)]
pub struct AsyncStdRuntime;

impl Runner for AsyncStdRuntime {
    fn time() -> Arc<dyn Time> {
        Arc::new(AsyncStdTime)
    }

    fn launch<B: Bus>(supervision: Supervision<B>) {
        async_std::task::spawn(run(supervision));
    }
}

impl Runtime for AsyncStdRuntime {
    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        async_std::task::spawn(task);
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        async_std::task::sleep(duration)
    }

    async fn spawn_blocking<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        // Not on async-std's pool: a thread of it wakes twice a second from its first work on.
        let (sender, result) = oneshot::channel();
        let work = move || {
            // There may be no receiver any more.
            let _ = sender.send(work());
        };
        let thread = thread::Builder::new().name("livebus-blocking".to_owned());
        thread.spawn(work).ok()?;
        result.await.ok()
    }
}

#[cfg(feature = "kafka")]
impl livebus_kafka::rdkafka::util::AsyncRuntime for AsyncStdRuntime {
    type Delay = futures::future::BoxFuture<'static, ()>;

    fn spawn<T: Future<Output = ()> + Send + 'static>(task: T) {
        async_std::task::spawn(task);
    }

    fn delay_for(duration: Duration) -> Self::Delay {
        Box::pin(async_std::task::sleep(duration))
    }
}

/// The clock and the timers of the process.
struct AsyncStdTime;

impl Time for AsyncStdTime {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn timer(&self) -> Box<dyn Timer> {
        Box::new(AsyncStdTimer {
            sleep: Sleep::never(),
        })
    }
}

/// One timer of the reactor that async-std runs on, set again and again.
struct AsyncStdTimer {
    sleep: Sleep,
}

impl Timer for AsyncStdTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        match deadline {
            Some(deadline) => self.sleep.set_at(deadline),
            None => self.sleep = Sleep::never(),
        }
    }

    fn poll_elapsed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.sleep).poll(context).map(drop)
    }
}
