//! SIGINT and SIGTERM.

use std::future;
use std::{process, thread};

use anyhow::Context;
use futures::channel::mpsc::{self, UnboundedReceiver};
use futures::{FutureExt, StreamExt, select};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator;

/// Receives signals from its creation on, on a thread of its own, without a runtime.
pub(crate) struct Signals {
    codes: UnboundedReceiver<i32>,
}

impl Signals {
    pub(crate) fn listen() -> anyhow::Result<Self> {
        const FAILED: &str = "cannot handle signals";
        let mut signals = iterator::Signals::new([SIGINT, SIGTERM]).context(FAILED)?;
        let (sender, codes) = mpsc::unbounded();
        let forward = move || {
            for signal in signals.forever() {
                // After the command's end there is no receiver.
                let _ = sender.unbounded_send(128 + signal);
            }
        };
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(forward)
            .context(FAILED)?;
        Ok(Self { codes })
    }

    /// Waits for a signal. Returns the exit code of a program that it ends.
    pub(crate) async fn next(&mut self) -> i32 {
        match self.codes.next().await {
            Some(code) => code,
            None => future::pending().await,
        }
    }

    /// Waits for `ending`. Ends the process when another signal comes first.
    pub(crate) async fn wait_for<T>(&mut self, ending: impl Future<Output = T>) -> T {
        select! {
            ended = ending.fuse() => ended,
            code = self.next().fuse() => process::exit(code),
        }
    }
}
