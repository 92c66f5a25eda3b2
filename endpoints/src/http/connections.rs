//! Which connections there are, and which of them has to make room.

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
    /// Those that may stay, in the order in which they came.
    staying: BTreeMap<u64, Entry>,
    next: u64,
    /// How many there are, with those that have to go and are not yet gone.
    open: usize,
}

#[derive(Debug)]
struct Entry {
    since: Instant,
    answered: Arc<AtomicBool>,
    /// Held and never used: the connection has to go when it is dropped.
    _stay: oneshot::Sender<Infallible>,
}

impl Connections {
    /// Counts in a connection that is accepted at `now`.
    pub(crate) fn admit(self: &Arc<Self>, now: Instant) -> Place {
        let answered = Arc::new(AtomicBool::new(false));
        let (stay, evicted) = oneshot::channel();
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.open += 1;
        let entry = Entry {
            since: now,
            answered: Arc::clone(&answered),
            _stay: stay,
        };
        state.staying.insert(number, entry);
        Place {
            connections: Arc::clone(self),
            number,
            answered,
            evicted,
        }
    }

    /// Has connections go until no more than `number` may stay: the oldest of those that were answered first; if there are none,
    /// the oldest of all, once it is as old as `min_tenure`. Gives when that is, if it has to be waited for.
    pub(crate) fn evict(
        &self,
        number: usize,
        now: Instant,
        min_tenure: Duration,
    ) -> Option<Instant> {
        // Dropped last, without the lock: that wakes tasks, and nobody knows what an executor does then.
        let mut gone = Vec::new();
        let mut state = self.state();
        while state.staying.len() > number {
            let mut entries = state.staying.iter();
            let answered = entries.find(|(_, entry)| entry.answered.load(Ordering::Relaxed));
            let (key, entry) = answered.or_else(|| state.staying.first_key_value())?;
            let not_before = after(entry.since, min_tenure);
            if answered.is_none() && now < not_before {
                return Some(not_before);
            }
            let key = *key;
            gone.extend(state.staying.remove(&key));
        }
        None
    }

    /// Has all connections go.
    pub(crate) fn close(&self) {
        let gone = std::mem::take(&mut self.state().staying);
        drop(gone);
    }

    /// How many there are.
    pub(crate) fn open(&self) -> usize {
        self.state().open
    }

    /// Waits until there are fewer than `number`. To be awaited by one task at a time.
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
        // Every call leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place among the others. Dropped when its descriptor is closed, and not before.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Arc<Connections>,
    number: u64,
    answered: Arc<AtomicBool>,
    evicted: oneshot::Receiver<Infallible>,
}

impl Place {
    /// To be set when it was answered: it has what it came for.
    pub(crate) const fn answered(&self) -> &Arc<AtomicBool> {
        &self.answered
    }

    /// Ends when the connection has to go.
    pub(crate) const fn evicted(&mut self) -> &mut oneshot::Receiver<Infallible> {
        &mut self.evicted
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.connections.state();
        let entry = state.staying.remove(&self.number);
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
    fn those_that_have_to_go_are_open_until_they_are_gone() {
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
