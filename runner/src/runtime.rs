//! What a bus needs of a runner.

use std::future::Future;
use std::time::Duration;

/// What an async runtime does for a bus.
///
/// Some calls of client libraries block for as long as they are allowed to. They belong on the runtime's blocking pool, and
/// which pool that is only the runner knows.
pub trait Runtime: Send + Sync + 'static {
    /// Runs `task` to its end in the background.
    fn spawn(task: impl Future<Output = ()> + Send + 'static);

    /// Is ready after `duration`.
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static;

    /// Runs `work` where blocking does no harm. `None` when it panicked or the runtime is shutting down.
    ///
    /// Dropping the future does not stop `work`; what it returns is dropped then.
    fn spawn_blocking<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Option<T>> + Send;
}
