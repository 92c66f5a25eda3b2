//! Where the supervisions of each runner are started.

use std::thread::{self, JoinHandle};

use futures::channel::oneshot;
use futures::future::BoxFuture;
use livebus_async_std::AsyncStdRuntime;
use livebus_tests::conformance::Host;
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
        let runtime = runtime.expect("a runtime needs nothing but threads");
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let driver = thread::spawn(move || {
            // Nobody sends: what ends it is that the sender is dropped.
            let _dropped = runtime.block_on(ended);
        });
        Self {
            handle,
            end: Some(end),
            driver: Some(driver),
        }
    }
}

impl Host for Tokio {
    type Runner = TokioRuntime;

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.handle.spawn(task);
    }
}

impl Drop for Tokio {
    fn drop(&mut self) {
        self.end = None;
        if let Some(driver) = self.driver.take() {
            // Its panic was reported when it happened.
            let _ = driver.join();
        }
    }
}

/// The executor that async-std has for the whole process.
pub(crate) struct AsyncStd;

impl Host for AsyncStd {
    type Runner = AsyncStdRuntime;

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        async_std::task::spawn(task);
    }
}
