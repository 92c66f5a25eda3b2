//! The services of tokio that livebus and rdkafka use.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use livebus_runner::{Bus, Runner, Runtime, Spawn, Supervision, Time, Timer};
use tokio::runtime;
use tokio::time::Sleep;

use crate::run::run;

/// tokio, as livebus's [`Runner`] and [`Runtime`], and as rdkafka's `AsyncRuntime`: name it wherever rdkafka has a type
/// parameter for that.
///
/// Must be used inside a tokio runtime.
#[derive(Debug, Clone, Copy)]
pub struct TokioRuntime;

impl Runner for TokioRuntime {
    fn time() -> Arc<dyn Time> {
        let time = TokioTime {
            runtime: runtime::Handle::current(),
        };
        // Panics here, where the supervision is started, and not in its loop, if the runtime has no timers.
        drop(time.timer());
        Arc::new(time)
    }

    fn launch<B: Bus>(supervision: Supervision<B>) {
        tokio::spawn(run(supervision));
    }
}

impl Runtime for TokioRuntime {
    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        tokio::time::sleep(duration)
    }

    async fn spawn_blocking<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        tokio::task::spawn_blocking(work).await.ok()
    }

    fn spawner() -> Arc<dyn Spawn> {
        Arc::new(TokioSpawn(runtime::Handle::current()))
    }
}

/// Spawns on the runtime in which it was made.
struct TokioSpawn(runtime::Handle);

impl Spawn for TokioSpawn {
    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.0.spawn(task);
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.0.spawn_blocking(work);
    }
}

#[cfg(feature = "kafka")]
impl livebus_kafka::rdkafka::util::AsyncRuntime for TokioRuntime {
    type Delay = Sleep;

    fn spawn<T: Future<Output = ()> + Send + 'static>(task: T) {
        tokio::spawn(task);
    }

    fn delay_for(duration: Duration) -> Sleep {
        tokio::time::sleep(duration)
    }
}

/// The clock and the timers of the runtime in which the supervision was started.
struct TokioTime {
    runtime: runtime::Handle,
}

impl Time for TokioTime {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn timer(&self) -> Box<dyn Timer> {
        let _inside = self.runtime.enter();
        Box::new(TokioTimer {
            is_set: false,
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
        })
    }
}

/// One sleep that is reset again and again.
struct TokioTimer {
    is_set: bool,
    sleep: Pin<Box<Sleep>>,
}

impl Timer for TokioTimer {
    fn set(&mut self, deadline: Option<Instant>) {
        self.is_set = deadline.is_some();
        if let Some(deadline) = deadline {
            self.sleep.as_mut().reset(deadline.into());
        }
    }

    fn poll_elapsed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.is_set {
            return Poll::Pending;
        }
        // tokio panics while its runtime shuts down, which only a thread outside of it can observe. No timer elapses there any
        // more, and the end of the supervision wakes the task that waits.
        let sleep = AssertUnwindSafe(|| self.sleep.as_mut().poll(context));
        catch_unwind(sleep).unwrap_or(Poll::Pending)
    }
}
