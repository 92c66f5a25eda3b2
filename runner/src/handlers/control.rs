//! What a run and the loop share: the cancellation and the deadline.

use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use livebus_core::dispatch::{Generation, PartitionId};

use crate::lock::lock;

/// What a function knows of the call beside its record. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    pub(crate) attempt: u32,
    pub(crate) timeout: Option<Duration>,
    pub(crate) assignment: (PartitionId, Generation),
    pub(crate) run: Arc<RunControl>,
}

impl Context {
    /// Returns how often the function was called with this record, this time included.
    ///
    /// It counts the calls of this assignment of the partition: after a crash or a rebalance it begins with 1 again.
    #[must_use]
    pub const fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns when the function is cancelled, and counts as failed, if it has not finished; `None`: never.
    ///
    /// Before the function has waited for the first time this is an estimate: the time of the record begins then.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let timeout = self.timeout?;
        let begun = self.run.deadline.get();
        Some(begun.copied().unwrap_or_else(|| Instant::now() + timeout))
    }

    /// Returns whether the function was cancelled: at its deadline, because its partition was taken away, or by a shutdown.
    ///
    /// An async function is dropped where it waits; this is for blocking functions, and for tasks that a function has spawned.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.run.is_cancelled()
    }

    /// Waits until the function is cancelled.
    pub fn cancelled(&self) -> impl Future<Output = ()> + Send + 'static {
        let run = Arc::clone(&self.run);
        poll_fn(move |cx| run.poll_cancelled(cx.waker()))
    }
}

/// The cancellation and the deadline of one run.
#[derive(Debug, Default)]
pub(crate) struct RunControl {
    is_cancelled: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
    deadline: OnceLock<Instant>,
}

impl RunControl {
    pub(crate) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Release);
        let wakers = std::mem::take(&mut *lock(&self.wakers));
        for waker in wakers {
            waker.wake();
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Acquire)
    }

    pub(crate) fn begin(&self, deadline: Option<Instant>) {
        if let Some(deadline) = deadline {
            let _ = self.deadline.set(deadline);
        }
    }

    pub(crate) fn poll_cancelled(&self, waker: &Waker) -> Poll<()> {
        if self.is_cancelled() {
            return Poll::Ready(());
        }
        let mut wakers = lock(&self.wakers);
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
        drop(wakers);
        // It may have been cancelled before the waker was there.
        if self.is_cancelled() {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use futures::executor::block_on;

    use super::*;

    #[test]
    fn cancellation_wakes_what_waits_for_it() {
        let run = Arc::new(RunControl::default());
        let cx = Context {
            attempt: 1,
            timeout: None,
            assignment: (PartitionId(0), Generation(1)),
            run: Arc::clone(&run),
        };
        assert!(!cx.is_cancelled() && cx.cancelled().now_or_never().is_none());
        let waiting = std::thread::spawn({
            let cx = cx.clone();
            move || block_on(cx.cancelled())
        });
        run.cancel();
        waiting.join().expect("it was woken");
        assert!(cx.is_cancelled());
        assert_eq!(cx.deadline(), None);
    }

    #[test]
    fn deadline_is_fixed_once_the_function_waits() {
        let run = Arc::new(RunControl::default());
        let cx = Context {
            attempt: 1,
            timeout: Some(Duration::from_secs(10)),
            assignment: (PartitionId(0), Generation(1)),
            run: Arc::clone(&run),
        };
        assert!(cx.deadline() > Some(Instant::now() + Duration::from_secs(5)));
        let deadline = Instant::now() + Duration::from_secs(1);
        run.begin(Some(deadline));
        assert_eq!(cx.deadline(), Some(deadline));
    }
}
