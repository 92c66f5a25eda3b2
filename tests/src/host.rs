//! The runtimes that livebus runs on, side by side.

use std::fmt;
use std::future::Future;
use std::io;

use livebus_runner::{Runner, Runtime, Serve};
use tokio::runtime;

/// A runner with everything that there is: it runs, serves the probes, and carries a Kafka bus.
pub trait FullRunner: Runner + Serve + Runtime {}

impl<R: Runner + Serve + Runtime> FullRunner for R {}

/// Where a supervision runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// tokio, with all tasks on the thread that blocks.
    TokioCurrentThread,
    /// tokio, with two threads of its own.
    TokioMultiThread,
    /// async-std, whose threads are the whole process's.
    AsyncStd,
}

impl Host {
    /// tokio, by each of its schedulers.
    pub const TOKIO: &[Self] = &[Self::TokioCurrentThread, Self::TokioMultiThread];
    /// async-std; it has but one.
    pub const ASYNC_STD: &[Self] = &[Self::AsyncStd];

    /// Its name: one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TokioCurrentThread => "tokio-current-thread",
            Self::TokioMultiThread => "tokio-multi-thread",
            Self::AsyncStd => "async-std",
        }
    }

    /// Blocks this thread until `future` is done, inside the runtime. A runtime of tokio's is made for it and ends with it;
    /// a call that blocks one of its threads does not keep it from ending.
    ///
    /// # Panics
    ///
    /// When the system gives the runtime no threads or no IO.
    pub fn block_on<T>(self, future: impl Future<Output = T>) -> T {
        let runtime = match self {
            Self::AsyncStd => return async_std::task::block_on(future),
            Self::TokioCurrentThread => runtime::Builder::new_current_thread(),
            Self::TokioMultiThread => two_threads(),
        };
        block_on_tokio(runtime, future).expect("the system gives a runtime what it needs")
    }
}

fn two_threads() -> runtime::Builder {
    let mut builder = runtime::Builder::new_multi_thread();
    builder.worker_threads(2);
    builder
}

fn block_on_tokio<T>(
    mut builder: runtime::Builder,
    future: impl Future<Output = T>,
) -> io::Result<T> {
    let runtime = builder.enable_all().build()?;
    let value = runtime.block_on(future);
    runtime.shutdown_background();
    Ok(value)
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
