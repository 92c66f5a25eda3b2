//! Wakes tasks that show the newest status, and no history.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Context;

use futures::task::AtomicWaker;

use crate::slot::wake_task;

/// Wakes a task after each change. It keeps no change: the task reads the newest state. A [`Follower`](crate::Follower) keeps the
/// history of one service.
#[derive(Debug)]
pub struct Subscription {
    waker: Arc<AtomicWaker>,
}

impl Subscription {
    /// Registers the task of `context` to be woken. To be called before the status is read, so that no change is lost.
    pub fn register(&self, context: &Context<'_>) {
        self.waker.register(context.waker());
    }
}

/// The subscriptions to something that changes. Bounded by those that the process holds.
#[derive(Debug, Default)]
pub struct Subscriptions(Mutex<Vec<Weak<AtomicWaker>>>);

impl Subscriptions {
    /// Returns a subscription to the changes from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        let waker = Arc::new(AtomicWaker::new());
        let mut existing = self.lock();
        if existing.len() == existing.capacity() {
            existing.retain(|it| it.strong_count() > 0);
        }
        existing.push(Arc::downgrade(&waker));
        Subscription { waker }
    }

    /// Wakes all tasks, after a change. To be called without a lock: a waker is foreign code.
    pub fn wake(&self) {
        let mut existing = self.lock();
        existing.retain(|it| it.strong_count() > 0);
        let wakers: Vec<_> = existing.iter().filter_map(Weak::upgrade).collect();
        drop(existing);
        for waker in &wakers {
            wake_task(waker);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<AtomicWaker>>> {
        // Nothing panics while it is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_that_were_dropped_take_no_memory() {
        let subscriptions = Subscriptions::default();
        let kept = subscriptions.subscribe();
        for _ in 0..1_000 {
            drop(subscriptions.subscribe());
            assert!(subscriptions.lock().len() <= 8);
        }
        subscriptions.wake();
        assert_eq!(subscriptions.lock().len(), 1);
        drop(kept);
    }
}
