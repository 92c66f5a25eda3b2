//! What tokio does for rdkafka and for livebus.

use std::future::Future;
use std::time::Duration;

use livebus_kafka::Runtime;
use livebus_kafka::rdkafka::util::AsyncRuntime;

/// tokio, as rdkafka's [`AsyncRuntime`] and livebus's [`Runtime`]. Name it wherever rdkafka has a type parameter for it.
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
