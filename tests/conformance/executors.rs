//! Starts the supervisions of each runner.

use std::thread::{self, JoinHandle};

use futures::channel::oneshot;
use futures::future::BoxFuture;
use livebus_async_std::AsyncStdRuntime;
use livebus_tests::conformance::Executor;
use livebus_tokio::TokioRuntime;
use tokio::runtime::{Builder, Handle, Runtime};

/// A tokio runtime, driven by a thread of its own.
pub(crate) struct Tokio {
    handle: Handle,
    end: Option<oneshot::Sender<()>>,
    driver: Option<JoinHandle<()>>,
}

impl Tokio {
    pub(crate) fn current_thread() -> Self {
        Self::driven(Builder::new_current_thread().enable_time().build())
    }

    pub(crate) fn two_threads() -> Self {
        let mut builder = Builder::new_multi_thread();
        Self::driven(builder.worker_threads(2).enable_time().build())
    }

    fn driven(runtime: std::io::Result<Runtime>) -> Self {
        let runtime = runtime.expect("a runtime without IO needs only threads");
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let driver = thread::spawn(move || {
            // Nothing is ever sent: the drop of the sender ends it.
            let _dropped = runtime.block_on(ended);
        });
        Self {
            handle,
            end: Some(end),
            driver: Some(driver),
        }
    }
}

impl Executor for Tokio {
    type Runner = TokioRuntime;

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.handle.spawn(task);
    }
}

impl Drop for Tokio {
    fn drop(&mut self) {
        self.end = None;
        if let Some(driver) = self.driver.take() {
            // The panic hook has already reported a panic of the thread.
            let _ = driver.join();
        }
    }
}

/// The executor of async-std, one for the whole process.
pub(crate) struct AsyncStd;

impl Executor for AsyncStd {
    type Runner = AsyncStdRuntime;

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        async_std::task::spawn(task);
    }
}
