//! The acceptor: accepts connections, and evicts others for them.

use std::future::poll_fn;
use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::select;
use hyper::rt::Executor;

use crate::http::listener::{Listener, Task};
use crate::http::shared::{Protocol, Shared};

/// The number of accepted connections after which the task yields.
const ACCEPTS_PER_YIELD: usize = 32;
/// One slot of this many is reserved for connections that are being evicted.
const EVICTION_SHARE: usize = 8;
/// The delay after the system could not accept a connection, unless one ends before.
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// The minimum time between two log lines about that.
const LOG_PERIOD: Duration = Duration::from_mins(1);

/// Accepts connections, and spawns a task for each.
pub(crate) struct Acceptor<L, E, P> {
    pub(crate) listener: L,
    pub(crate) executor: Arc<E>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) protocol: P,
    pub(crate) max_connections: usize,
}

impl<L: Listener, E: Executor<Task>, P: Protocol> Acceptor<L, E, P> {
    pub(crate) async fn run(self) {
        let mut failures = Failures::default();
        let mut accepted = 0;
        // Some slots are for connections that are evicted and not yet closed, so that new ones can be accepted in the meantime.
        let keep = self.max_connections - self.max_connections / EVICTION_SHARE - 1;
        loop {
            match self.listener.accept().await {
                Ok(stream) => {
                    self.evict_until_below(keep, self.max_connections).await;
                    self.serve(stream);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if let Some(number) = failures.count(self.shared.timer.now()) {
                        self.warn(&error, number);
                    }
                    self.pause().await;
                }
            }
            accepted += 1;
            if accepted == ACCEPTS_PER_YIELD {
                accepted = 0;
                yield_now().await;
            }
        }
    }

    /// Waits until there are fewer connections than `number`. Evicts connections until at most `keep` are left.
    async fn evict_until_below(&self, keep: usize, number: usize) {
        let Shared {
            connections,
            timer,
            limits,
            ..
        } = &*self.shared;
        let mut fewer = pin!(connections.fewer_than(number));
        loop {
            let not_before = connections.evict(keep, number, timer.now(), limits.min_age);
            if connections.open() < number {
                return;
            }
            match not_before {
                Some(instant) => drop(select(&mut fewer, timer.sleep_until(instant)).await),
                None => fewer.as_mut().await,
            }
        }
    }

    fn serve(&self, stream: L::Stream) {
        let now = self.shared.timer.now();
        let slot = self.shared.connections.admit(now);
        let shared = Arc::clone(&self.shared);
        let connection = self.protocol.serve(stream, now, shared, slot);
        let task = AssertUnwindSafe(connection).catch_unwind();
        // A panic ends its connection. The panic hook has reported it.
        self.executor.execute(task.map(drop).boxed());
    }

    fn warn(&self, error: &io::Error, failures: u64) {
        let (address, connections) = (self.shared.address, self.shared.connections.open());
        tracing::warn!(%address, %error, failures, connections, "cannot accept a connection");
    }

    /// Evicts a connection and waits until one has ended, which frees a descriptor, but at most for the delay.
    async fn pause(&self) {
        let Shared {
            connections, timer, ..
        } = &*self.shared;
        let open = connections.open();
        let ended = pin!(self.evict_until_below(open.saturating_sub(1), open));
        drop(select(ended, timer.sleep(RETRY_DELAY)).await);
    }
}

/// Returns whether the error is of one connection only, and not of the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

/// Counts failures to accept, which are logged once per period.
#[derive(Default)]
struct Failures {
    logged: Option<Instant>,
    /// The number of failures since then.
    number: u64,
}

impl Failures {
    /// Counts a failure. Returns the number to log, if a log line is due.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.number += 1;
        if self.logged.is_some_and(|logged| now < logged + LOG_PERIOD) {
            return None;
        }
        self.logged = Some(now);
        Some(std::mem::take(&mut self.number))
    }
}

/// Yields to other tasks.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            Poll::Ready(())
        } else {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_logged_once_for_each_period() {
        let (mut failures, begin) = (Failures::default(), Instant::now());
        assert_eq!(failures.count(begin), Some(1));
        for tenths in 1..600 {
            let now = begin + Duration::from_millis(100) * tenths;
            assert_eq!(failures.count(now), None, "{tenths}");
        }
        assert_eq!(failures.count(begin + LOG_PERIOD), Some(600));
        assert_eq!(failures.count(begin + LOG_PERIOD), None);
    }
}
