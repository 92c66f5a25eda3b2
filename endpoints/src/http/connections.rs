//! The connections of a server, and their eviction.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use futures::task::AtomicWaker;

use crate::http::limits::after;

/// Which connections are evicted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EvictionOrder {
    /// Those that were answered: they have what they came for.
    AnsweredFirst,
    /// Those that were never called: the others may have calls in flight.
    #[cfg_attr(not(feature = "http2"), allow(dead_code, reason = "no other protocol"))]
    AnsweredLast,
}

/// All connections of one server.
#[derive(Debug)]
pub(crate) struct Connections {
    order: EvictionOrder,
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
    /// Evicts the connection when it is used, and closes it at once when it is dropped.
    evict: oneshot::Sender<()>,
}

impl Connections {
    pub(crate) fn new(order: EvictionOrder) -> Self {
        Self {
            order,
            state: Mutex::default(),
            ended: AtomicWaker::new(),
        }
    }

    /// Adds a connection that is accepted at `now`.
    pub(crate) fn admit(self: &Arc<Self>, now: Instant) -> Slot {
        let answered = Arc::new(AtomicBool::new(false));
        let (evict, evicted) = oneshot::channel();
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.open += 1;
        let entry = Entry {
            since: now,
            answered: Arc::clone(&answered),
            evict,
        };
        state.active.insert(number, entry);
        Slot {
            connections: Arc::clone(self),
            number,
            answered,
            evicted,
        }
    }

    /// Evicts connections until at most `number` are active, in their [order](EvictionOrder), and the oldest first among equals. One
    /// that was not answered must be `min_age` old: returns that instant if it is in the future.
    pub(crate) fn evict(&self, number: usize, now: Instant, min_age: Duration) -> Option<Instant> {
        let mut evicted = Vec::new();
        let mut not_before = None;
        let mut state = self.state();
        while state.active.len() > number {
            let Some((key, answered, since)) = state.next_evicted(self.order) else {
                break;
            };
            let old_enough = after(since, min_age);
            if !answered && now < old_enough {
                not_before = Some(old_enough);
                break;
            }
            evicted.extend(state.active.remove(&key));
        }
        drop(state);
        // Without the lock: this wakes tasks, which runs foreign code.
        for entry in evicted {
            // A connection that has ended needs no signal.
            let _ = entry.evict.send(());
        }
        not_before
    }

    /// Closes all connections.
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

impl State {
    /// Returns the connection that is evicted next: its number, whether it was answered, and when it was accepted.
    fn next_evicted(&self, order: EvictionOrder) -> Option<(u64, bool, Instant)> {
        let answered_first = order == EvictionOrder::AnsweredFirst;
        let mut entries = self.active.iter().map(|(number, entry)| {
            let answered = entry.answered.load(Ordering::Relaxed);
            (*number, answered, entry.since)
        });
        let oldest = entries.clone().next();
        entries
            .find(|(_, answered, _)| *answered == answered_first)
            .or(oldest)
    }
}

/// The slot of one connection. To be dropped after its descriptor is closed.
#[derive(Debug)]
pub(crate) struct Slot {
    connections: Arc<Connections>,
    number: u64,
    answered: Arc<AtomicBool>,
    evicted: oneshot::Receiver<()>,
}

impl Slot {
    /// Returns the flag to set when the connection is answered. The [`EvictionOrder`] depends on it.
    pub(crate) const fn answered(&self) -> &Arc<AtomicBool> {
        &self.answered
    }

    /// Returns the signal that resolves when the connection is evicted, and with an error when the server closes.
    pub(crate) const fn evicted(&mut self) -> &mut oneshot::Receiver<()> {
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

    fn connections(order: EvictionOrder) -> Arc<Connections> {
        Arc::new(Connections::new(order))
    }

    #[test]
    fn answered_connections_are_evicted_first_or_last_by_the_order() {
        let now = Instant::now();
        for (order, expected) in [
            (EvictionOrder::AnsweredFirst, [0, 2, 1, 3]),
            (EvictionOrder::AnsweredLast, [1, 3, 0, 2]),
        ] {
            let connections = connections(order);
            let mut slots = [(); 4].map(|()| connections.admit(now));
            for answered in [0, 2] {
                slots[answered].answered().store(true, Ordering::Relaxed);
            }
            for (left, evicted) in (0..4).rev().zip(expected) {
                assert_eq!(connections.evict(left, now, Duration::ZERO), None);
                let signal = slots[evicted].evicted().now_or_never();
                assert_eq!(signal, Some(Ok(())), "{order:?}, {evicted}");
            }
        }
    }

    #[test]
    fn evicted_connections_are_open_until_they_are_closed() {
        let (connections, now) = (connections(EvictionOrder::AnsweredFirst), Instant::now());
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
