//! A watch of one name.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use futures::Stream;
use livebus_readiness::{Reader, Subscription};
use livebus_runner::Timer;

use crate::health::Health;
use crate::messages::ServingStatus;

/// A watch of one name: a stream of its present status, and of each change. It holds no status but the last that it yielded.
#[must_use = "a stream does nothing unless it is polled"]
pub struct WatchStream {
    health: Health,
    name: String,
    /// The status that was yielded last.
    last: Option<ServingStatus>,
    reports: Subscription,
    names: Subscription,
    timer: Box<dyn Timer>,
    /// Whether the timer is set: not before the first wait, and not after it has elapsed.
    is_set: bool,
    /// The deadline to which it is set.
    set: Option<Instant>,
}

impl Health {
    /// Watches a name. An unknown one is [`ServiceUnknown`](ServingStatus::ServiceUnknown) until it is registered.
    pub fn watch(&self, name: impl Into<String>) -> WatchStream {
        WatchStream {
            health: self.clone(),
            name: name.into(),
            last: None,
            reports: self.shared.readiness.subscribe(),
            names: self.shared.subscriptions.subscribe(),
            timer: self.shared.time.timer(),
            is_set: false,
            set: None,
        }
    }
}

impl Stream for WatchStream {
    type Item = ServingStatus;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<ServingStatus>> {
        let it = &mut *self;
        it.reports.register(context);
        it.names.register(context);
        loop {
            // Before the status: the last status of a watch is not older than its end.
            let has_ended = it.health.has_ended();
            let now = it.health.shared.time.now();
            let status = it.health.status_at(&it.name, now);
            let status = status.unwrap_or(ServingStatus::ServiceUnknown);
            if it.last != Some(status) {
                it.last = Some(status);
                return Poll::Ready(Some(status));
            }
            if has_ended {
                return Poll::Ready(None);
            }
            let due = it.health.shared.readiness.next_lapse(Reader::Health, now);
            if !it.is_set || it.set != due {
                it.timer.set(due);
                (it.is_set, it.set) = (true, due);
            }
            ready!(it.timer.poll_elapsed(context));
            it.is_set = false;
        }
    }
}

impl fmt::Debug for WatchStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchStream")
            .field("name", &self.name)
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}
