//! Plain threads as a runtime of functions: one thread for each.

use std::future::Future;
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use livebus_runner::Runtime;

use crate::threads::Threads;

impl Runtime for Threads {
    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        thread::spawn(|| pollster::block_on(task));
    }

    async fn sleep(duration: Duration) {
        // Nobody waits for longer than the sleep.
        let _slept = Self::spawn_blocking(move || thread::sleep(duration)).await;
    }

    async fn spawn_blocking<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, result) = oneshot::channel();
        thread::spawn(move || {
            // There may be no receiver any more.
            let _ = sender.send(work());
        });
        result.await.ok()
    }
}
