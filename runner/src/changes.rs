//! The changes of a service as a stream.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use futures::Stream;
use livebus_readiness::{Follower, StatusChange};

use crate::time::{Time, Timer};

/// A stream of the changes of a service, in order. A Running whose lease runs out is NotReady as of that instant, also while the
/// loop is starved, and is shown so [`GRACE`](Follower::GRACE) later. Ends when the supervision has ended.
///
/// The newest 64 changes are kept for a slow reader; [`missed`](Self::missed) counts those that it lost.
///
/// It may be polled on any thread. The end of a lease is shown only while the runtime of the supervision runs, whose timer it
/// uses; all other changes need no runtime.
#[must_use = "a stream does nothing unless it is polled"]
pub struct Changes {
    follower: Follower,
    time: Arc<dyn Time>,
    timer: Box<dyn Timer>,
    /// Whether the timer is set: not before the first wait, and not after it has elapsed.
    is_set: bool,
    /// The deadline to which it is set.
    set: Option<Instant>,
}

impl Changes {
    pub(crate) fn new(follower: Follower, time: Arc<dyn Time>) -> Self {
        let timer = time.timer();
        Self {
            follower,
            time,
            timer,
            is_set: false,
            set: None,
        }
    }

    /// Returns how many changes were dropped before this stream yielded them, because it was polled too late.
    #[must_use]
    pub const fn missed(&self) -> u64 {
        self.follower.missed()
    }
}

impl Stream for Changes {
    type Item = StatusChange;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<StatusChange>> {
        let it = &mut *self;
        loop {
            if let Poll::Ready(change) = it.follower.poll_change(it.time.now(), context) {
                return Poll::Ready(change);
            }
            let due = it.follower.poll_timeout();
            if !it.is_set || it.set != due {
                it.timer.set(due);
                (it.is_set, it.set) = (true, due);
            }
            ready!(it.timer.poll_elapsed(context));
            it.is_set = false;
        }
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes")
            .field("follower", &self.follower)
            .finish_non_exhaustive()
    }
}
