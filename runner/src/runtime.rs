//! The async runtime, as a bus uses it.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

/// The services of an async runtime that a bus uses.
///
/// Some calls of client libraries block for as long as their timeout allows. They belong where no task
/// runs, which only the runner knows.
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

    /// Returns what spawns on this runtime from threads that do not belong to it. Called inside the runtime.
    ///
    /// The default calls [`spawn`](Self::spawn) and [`spawn_blocking`](Self::spawn_blocking) on these threads.
    #[must_use]
    fn spawner() -> Arc<dyn Spawn>
    where
        Self: Sized,
    {
        Arc::new(Anywhere::<Self>(PhantomData))
    }
}

/// Spawns on an async runtime, from any thread.
pub trait Spawn: Send + Sync + 'static {
    /// Runs `task` to its end in the background. A runtime that shuts down may drop it instead.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// Runs `work` where it may block. A runtime that shuts down may drop it instead.
    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>);
}

/// Spawns on a runtime whose functions can be called on any thread.
struct Anywhere<R>(PhantomData<fn() -> R>);

impl<R: Runtime> Spawn for Anywhere<R> {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        R::spawn(task);
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        R::spawn(async move { R::spawn_blocking(work).await.unwrap_or_default() });
    }
}
