//! What registry, reporters and readers share.

use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;
use livebus_core::{Report, Status};

use crate::changes::StatusChange;
use crate::clock::Clock;
use crate::predicate::{Predicate, Services};
use crate::registry::UnknownService;

/// How many of a service's changes are kept, for readers that are slow.
pub(crate) const MAX_KEPT_CHANGES: usize = 64;

thread_local! {
    /// Whose predicates run on this thread, each inside of the one before: by address; 0 is none.
    static ASKED: Cell<[usize; 4]> = const { Cell::new([0; 4]) };
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) slots: Box<[Slot]>,
    pub(crate) ready: Predicate,
    pub(crate) healthy: Predicate,
    /// Instants are stored as nanoseconds since this one.
    epoch: Instant,
    /// Ready until this many nanoseconds after the epoch if no report comes: the earliest lease. 0 is not ready.
    ready_until: AtomicU64,
    /// Reporters take turns, so that `ready_until` follows from all reports; readers of `ready_until` never wait.
    turn: Mutex<()>,
}

/// One service.
#[derive(Debug)]
pub(crate) struct Slot {
    name: String,
    required: bool,
    state: Mutex<SlotState>,
}

#[derive(Debug)]
pub(crate) struct SlotState {
    report: Report,
    /// How many reporters there have been: the number of the newest.
    reporter: u64,
    /// Whether the newest reporter is still there.
    has_reporter: bool,
    /// The number of its first change.
    first_change: u64,
    /// The newest changes, [`MAX_KEPT_CHANGES`] at most, each with the number of its reporter.
    kept: VecDeque<(u64, StatusChange)>,
    /// How many changes there have been: the number of the next.
    changes: u64,
    /// Whether a follower has shown that the lease ran out, and must learn when it is renewed.
    lapse_shown: bool,
    /// One for each follower that is there; bounded by what the process itself holds.
    followers: Vec<Weak<Waiting>>,
}

/// What a slot knows about one follower.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) waker: AtomicWaker,
    /// The number after the last change of the reporter that it follows; `u64::MAX` while there may be more. Changes only
    /// under the slot's lock.
    end: AtomicU64,
}

impl Shared {
    pub(crate) fn new(
        services: Vec<(String, bool)>,
        ready: Predicate,
        healthy: Predicate,
        now: Instant,
    ) -> Self {
        let slots = services.into_iter().map(|(name, required)| Slot {
            name,
            required,
            state: Mutex::new(SlotState {
                report: Report::unreported(now),
                reporter: 0,
                has_reporter: false,
                first_change: 0,
                kept: VecDeque::with_capacity(MAX_KEPT_CHANGES),
                changes: 0,
                lapse_shown: false,
                followers: Vec::new(),
            }),
        });
        let shared = Self {
            clock: Clock::new(),
            slots: slots.collect(),
            ready,
            healthy,
            epoch: now,
            ready_until: AtomicU64::new(0),
            turn: Mutex::new(()),
        };
        shared.judge(now);
        shared
    }

    pub(crate) fn index(&self, name: &str) -> Result<usize, UnknownService> {
        let index = self.slots.iter().position(|slot| slot.name == name);
        index.ok_or_else(|| UnknownService {
            name: name.to_owned(),
            known: self.slots.iter().map(|slot| slot.name.clone()).collect(),
        })
    }

    #[inline]
    pub(crate) fn is_ready(&self, now: Instant) -> bool {
        match self.ready_until.load(Ordering::Acquire) {
            0 => false,
            until => self.nanos(now) <= until || self.verdict(self.ready, now),
        }
    }

    /// A predicate that runs already gets no, or it would ask itself forever.
    pub(crate) fn verdict(&self, predicate: Predicate, now: Instant) -> bool {
        let outer = ASKED.get();
        let Some(free) = outer.iter().position(|asked| *asked == 0) else {
            return false;
        };
        if self.is_asked() {
            return false;
        }
        let mut asked = outer;
        asked[free] = self.address();
        ASKED.set(asked);
        let services = Services::new(&self.slots, now);
        let verdict = catch_unwind(AssertUnwindSafe(|| predicate(services)));
        ASKED.set(outer);
        verdict.unwrap_or(false)
    }

    /// Whether a predicate of this readiness runs on this thread.
    fn is_asked(&self) -> bool {
        ASKED.get().contains(&self.address())
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// The number of a new reporter, which has reported nothing; `None` while there is another.
    pub(crate) fn begin_reporting(&self, index: usize, now: Instant) -> Option<u64> {
        let turn = self.turn();
        let mut state = self.slots[index].lock();
        if state.has_reporter {
            return None;
        }
        state.has_reporter = true;
        state.reporter += 1;
        state.first_change = state.changes;
        let number = state.reporter;
        // What the one before reported last says nothing about this one.
        if state.report.status != Status::Unknown {
            state.report = Report::unreported(now);
            drop(state);
            self.judge(now);
            drop(turn);
        }
        Some(number)
    }

    /// Nothing more will be reported: whoever follows the reporter reaches the end.
    pub(crate) fn end_reporting(&self, index: usize) {
        let mut state = self.slots[index].lock();
        state.has_reporter = false;
        let followers = state.followers();
        for follower in &followers {
            follower.end_at(state.changes);
        }
        drop(state);
        wake(followers);
    }

    /// A change of what is known.
    pub(crate) fn publish(
        &self,
        index: usize,
        now: Instant,
        change: impl FnOnce(Report) -> Report,
    ) {
        self.publish_if(index, now, |_| true, change);
    }

    /// A change of what is known, if it meets the condition.
    pub(crate) fn publish_if(
        &self,
        index: usize,
        now: Instant,
        condition: impl FnOnce(Report) -> bool,
        change: impl FnOnce(Report) -> Report,
    ) {
        let turn = self.turn();
        let mut state = self.slots[index].lock();
        if !condition(state.report) {
            return;
        }
        let report = change(state.report);
        state.change_to(now, report);
        drop(state);
        self.judge(now);
        drop(turn);
        // Only now: whoever is woken finds the verdict that follows.
        self.wake_followers(index);
    }

    /// The newest evidence, and the lease that it grants. Followers need to know only when it was shown that the lease ran out,
    /// or when it runs out earlier than they expect.
    pub(crate) fn renew(&self, index: usize, now: Instant, evidence: Instant, lease: Instant) {
        let turn = self.turn();
        let mut state = self.slots[index].lock();
        state.report.evidence = Some(evidence);
        let before = state.report.lease.replace(lease);
        let lapse_shown = std::mem::take(&mut state.lapse_shown);
        drop(state);
        self.judge(now);
        drop(turn);
        if lapse_shown || before.is_some_and(|before| lease < before) {
            self.wake_followers(index);
        }
    }

    fn wake_followers(&self, index: usize) {
        // Without the lock: a waker is code of others.
        let followers = self.slots[index].lock().followers();
        wake(followers);
    }

    /// Stores until when the process is ready if no report comes.
    fn judge(&self, now: Instant) {
        let until = if self.verdict(self.ready, now) {
            let reports = self.slots.iter().map(|slot| slot.lock().report);
            let earliest = reports
                .filter(|report| report.status == Status::Running)
                .filter_map(|report| report.lease)
                .filter(|lease| *lease >= now)
                .min();
            earliest.map_or(u64::MAX, |lease| self.nanos(lease).max(1))
        } else {
            0
        };
        self.ready_until.store(until, Ordering::Release);
    }

    #[inline]
    fn nanos(&self, at: Instant) -> u64 {
        saturating_nanos(at.saturating_duration_since(self.epoch))
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        // It would wait for itself. `verdict` catches this, and says no.
        assert!(!self.is_asked(), "a predicate must not report");
        // It guards no data, so a reporter that panicked has left nothing half done that the next one would not redo.
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn is_required(&self) -> bool {
        self.required
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, SlotState> {
        // No code of others runs under this lock, and none of ours panics between two fields.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SlotState {
    pub(crate) const fn report(&self) -> Report {
        self.report
    }

    pub(crate) const fn reporter(&self) -> u64 {
        self.reporter
    }

    /// The number of the next change.
    pub(crate) const fn next_change(&self) -> u64 {
        self.changes
    }

    /// The changes of the reporter of that number: the number of the first, and the number after the last; `u64::MAX` while
    /// there may be more. Of an earlier reporter, those that are kept.
    pub(crate) fn changes_of(&self, reporter: u64) -> (u64, u64) {
        if reporter == self.reporter {
            let end = if self.has_reporter {
                u64::MAX
            } else {
                self.changes
            };
            return (self.first_change, end);
        }
        let numbers = (self.oldest_change()..).zip(&self.kept);
        let mut of_it = numbers.filter(|(_, (by, _))| *by == reporter);
        let none = (self.changes, self.changes);
        of_it.next().map_or(none, |(first, _)| {
            (first, of_it.last().map_or(first, |(last, _)| last) + 1)
        })
    }

    /// The number of the oldest change that is kept.
    pub(crate) fn oldest_change(&self) -> u64 {
        self.changes - self.kept.len() as u64
    }

    /// The change of that number, if it is kept.
    pub(crate) fn change(&self, number: u64) -> Option<StatusChange> {
        let index = number.checked_sub(self.oldest_change())?;
        let (_, change) = self.kept.get(usize::try_from(index).ok()?)?;
        Some(*change)
    }

    /// The status before the change of that number; if it is not kept, before the oldest after it.
    pub(crate) fn status_before(&self, number: u64) -> Status {
        let change = self.change(number.max(self.oldest_change()));
        change.map_or(self.report.status, |change| change.from)
    }

    pub(crate) const fn show_lapse(&mut self) {
        self.lapse_shown = true;
    }

    /// A follower of changes up to that number.
    pub(crate) fn add_follower(&mut self, end: u64) -> Arc<Waiting> {
        self.followers.retain(|it| it.strong_count() > 0);
        let waiting = Arc::new(Waiting {
            waker: AtomicWaker::new(),
            end: AtomicU64::new(end),
        });
        self.followers.push(Arc::downgrade(&waiting));
        waiting
    }

    fn change_to(&mut self, at: Instant, report: Report) {
        let from = self.report.status;
        self.report = report;
        if self.kept.len() == MAX_KEPT_CHANGES {
            self.kept.pop_front();
        }
        self.kept
            .push_back((self.reporter, StatusChange { from, report, at }));
        self.changes += 1;
        self.lapse_shown = false;
    }

    /// The followers that are still there.
    fn followers(&mut self) -> Vec<Arc<Waiting>> {
        self.followers.retain(|it| it.strong_count() > 0);
        self.followers.iter().filter_map(Weak::upgrade).collect()
    }
}

impl Waiting {
    /// The number after the last change that it is to show; `u64::MAX` while there may be more.
    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Relaxed)
    }

    /// The reporter that it follows is gone, unless that was gone already.
    fn end_at(&self, changes: u64) {
        self.end.fetch_min(changes, Ordering::Relaxed);
    }
}

fn wake(followers: Vec<Arc<Waiting>>) {
    for follower in followers {
        // A waker is code of others: one that panics must keep neither the reporter nor the next waker from theirs.
        let _panic = catch_unwind(AssertUnwindSafe(|| follower.waker.wake()));
    }
}

/// In 64 bits throughout, which is faster than by way of 128.
fn saturating_nanos(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(duration.subsec_nanos()))
}
