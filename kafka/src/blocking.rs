//! Calls that block.

use std::thread;

use futures::channel::oneshot;
use livebus_core::{Failure, FailureClass};

/// Runs `work` on a thread of its own, where it may block for as long as its own limit says. Dropping the future does not stop it.
///
/// Not on a runtime's pool: a runtime that shuts down waits for that.
///
/// # Errors
///
/// [`Other`](FailureClass::Other) when there is no thread for it, or it panicked.
pub(crate) async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    let (sender, result) = oneshot::channel();
    let spawned = thread::Builder::new()
        .name("livebus-blocking".to_owned())
        .spawn(move || {
            // There may be no receiver any more.
            let _ = sender.send(work());
        });
    if let Err(error) = spawned {
        tracing::error!(%error, "starting a thread for a call that blocks failed");
    }
    result.await.map_err(|_| FailureClass::Other.into())
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    #[test]
    fn work_is_done_on_another_thread() {
        let here = thread::current().id();
        let there = block_on(on_thread(|| thread::current().id()));
        assert_ne!(there, Ok(here));
    }

    #[test]
    fn a_panic_is_a_failure() {
        let result = block_on(on_thread(|| -> u8 { panic!("on purpose") }));
        assert_eq!(result, Err(FailureClass::Other.into()));
    }
}
