//! The async runtime, as a bus uses it.

use std::future::Future;
use std::time::Duration;

/// The services of an async runtime that a bus uses.
///
/// Some calls of client libraries block for as long as their timeout allows. They belong on the runtime's blocking pool, which
/// only the runner knows.
pub trait Runtime: Send + Sync + 'static {
    /// Runs `task` to its end in the background.
    fn spawn(task: impl Future<Output = ()> + Send + 'static);

    /// Completes after `duration`.
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static;

    /// Runs `work` where it may block. Returns `None` when it panicked or the runtime is shutting down.
    ///
    /// Dropping the future does not stop `work`; its result is dropped then.
    fn spawn_blocking<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Option<T>> + Send;
}
