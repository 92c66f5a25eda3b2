//! What tokio does for rdkafka and for livebus.

use std::future::{self, Future};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use livebus_kafka::rdkafka::util::AsyncRuntime;
use livebus_kafka::{Bus, Runtime};
use livebus_runner::{Runner, Supervision, Time};

use crate::run::run;

/// tokio, as rdkafka's [`AsyncRuntime`] and livebus's [`Runtime`] and [`Runner`]. Name it wherever rdkafka has a type
/// parameter for it.
///
/// Everything it does must happen inside a tokio runtime.
#[derive(Debug, Clone, Copy)]
pub struct TokioRuntime;

impl AsyncRuntime for TokioRuntime {
    type Delay = tokio::time::Sleep;

    fn spawn<T: Future<Output = ()> + Send + 'static>(task: T) {
        tokio::spawn(task);
    }

    fn delay_for(duration: Duration) -> Self::Delay {
        tokio::time::sleep(duration)
    }
}

impl Runtime for TokioRuntime {
    async fn spawn_blocking<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        tokio::task::spawn_blocking(work).await.ok()
    }
}

impl Runner for TokioRuntime {
    fn time() -> Arc<dyn Time> {
        Arc::new(TokioTime)
    }

    fn launch<B: Bus>(supervision: Supervision<B>) {
        tokio::spawn(run(supervision));
    }
}

struct TokioTime;

impl Time for TokioTime {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, deadline: Option<Instant>) -> BoxFuture<'static, ()> {
        match deadline {
            Some(deadline) => tokio::time::sleep_until(deadline.into()).boxed(),
            None => future::pending().boxed(),
        }
    }
}
