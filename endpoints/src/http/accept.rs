//! Accepting connections, and making room for them.

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

use crate::http::connection::Connection;
use crate::http::listener::{Listener, Task};
use crate::http::shared::Shared;

/// How many connections are accepted before others get their turn.
const PER_TURN: usize = 32;
/// One place of so many is for connections that have to go.
const SPARE: usize = 8;
/// How long to wait when the system cannot accept a connection, unless one ends before.
const PAUSE: Duration = Duration::from_millis(100);
/// How often it is logged that the system cannot.
const LOG_PERIOD: Duration = Duration::from_mins(1);

/// Accepts connections, and has each served in a task of its own.
pub(crate) struct Acceptor<L, E> {
    pub(crate) listener: L,
    pub(crate) executor: Arc<E>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) max_connections: usize,
}

impl<L: Listener, E: Executor<Task>> Acceptor<L, E> {
    pub(crate) async fn run(self) {
        let mut failures = Failures::default();
        let mut this_turn = 0;
        // Some places are for those that have to go and are not gone, so that as many can be let in each time all had their turn.
        let keep = self.max_connections - self.max_connections / SPARE - 1;
        loop {
            match self.listener.accept().await {
                Ok(stream) => {
                    self.make_room(keep, self.max_connections).await;
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
            this_turn += 1;
            if this_turn == PER_TURN {
                this_turn = 0;
                yield_now().await;
            }
        }
    }

    /// Waits until there are fewer connections than `number`, and has others go until no more than `keep` may stay.
    async fn make_room(&self, keep: usize, number: usize) {
        let Shared {
            connections,
            timer,
            limits,
            ..
        } = &*self.shared;
        let mut fewer = pin!(connections.fewer_than(number));
        loop {
            let not_before = connections.evict(keep, timer.now(), limits.min_tenure);
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
        let place = self.shared.connections.admit(now);
        let connection = Connection::new(stream, now, Arc::clone(&self.shared), place);
        let task = AssertUnwindSafe(connection).catch_unwind();
        // A panic ends its connection. The hook of the process has reported it.
        self.executor.execute(task.map(drop).boxed());
    }

    fn warn(&self, error: &io::Error, failures: u64) {
        let (address, connections) = (self.shared.address, self.shared.connections.open());
        tracing::warn!(%address, %error, failures, connections, "cannot accept a connection for the probes");
    }

    /// Waits until a connection has ended, since that gives a descriptor back, but not longer than the pause.
    async fn pause(&self) {
        let Shared {
            connections, timer, ..
        } = &*self.shared;
        let open = connections.open();
        let ended = pin!(self.make_room(open.saturating_sub(1), open));
        drop(select(ended, timer.sleep(PAUSE)).await);
    }
}

/// Whether only the connection failed that was to be accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

/// Failures to accept, logged once for each period.
#[derive(Default)]
struct Failures {
    logged: Option<Instant>,
    /// How many there were since then.
    number: u64,
}

impl Failures {
    /// Counts one. Gives how many to log, if they are to be logged now.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.number += 1;
        if self.logged.is_some_and(|logged| now < logged + LOG_PERIOD) {
            return None;
        }
        self.logged = Some(now);
        Some(std::mem::take(&mut self.number))
    }
}

/// Lets other tasks have their turn.
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
