//! The runtimes that livebus runs on.

use std::fmt;
use std::future::Future;
use std::io;

use livebus_grpc::ServeHttp2;
use livebus_runner::{Runner, Runtime, Serve};
use tokio::runtime;

/// A runner with all capabilities: it runs supervisions, serves the probes and gRPC, and runs a Kafka bus.
pub trait FullRunner: Runner + Serve + ServeHttp2 + Runtime {}

impl<R: Runner + Serve + ServeHttp2 + Runtime> FullRunner for R {}

/// The runtime on which a supervision runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// tokio, with all tasks on the thread that blocks.
    TokioCurrentThread,
    /// tokio, with two threads of its own.
    TokioMultiThread,
    /// async-std, which has one set of threads for the whole process.
    AsyncStd,
}

impl Host {
    /// tokio, with each of its schedulers.
    pub const TOKIO: &[Self] = &[Self::TokioCurrentThread, Self::TokioMultiThread];
    /// async-std, which has one scheduler.
    pub const ASYNC_STD: &[Self] = &[Self::AsyncStd];

    /// One of each runtime.
    pub const EACH: &[Self] = &[Self::TokioMultiThread, Self::AsyncStd];

    /// Returns the name, one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TokioCurrentThread => "tokio-current-thread",
            Self::TokioMultiThread => "tokio-multi-thread",
            Self::AsyncStd => "async-std",
        }
    }

    /// Blocks this thread until `future` is done, inside the runtime. For tokio it creates a runtime, which ends with the future,
    /// even if a call still blocks one of its threads.
    ///
    /// # Panics
    ///
    /// When the runtime cannot be created: no threads or no IO.
    pub fn block_on<T>(self, future: impl Future<Output = T>) -> T {
        let runtime = match self {
            Self::AsyncStd => return async_std::task::block_on(future),
            Self::TokioCurrentThread => runtime::Builder::new_current_thread(),
            Self::TokioMultiThread => two_threads(),
        };
        block_on_tokio(runtime, future).expect("the system provides threads and IO")
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
