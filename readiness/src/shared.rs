//! The state that registry, reporters and readers share.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use livebus_core::{Report, Status};

use crate::clock::Clock;
use crate::errors::UnknownService;
use crate::predicate::{Predicate, Services, View};
use crate::reader::Reader;
use crate::slot::{Explainer, Observed, Slot, SlotState, wake};
use crate::subscription::Subscriptions;

thread_local! {
    /// The readinesses whose predicates run on this thread, each nested in the one before: by address; 0 is none.
    static EVALUATING: Cell<[usize; 4]> = const { Cell::new([0; 4]) };
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) slots: Box<[Slot]>,
    pub(crate) ready: Predicate,
    pub(crate) healthy: Predicate,
    /// Instants are stored as nanoseconds since this one.
    epoch: Instant,
    /// Ready until this many nanoseconds after the epoch if no report comes: the earliest lease. 0 means not ready.
    ready_until: AtomicU64,
    /// Serializes reporters, so that `ready_until` follows from all reports; readers of `ready_until` never wait.
    turn: Mutex<()>,
    pub(crate) subscriptions: Subscriptions,
}

impl Shared {
    pub(crate) fn new(
        services: Vec<(String, bool)>,
        ready: Predicate,
        healthy: Predicate,
        now: Instant,
    ) -> Self {
        let slots = services
            .into_iter()
            .map(|(name, required)| Slot::new(name, required, now));
        let shared = Self {
            clock: Clock::new(),
            slots: slots.collect(),
            ready,
            healthy,
            epoch: now,
            ready_until: AtomicU64::new(0),
            turn: Mutex::new(()),
            subscriptions: Subscriptions::default(),
        };
        let until = shared.ready_until(now, None);
        shared.ready_until.store(until, Ordering::Release);
        shared
    }

    pub(crate) fn index(&self, name: &str) -> Result<usize, UnknownService> {
        let index = self.slots.iter().position(|slot| slot.name() == name);
        index.ok_or_else(|| UnknownService {
            name: name.to_owned(),
            known: self
                .slots
                .iter()
                .map(|slot| slot.name().to_owned())
                .collect(),
        })
    }

    #[inline]
    pub(crate) fn is_ready(&self, now: Instant) -> bool {
        match self.ready_until.load(Ordering::Acquire) {
            0 => false,
            until => self.nanos(now) <= until || self.evaluate(self.ready, now),
        }
    }

    /// Returns the result of `predicate`; false while it runs already on this thread, as it would call itself forever.
    pub(crate) fn evaluate(&self, predicate: Predicate, now: Instant) -> bool {
        self.evaluate_without(predicate, &[], now)
    }

    /// As [`evaluate`](Self::evaluate), if each of the services with these names is taken for Running.
    pub(crate) fn evaluate_without(
        &self,
        predicate: Predicate,
        excluded: &[String],
        now: Instant,
    ) -> bool {
        self.evaluate_view(predicate, excluded, View::At(now))
    }

    /// As [`evaluate_without`](Self::evaluate_without), for any view of the services.
    pub(crate) fn evaluate_view(
        &self,
        predicate: Predicate,
        excluded: &[String],
        view: View,
    ) -> bool {
        self.evaluate_services(predicate, Services::new(&self.slots, excluded, view))
    }

    pub(crate) fn evaluate_services(&self, predicate: Predicate, services: Services<'_>) -> bool {
        let outer = EVALUATING.get();
        let Some(free) = outer.iter().position(|it| *it == 0) else {
            return false;
        };
        if self.is_being_evaluated() {
            return false;
        }
        let mut evaluating = outer;
        evaluating[free] = self.address();
        EVALUATING.set(evaluating);
        let result = catch_unwind(AssertUnwindSafe(|| predicate(services)));
        EVALUATING.set(outer);
        result.unwrap_or(false)
    }

    /// Returns what is known of each service.
    pub(crate) fn observe(&self) -> Vec<Observed> {
        let slots = self.slots.iter();
        slots.map(|slot| slot.lock().observe()).collect()
    }

    /// Returns whether a predicate of this readiness runs on this thread.
    fn is_being_evaluated(&self) -> bool {
        EVALUATING.get().contains(&self.address())
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Returns the number of a new reporter, which has reported nothing; `None` while there is another.
    pub(crate) fn begin_reporting(&self, index: usize, now: Instant) -> Option<u64> {
        let _turn = self.turn();
        let number = self.slots[index].lock().begin_reporting(now)?;
        let before = self.slots[index].lock().set_explainer(Explainer::default());
        drop(before);
        // The last report of the reporter before does not count for this one.
        let until = self.ready_until(now, None);
        self.ready_until.store(until, Ordering::Release);
        self.subscriptions.wake();
        Some(number)
    }

    /// Ends the reports of this reporter: its followers reach the end.
    pub(crate) fn end_reporting(&self, index: usize) {
        let followers = self.slots[index].lock().end_reporting();
        wake(followers);
        self.subscriptions.wake();
    }

    /// Publishes a change of the report.
    pub(crate) fn publish(
        &self,
        index: usize,
        now: Instant,
        change: impl FnOnce(Report) -> Report,
    ) {
        self.publish_if(index, now, |_| true, change);
    }

    /// Publishes a change of the report, if the report before meets the condition.
    pub(crate) fn publish_if(
        &self,
        index: usize,
        now: Instant,
        condition: impl FnOnce(Report) -> bool,
        change: impl FnOnce(Report) -> Report,
    ) {
        let turn = self.turn();
        let before = self.slots[index].lock().report();
        if !condition(before) {
            return;
        }
        let report = change(before);
        self.store(index, now, report, |state| state.change_to(now, report));
        drop(turn);
        // After `ready_until`: a task that is woken must read the new value.
        self.wake_followers(index);
        self.subscriptions.wake();
    }

    /// Stores the newest evidence and the lease that it grants. Wakes tasks only when they may have shown that the lease ran out,
    /// or when it runs out earlier than they expect.
    pub(crate) fn renew(&self, index: usize, now: Instant, evidence: Instant, lease: Instant) {
        let turn = self.turn();
        let before = self.slots[index].lock().report();
        let report = Report {
            evidence: Some(evidence),
            lease: Some(lease),
            ..before
        };
        let renew = |state: &mut SlotState| state.renew(evidence, lease);
        let must_wake = self.store(index, now, report, renew);
        drop(turn);
        if must_wake {
            self.wake_followers(index);
        }
        // `now` may be long over: a reader of the lease before could show its end until it was replaced.
        let replaced = now.max(self.clock.now());
        let lapse_may_be_shown = |it| it <= replaced + Reader::Gate.lead() || lease < it;
        if before.lease.is_some_and(lapse_may_be_shown) {
            self.subscriptions.wake();
        }
    }

    /// Stores a report by `store`, and until when the process is ready, in this order: when that ends earlier than before, it is stored
    /// before the report, and otherwise after it. So no reader sees a required service that is not Running in a process that is ready.
    fn store<T>(
        &self,
        index: usize,
        now: Instant,
        report: Report,
        store: impl FnOnce(&mut SlotState) -> T,
    ) -> T {
        let slot = &self.slots[index];
        let until = self.ready_until(now, Some((slot, report)));
        // Only reporters write it, and this one has the turn.
        let ends_earlier = until < self.ready_until.load(Ordering::Relaxed);
        if ends_earlier {
            self.ready_until.store(until, Ordering::Release);
        }
        let stored = store(&mut slot.lock());
        if !ends_earlier {
            self.ready_until.store(until, Ordering::Release);
        }
        stored
    }

    fn wake_followers(&self, index: usize) {
        // Without the lock: a waker is foreign code.
        let followers = self.slots[index].lock().followers();
        wake(followers);
    }

    /// Returns the value of `ready_until` once the report of a service has been stored.
    fn ready_until(&self, now: Instant, coming: Option<(&Slot, Report)>) -> u64 {
        let services = Services::new(&self.slots, &[], View::At(now));
        let services = match coming {
            Some((slot, report)) => services.with(slot, report),
            None => services,
        };
        if !self.evaluate_services(self.ready, services) {
            return 0;
        }
        let reports = self.slots.iter().map(|slot| match coming {
            Some((of, report)) if std::ptr::eq(of, slot) => report,
            Some(_) | None => slot.lock().report(),
        });
        let earliest = reports
            .filter(|report| report.status == Status::Running)
            .filter_map(|report| report.lease)
            .filter(|lease| *lease >= now)
            .min();
        earliest.map_or(u64::MAX, |lease| self.nanos(lease).max(1))
    }

    #[inline]
    fn nanos(&self, at: Instant) -> u64 {
        saturating_nanos(at.saturating_duration_since(self.epoch))
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        // It would deadlock. `evaluate` catches the panic and returns false.
        assert!(!self.is_being_evaluated(), "a predicate must not report");
        // It guards no data, and the next reporter redoes everything that one that panicked has not finished.
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Computes in 64 bits, which is faster than `Duration::as_nanos` with its 128.
fn saturating_nanos(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(duration.subsec_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(status: Status, now: Instant) -> Report {
        Report {
            status,
            lease: Some(now + Duration::from_secs(9)),
            ..Report::unreported(now)
        }
    }

    #[test]
    fn bad_news_ends_the_readiness_first_and_good_news_begins_it_last() {
        let now = Instant::now();
        let services = vec![("bus".to_owned(), true)];
        let ready: Predicate = |mut all| all.all(|it| it.status == Status::Running);
        let shared = Shared::new(services, ready, ready, now);
        let is_ready = || shared.ready_until.load(Ordering::Acquire) > 0;
        for (status, ready_when_stored, ready_after) in [
            (Status::Running, false, true),
            (Status::Running, true, true),
            (Status::NotReady, false, false),
            (Status::Failed, false, false),
        ] {
            let report = report(status, now);
            let when_stored = shared.store(0, now, report, |state| {
                let ready = is_ready();
                state.change_to(now, report);
                ready
            });
            assert_eq!(when_stored, ready_when_stored, "{status}");
            assert_eq!(is_ready(), ready_after, "{status}");
        }
    }
}
