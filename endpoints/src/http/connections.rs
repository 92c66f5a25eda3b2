//! The connections of a server, and their eviction.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use futures::task::AtomicWaker;

use crate::http::limits::after;

/// All connections of one server.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    state: Mutex<State>,
    /// Wakes the task that waits for a connection to end.
    ended: AtomicWaker,
}

#[derive(Debug, Default)]
struct State {
    /// The connections that are not evicted, in the order in which they were accepted.
    active: BTreeMap<u64, Entry>,
    next: u64,
    /// The number of connections, including those that are evicted and not yet closed.
    open: usize,
}

#[derive(Debug)]
struct Entry {
    since: Instant,
    answered: Arc<AtomicBool>,
    /// Never used: the connection is evicted when it is dropped.
    _evict_guard: oneshot::Sender<Infallible>,
}

impl Connections {
    /// Adds a connection that is accepted at `now`.
    pub(crate) fn admit(self: &Arc<Self>, now: Instant) -> Slot {
        let answered = Arc::new(AtomicBool::new(false));
        let (evict_guard, evicted) = oneshot::channel();
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.open += 1;
        let entry = Entry {
            since: now,
            answered: Arc::clone(&answered),
            _evict_guard: evict_guard,
        };
        state.active.insert(number, entry);
        Slot {
            connections: Arc::clone(self),
            number,
            answered,
            evicted,
        }
    }

    /// Evicts connections until at most `number` are active: first the oldest that was answered; if there is none, the oldest,
    /// once its age is `min_age`. Returns that instant if it is in the future.
    pub(crate) fn evict(&self, number: usize, now: Instant, min_age: Duration) -> Option<Instant> {
        // Dropped last, without the lock: the drop wakes tasks, which runs foreign code.
        let mut evicted = Vec::new();
        let mut state = self.state();
        while state.active.len() > number {
            let mut entries = state.active.iter();
            let answered = entries.find(|(_, entry)| entry.answered.load(Ordering::Relaxed));
            let (key, entry) = answered.or_else(|| state.active.first_key_value())?;
            let not_before = after(entry.since, min_age);
            if answered.is_none() && now < not_before {
                return Some(not_before);
            }
            let key = *key;
            evicted.extend(state.active.remove(&key));
        }
        None
    }

    /// Evicts all connections.
    pub(crate) fn close(&self) {
        let evicted = std::mem::take(&mut self.state().active);
        drop(evicted);
    }

    /// Returns the number of open connections.
    pub(crate) fn open(&self) -> usize {
        self.state().open
    }

    /// Waits until there are fewer than `number`. Supports one waiting task at a time.
    pub(crate) fn fewer_than(&self, number: usize) -> impl Future<Output = ()> {
        poll_fn(move |cx| {
            self.ended.register(cx.waker());
            if self.open() < number {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it is locked leaves it valid.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The slot of one connection. To be dropped after its descriptor is closed.
#[derive(Debug)]
pub(crate) struct Slot {
    connections: Arc<Connections>,
    number: u64,
    answered: Arc<AtomicBool>,
    evicted: oneshot::Receiver<Infallible>,
}

impl Slot {
    /// Returns the flag to set when the connection was answered: it is evicted first then.
    pub(crate) const fn answered(&self) -> &Arc<AtomicBool> {
        &self.answered
    }

    /// Returns the signal that resolves when the connection is evicted.
    pub(crate) const fn evicted(&mut self) -> &mut oneshot::Receiver<Infallible> {
        &mut self.evicted
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.connections.state();
        let entry = state.active.remove(&self.number);
        state.open -= 1;
        drop(state);
        drop(entry);
        self.connections.ended.wake();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn evicted_connections_are_open_until_they_are_closed() {
        let (connections, now) = (Arc::<Connections>::default(), Instant::now());
        let (mut first, mut second) = (connections.admit(now), connections.admit(now));
        for _ in 0..2 {
            assert_eq!(connections.evict(1, now, Duration::ZERO), None);
            assert_eq!(connections.open(), 2);
        }
        assert!(first.evicted().now_or_never().is_some());
        assert_eq!(second.evicted().now_or_never(), None);
        drop(first);
        assert_eq!(connections.open(), 1);
        drop(second);
        assert_eq!(connections.open(), 0);
        assert_eq!(connections.evict(0, now, Duration::ZERO), None);
    }
}
