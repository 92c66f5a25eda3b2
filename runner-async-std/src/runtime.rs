//! What async-std does for rdkafka and for livebus.

use std::future::{self, Future};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use livebus_kafka::rdkafka::util::AsyncRuntime;
use livebus_kafka::{Bus, Runtime};
use livebus_runner::{Runner, Supervision, Time};

use crate::run::run;

/// async-std, as rdkafka's [`AsyncRuntime`] and livebus's [`Runtime`] and [`Runner`]. Name it wherever rdkafka has a type
/// parameter for it.
#[derive(Debug, Clone, Copy)]
pub struct AsyncStdRuntime;

impl AsyncRuntime for AsyncStdRuntime {
    type Delay = BoxFuture<'static, ()>;

    fn spawn<T: Future<Output = ()> + Send + 'static>(task: T) {
        async_std::task::spawn(task);
    }

    fn delay_for(duration: Duration) -> Self::Delay {
        async_std::task::sleep(duration).boxed()
    }
}

impl Runtime for AsyncStdRuntime {
    async fn spawn_blocking<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        async_std::task::spawn_blocking(|| catch_unwind(AssertUnwindSafe(work)).ok()).await
    }
}

impl Runner for AsyncStdRuntime {
    fn time() -> Arc<dyn Time> {
        Arc::new(AsyncStdTime)
    }

    fn launch<B: Bus>(supervision: Supervision<B>) {
        async_std::task::spawn(run(supervision));
    }
}

struct AsyncStdTime;

impl Time for AsyncStdTime {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, deadline: Option<Instant>) -> BoxFuture<'static, ()> {
        match deadline {
            Some(deadline) => {
                let left = deadline.saturating_duration_since(self.now());
                async_std::task::sleep(left).boxed()
            }
            None => future::pending().boxed(),
        }
    }
}
