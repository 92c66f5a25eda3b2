//! Observations of the clients: evidence, suspicions, and the loss of a client.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;
use livebus_core::{ClientId, Failure};

/// A cell that client threads write and a runner reads.
///
/// It coalesces observations, so that no queue can grow and nothing that matters is lost: it keeps the newest evidence, the most
/// specific suspicion and the newest lost client. Writing never blocks for longer than another writer copies a few words, so
/// client threads are not delayed.
///
/// Evidence is the common case, and costs a read of the clock and one relaxed store per message. It wakes no task while the
/// runner has not [armed](Self::arm) the cell: a runner whose service is Running reads it when a liveness message would be due,
/// and only then needs to know whether there was evidence.
#[derive(Debug)]
pub struct Observations {
    /// Evidence is stored as nanoseconds since this instant.
    epoch: Instant,
    live: AtomicU64,
    armed: AtomicBool,
    suspicions: Mutex<Suspicions>,
    /// There are observations that must not wait.
    urgent: AtomicBool,
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
struct Suspicions {
    suspicion: Option<Failure>,
    lost: Option<(ClientId, Failure)>,
}

/// The observations since the last [`take`](Observations::take). A field may be added in a minor version: match with `..`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observed {
    /// The instant of the newest evidence.
    pub live: Option<Instant>,
    /// The most specific suspicion; the newest of several that are equally specific.
    pub suspicion: Option<Failure>,
    /// The newest client that was lost, and why.
    pub lost: Option<(ClientId, Failure)>,
}

impl Observations {
    /// Returns a cell without observations.
    #[must_use]
    pub fn new() -> Self {
        Self {
            epoch: Instant::now(),
            live: AtomicU64::new(0),
            armed: AtomicBool::new(false),
            suspicions: Mutex::default(),
            urgent: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        }
    }

    /// Records evidence: the bus did its work just now. A delivery was acknowledged, say, a record fetched, or a request
    /// answered.
    pub fn live(&self) {
        self.live_at(Instant::now());
    }

    /// Records evidence of the instant `at`, which was not long ago. To a runner an instant in the future is now.
    pub fn live_at(&self, at: Instant) {
        let nanos = at.saturating_duration_since(self.epoch).as_nanos();
        let word = u64::try_from(nanos).unwrap_or(u64::MAX - 1) + 1;
        // Relaxed: no other data is published with the instant. If the runner arms the cell at the same time and misses this
        // message, its own deadline or the next message compensates for it.
        self.live.store(word, Ordering::Relaxed);
        if self.armed.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    /// Records a suspicion: the bus may be unusable. Wakes the runner at once.
    pub fn suspicion(&self, failure: Failure) {
        self.record(|known| {
            let suspicion = known.suspicion;
            known.suspicion = Some(suspicion.map_or(failure, |old| old.most_specific(failure)));
        });
    }

    /// Records that the client with the id `client` cannot recover. Wakes the runner at once.
    pub fn lost(&self, client: ClientId, failure: Failure) {
        self.record(|known| {
            // A late report of an older client must not hide that its replacement is lost.
            if known.lost.is_none_or(|(lost, _)| lost <= client) {
                known.lost = Some((client, failure));
            }
        });
    }

    /// Sets whether evidence wakes the runner from now on: it should while the runner waits for some, and not while it has some.
    pub fn arm(&self, armed: bool) {
        self.armed.store(armed, Ordering::Relaxed);
        if armed && self.live.load(Ordering::Relaxed) != 0 {
            self.wake();
        }
    }

    /// Takes the observations since the last call.
    #[must_use]
    pub fn take(&self) -> Observed {
        let Suspicions { suspicion, lost } = std::mem::take(&mut *self.lock());
        let live = self.live.swap(0, Ordering::Relaxed).checked_sub(1);
        Observed {
            live: live.map(|nanos| self.epoch + Duration::from_nanos(nanos)),
            suspicion,
            lost,
        }
    }

    /// Waits until there are observations that must not wait. Supports one waiting task at a time.
    pub async fn changed(&self) {
        poll_fn(|context| {
            self.waker.register(context.waker());
            if self.urgent.swap(false, Ordering::Acquire) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    fn record(&self, update: impl FnOnce(&mut Suspicions)) {
        update(&mut self.lock());
        self.wake();
    }

    fn lock(&self) -> MutexGuard<'_, Suspicions> {
        // A panic while it is locked leaves it valid.
        let suspicions = self.suspicions.lock();
        suspicions.unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        self.urgent.store(true, Ordering::Release);
        self.waker.wake();
    }
}

impl Default for Observations {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::{Context, Wake};

    use livebus_core::FailureClass;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn evidence_wakes_only_an_armed_cell() {
        let (cell, count) = (Observations::new(), Arc::new(Wakes::default()));
        let waker = Arc::clone(&count).into();
        let mut context = Context::from_waker(&waker);
        let mut changed = pin!(cell.changed());
        assert!(changed.as_mut().poll(&mut context).is_pending());
        cell.live();
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        assert!(changed.as_mut().poll(&mut context).is_pending());
        cell.arm(true);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(changed.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn a_suspicion_wakes_at_once_and_is_taken_once() {
        let (cell, count) = (Observations::new(), Arc::new(Wakes::default()));
        let waker = Arc::clone(&count).into();
        let mut context = Context::from_waker(&waker);
        let mut changed = pin!(cell.changed());
        assert!(changed.as_mut().poll(&mut context).is_pending());
        cell.suspicion(FailureClass::Authentication.into());
        cell.suspicion(FailureClass::Unreachable.into());
        assert!(count.0.load(Ordering::Relaxed) > 0);
        assert!(changed.as_mut().poll(&mut context).is_ready());
        let observed = cell.take();
        assert_eq!(
            observed.suspicion,
            Some(FailureClass::Authentication.into())
        );
        assert_eq!(cell.take(), Observed::default());
    }

    #[test]
    fn the_newest_lost_client_is_kept_in_either_order() {
        let cell = Observations::new();
        let [older, newer] = [1, 4].map(ClientId::from_number);
        let [fatal, tls] = [FailureClass::ClientFatal, FailureClass::Tls].map(Failure::new);
        for order in [
            [(older, tls), (newer, fatal)],
            [(newer, fatal), (older, tls)],
        ] {
            for (client, failure) in order {
                cell.lost(client, failure);
            }
            assert_eq!(cell.take().lost, Some((newer, fatal)));
        }
        assert_eq!(cell.take().lost, None);
    }

    #[test]
    fn the_newest_evidence_is_kept() {
        let cell = Observations::new();
        let before = Instant::now();
        cell.live();
        cell.live();
        let live = cell.take().live.expect("there was evidence");
        assert!(live >= before && live <= Instant::now());
    }
}
