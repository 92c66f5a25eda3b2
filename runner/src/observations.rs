//! Observations of the clients: evidence, suspicions, and the loss of a client.

use std::future::poll_fn;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;
use livebus_core::{ClientId, Failure};

use crate::lock::lock;

/// A cell that client threads write and a runner reads.
///
/// It coalesces observations, so that no queue can grow and nothing that matters is lost: it keeps the newest evidence, the most
/// specific suspicion and the newest lost client. Writing never blocks for longer than another writer copies a few words, so
/// client threads are not delayed.
///
/// Evidence is the common case, and costs one atomic maximum per message. It wakes no task while the
/// runner has not [armed](Self::arm) the cell: a runner whose service is Running reads it when a liveness message would be due,
/// and only then needs to know whether there was evidence.
#[derive(Debug)]
pub struct Observations {
    /// Evidence is stored as nanoseconds since this instant.
    epoch: Instant,
    live: AtomicU64,
    armed: AtomicBool,
    /// Evidence does not count now.
    ignores_evidence: AtomicBool,
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
            ignores_evidence: AtomicBool::new(false),
            suspicions: Mutex::default(),
            urgent: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        }
    }

    /// Records evidence: the bus did its work at `at`, the instant at which its answer *arrived*. A delivery was acknowledged then,
    /// say, or a request answered. To a runner an instant in the future is now. Older evidence than the newest changes nothing.
    ///
    /// What a client has kept in a queue of its own proves nothing when it is taken from there, however late: a record that was
    /// fetched before, or a result that waited to be read. Reported with the instant at which it is read, it would keep a service
    /// Running without a bus for as long as the queue lasts.
    pub fn evidence_at(&self, at: Instant) {
        if self.ignores_evidence.load(Ordering::Relaxed) {
            return;
        }
        let nanos = at.saturating_duration_since(self.epoch).as_nanos();
        let word = u64::try_from(nanos).unwrap_or(u64::MAX - 1) + 1;
        // Relaxed: no other data is published with the instant. If the runner arms the cell at the same time and misses this
        // message, its own deadline or the next message compensates for it.
        if word > self.live.load(Ordering::Relaxed) {
            self.live.fetch_max(word, Ordering::Relaxed);
        }
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

    /// Sets whether evidence is ignored from now on, and drops what was not taken if it is.
    ///
    /// For a bus that knows that work which is done does not prove what it must: it is done by the wrong cluster, say.
    pub fn ignore_evidence(&self, ignored: bool) {
        self.ignores_evidence.store(ignored, Ordering::SeqCst);
        if ignored {
            self.live.store(0, Ordering::SeqCst);
        }
    }

    /// Sets whether evidence wakes the runner from now on: it should while the runner waits for some, and not while it has some.
    pub fn arm(&self, armed: bool) {
        self.armed.store(armed, Ordering::Relaxed);
        if armed && self.live.load(Ordering::Relaxed) != 0 {
            self.wake();
        }
    }

    /// Returns whether the runner waits for evidence: whether nothing proves that the bus works. A bus may try longer then.
    #[must_use]
    pub fn is_armed(&self) -> bool {
        self.armed.load(Ordering::Relaxed)
    }

    /// Takes the observations since the last call.
    #[must_use]
    pub fn take(&self) -> Observed {
        let Suspicions { suspicion, lost } = std::mem::take(&mut *lock(&self.suspicions));
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
        update(&mut lock(&self.suspicions));
        self.wake();
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
        cell.evidence_at(Instant::now());
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        assert!(changed.as_mut().poll(&mut context).is_pending());
        assert!(!cell.is_armed());
        cell.arm(true);
        assert!(cell.is_armed());
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(changed.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn evidence_that_is_ignored_is_dropped_and_wakes_nobody() {
        let (cell, count) = (Observations::new(), Arc::new(Wakes::default()));
        let waker = Arc::clone(&count).into();
        let mut context = Context::from_waker(&waker);
        let mut changed = pin!(cell.changed());
        cell.evidence_at(Instant::now());
        cell.ignore_evidence(true);
        cell.arm(true);
        cell.evidence_at(Instant::now());
        assert!(changed.as_mut().poll(&mut context).is_pending());
        assert_eq!(cell.take(), Observed::default());
        cell.ignore_evidence(false);
        assert_eq!(cell.take(), Observed::default());
        cell.evidence_at(Instant::now());
        assert!(changed.as_mut().poll(&mut context).is_ready());
        assert!(cell.take().live.is_some());
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
    fn evidence_has_its_instant_to_the_nanosecond() {
        let cell = Observations::new();
        for at in [
            cell.epoch,
            cell.epoch + Duration::from_nanos(1),
            cell.epoch + Duration::from_nanos(1_500_000_001),
        ] {
            cell.evidence_at(at);
            assert_eq!(cell.take().live, Some(at));
        }
        // Before the cell was made it counts as then; so far ahead it has no number of its own.
        let before = cell.epoch.checked_sub(Duration::from_secs(1));
        cell.evidence_at(before.unwrap_or(cell.epoch));
        assert_eq!(cell.take().live, Some(cell.epoch));
        let centuries = Duration::from_hours(1_000 * 365 * 24);
        cell.evidence_at(cell.epoch + centuries);
        assert_eq!(
            cell.take().live,
            Some(cell.epoch + Duration::from_nanos(u64::MAX - 1))
        );
    }

    #[test]
    fn a_cell_that_is_disarmed_or_empty_wakes_nobody() {
        let (cell, count) = (Observations::new(), Arc::new(Wakes::default()));
        let waker = Arc::clone(&count).into();
        let mut context = Context::from_waker(&waker);
        let mut changed = pin!(cell.changed());
        cell.arm(true);
        assert!(changed.as_mut().poll(&mut context).is_pending());
        cell.arm(false);
        cell.evidence_at(Instant::now());
        cell.arm(false);
        assert!(changed.as_mut().poll(&mut context).is_pending());
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_newest_evidence_is_kept() {
        let cell = Observations::new();
        let before = Instant::now();
        cell.evidence_at(Instant::now());
        cell.evidence_at(Instant::now());
        let live = cell.take().live.expect("there was evidence");
        assert!(live >= before && live <= Instant::now());
    }
}
