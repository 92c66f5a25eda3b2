//! What clients notice by themselves: good news, bad news, and that they are lost.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;
use livebus_core::{ClientId, Failure};

/// A cell that client threads write and a runner reads.
///
/// It coalesces, so that nothing can ever queue up or be lost that matters: of good news only the newest instant counts,
/// of bad news only the most telling, and of lost clients the newest. Writing never blocks for longer than another writer copies a
/// few words, so librdkafka's threads are never held up.
///
/// Good news is the common case, and costs a read of the clock and one relaxed store per message. It wakes nobody while
/// the runner has not [armed](Self::arm) the cell: a runner whose service is Running reads it when silence would have to
/// be broken, and only then learns whether there was silence.
#[derive(Debug)]
pub struct Observations {
    /// Good news is stored as nanoseconds since this instant.
    epoch: Instant,
    live: AtomicU64,
    armed: AtomicBool,
    bad: Mutex<BadNews>,
    /// There is news that must not wait.
    urgent: AtomicBool,
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
struct BadNews {
    suspicion: Option<Failure>,
    lost: Option<(ClientId, Failure)>,
}

/// What came since it was taken last. A field may be added in a minor version: match with `..`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observed {
    /// The newest good news.
    pub live: Option<Instant>,
    /// The most telling bad news, the newest of several that say as much.
    pub suspicion: Option<Failure>,
    /// The newest client that was lost, by the id of its start.
    pub lost: Option<(ClientId, Failure)>,
}

impl Observations {
    /// Nothing noticed yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            epoch: Instant::now(),
            live: AtomicU64::new(0),
            armed: AtomicBool::new(false),
            bad: Mutex::default(),
            urgent: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        }
    }

    /// The bus did its work, just now: a delivery was acknowledged, a record fetched, a request answered.
    pub fn live(&self) {
        self.live_at(Instant::now());
    }

    /// The bus did its work at `at`, which was not long ago. A runner takes what is in the future for now.
    pub fn live_at(&self, at: Instant) {
        let nanos = at.saturating_duration_since(self.epoch).as_nanos();
        let word = u64::try_from(nanos).unwrap_or(u64::MAX - 1) + 1;
        // Relaxed: the instant is all there is to see. Should the runner arm the cell at this very moment and miss this
        // message, its own deadline or the next message makes up for it.
        self.live.store(word, Ordering::Relaxed);
        if self.armed.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    /// The bus may be gone. Wakes the runner at once.
    pub fn suspicion(&self, failure: Failure) {
        self.tell(|bad| {
            bad.suspicion = Some(
                bad.suspicion
                    .map_or(failure, |old| old.most_specific(failure)),
            );
        });
    }

    /// The client that the start `client` made is beyond repair. Wakes the runner at once.
    pub fn lost(&self, client: ClientId, failure: Failure) {
        self.tell(|bad| {
            // What an older client still says after its replacement must not hide that the newer one is lost.
            if bad.lost.is_none_or(|(known, _)| known <= client) {
                bad.lost = Some((client, failure));
            }
        });
    }

    /// Whether good news wakes the runner from now on: yes while it waits for some, no while it has had it.
    pub fn arm(&self, armed: bool) {
        self.armed.store(armed, Ordering::Relaxed);
        if armed && self.live.load(Ordering::Relaxed) != 0 {
            self.wake();
        }
    }

    /// Takes what came since the last time.
    #[must_use]
    pub fn take(&self) -> Observed {
        let bad = std::mem::take(&mut *self.bad.lock().unwrap_or_else(PoisonError::into_inner));
        let live = self.live.swap(0, Ordering::Relaxed).checked_sub(1);
        Observed {
            live: live.map(|nanos| self.epoch + Duration::from_nanos(nanos)),
            suspicion: bad.suspicion,
            lost: bad.lost,
        }
    }

    /// Waits until there is news that must not wait. One task at a time.
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

    fn tell(&self, news: impl FnOnce(&mut BadNews)) {
        news(&mut self.bad.lock().unwrap_or_else(PoisonError::into_inner));
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
    fn good_news_wakes_only_an_armed_cell() {
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
    fn bad_news_wakes_at_once_and_is_taken_once() {
        let (cell, count) = (Observations::new(), Arc::new(Wakes::default()));
        let waker = Arc::clone(&count).into();
        let mut context = Context::from_waker(&waker);
        let mut changed = pin!(cell.changed());
        assert!(changed.as_mut().poll(&mut context).is_pending());
        cell.suspicion(FailureClass::Authentication.into());
        cell.suspicion(FailureClass::Unreachable.into());
        assert!(count.0.load(Ordering::Relaxed) > 0);
        assert!(changed.as_mut().poll(&mut context).is_ready());
        let news = cell.take();
        assert_eq!(news.suspicion, Some(FailureClass::Authentication.into()));
        assert_eq!(cell.take(), Observed::default());
    }

    #[test]
    fn of_lost_clients_the_newest_is_kept_in_either_order() {
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
    fn of_good_news_the_newest_instant_is_kept() {
        let cell = Observations::new();
        let before = Instant::now();
        cell.live();
        cell.live();
        let live = cell.take().live.expect("good news came");
        assert!(live >= before && live <= Instant::now());
    }
}
