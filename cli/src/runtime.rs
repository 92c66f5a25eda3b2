//! The runtimes of the commands.
//!
//! A command is written once, for any [`CommandRuntime`]; only this module names them.

use std::process::ExitCode;

use anyhow::Context;
use livebus_async_std::AsyncStdRuntime;
use livebus_grpc::ServeHttp2;
use livebus_runner::{Runner, Runtime, Serve};
use livebus_tokio::TokioRuntime;

/// A runtime that can run a command.
pub(crate) trait CommandRuntime: Runner + Serve + ServeHttp2 + Runtime {
    /// Runs a command to its end, and waits for nothing else: a blocked call of librdkafka must not prevent the program from
    /// ending.
    fn block_on(
        command: impl Future<Output = anyhow::Result<ExitCode>>,
    ) -> anyhow::Result<ExitCode>;
}

impl CommandRuntime for TokioRuntime {
    fn block_on(
        command: impl Future<Output = anyhow::Result<ExitCode>>,
    ) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let code = runtime.block_on(command);
        runtime.shutdown_background();
        code
    }
}

impl CommandRuntime for AsyncStdRuntime {
    fn block_on(
        command: impl Future<Output = anyhow::Result<ExitCode>>,
    ) -> anyhow::Result<ExitCode> {
        async_std::task::block_on(command)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use futures::channel::oneshot;
    use futures::{FutureExt, select};

    use super::*;

    #[test]
    fn a_blocked_call_does_not_prevent_the_end_of_tokio() {
        end_with_a_blocked_call::<TokioRuntime>();
    }

    #[test]
    fn a_blocked_call_does_not_prevent_the_end_of_async_std() {
        end_with_a_blocked_call::<AsyncStdRuntime>();
    }

    fn end_with_a_blocked_call<R: CommandRuntime>() {
        let (release, blocked) = mpsc::channel::<()>();
        let (reached, in_call) = oneshot::channel();
        let (end, ended) = mpsc::channel();
        let command = async move {
            let call = R::spawn_blocking(move || {
                let _ = reached.send(());
                let _ = blocked.recv();
            });
            select! {
                _ = call.fuse() => anyhow::bail!("it was not blocked"),
                _ = in_call.fuse() => Ok(ExitCode::SUCCESS),
            }
        };
        thread::spawn(move || end.send(R::block_on(command).is_ok()));
        let ended = ended.recv_timeout(Duration::from_mins(1));
        drop(release);
        assert_eq!(ended, Ok(true));
    }
}
