//! Which connections there are, and which of them has to make room.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_channel::oneshot;
use futures_util::task::AtomicWaker;

/// All connections of one server.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    state: Mutex<State>,
    /// Wakes whoever waits for a connection to end.
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

/// What became of the wish that a connection make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Eviction {
    /// One is about to go.
    UnderWay,
    /// None has to go before this instant.
    NotBefore(Instant),
    /// There is none.
    Nobody,
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

    /// Has one connection make room, unless one is about to go already: the oldest of those that were answered; if there is none,
    /// the oldest of all, once it is as old as `min_tenure`.
    pub(crate) fn evict(&self, now: Instant, min_tenure: Duration) -> Eviction {
        let mut state = self.state();
        if state.open > state.staying.len() {
            return Eviction::UnderWay;
        }
        let answered = |entry: &Entry| entry.answered.load(Ordering::Relaxed);
        let mut entries = state.staying.iter();
        let number = match entries.find(|(_, entry)| answered(entry)) {
            Some((number, _)) => *number,
            None => match state.staying.first_key_value() {
                None => return Eviction::Nobody,
                Some((_, oldest)) if oldest.since + min_tenure > now => {
                    return Eviction::NotBefore(oldest.since + min_tenure);
                }
                Some((number, _)) => *number,
            },
        };
        state.staying.remove(&number);
        Eviction::UnderWay
    }

    /// Has all connections go.
    pub(crate) fn close(&self) {
        self.state().staying.clear();
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
        state.staying.remove(&self.number);
        state.open -= 1;
        drop(state);
        self.connections.ended.wake();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn one_that_is_about_to_go_is_waited_for_before_another_has_to() {
        let (connections, now) = (Arc::<Connections>::default(), Instant::now());
        let (first, mut second) = (connections.admit(now), connections.admit(now));
        for _ in 0..2 {
            let eviction = connections.evict(now, Duration::ZERO);
            assert_eq!((eviction, connections.open()), (Eviction::UnderWay, 2));
        }
        assert_eq!(second.evicted().now_or_never(), None);
        drop(first);
        assert_eq!(connections.open(), 1);
        connections.evict(now, Duration::ZERO);
        assert!(second.evicted().now_or_never().is_some());
    }

    #[test]
    fn nobody_has_to_go_where_nobody_is() {
        let (connections, now) = (Arc::<Connections>::default(), Instant::now());
        drop(connections.admit(now));
        let eviction = connections.evict(now, Duration::ZERO);
        assert_eq!(eviction, Eviction::Nobody);
    }
}
