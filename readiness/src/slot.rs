//! One service: its newest report, its reporter and its followers.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use futures::task::AtomicWaker;
use livebus_core::{Report, Status};

use crate::counters::{Activity, ChangeCounts};
use crate::explanation::Explain;
use crate::heartbeat::ServiceLoop;
use crate::status_change::StatusChange;

/// The maximum number of changes that are kept for a slow follower.
pub(crate) const MAX_KEPT_CHANGES: usize = 64;

/// What explains the failures of a service, if there is something.
#[derive(Default)]
pub(crate) struct Explainer(pub(crate) Option<Arc<dyn Explain>>);

impl fmt::Debug for Explainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Explainer")
    }
}

/// One service.
#[derive(Debug)]
pub(crate) struct Slot {
    name: String,
    required: bool,
    activity: Activity,
    state: Mutex<SlotState>,
}

#[derive(Debug)]
pub(crate) struct SlotState {
    report: Report,
    /// That of the newest reporter.
    explainer: Explainer,
    /// Those of the newest reporter.
    loops: Arc<[ServiceLoop]>,
    /// Whether any reporter has reported Running.
    was_running: bool,
    /// The number of reporters so far, which is the number of the newest.
    reporter: u64,
    /// Whether the newest reporter still exists.
    has_reporter: bool,
    /// The number of the first change of the newest reporter.
    first_change: u64,
    /// The newest changes, [`MAX_KEPT_CHANGES`] at most, each with the number of its reporter.
    kept: VecDeque<(u64, StatusChange)>,
    /// The number of changes so far, which is the number of the next.
    changes: u64,
    /// The changes so far, by cause and by class.
    change_counts: ChangeCounts,
    /// Whether a follower has shown that the lease ran out, and must be woken when it is renewed.
    lapse_shown: bool,
    /// One for each follower that exists; bounded by the followers that the process holds.
    followers: Vec<Weak<Waiting>>,
}

/// What is known of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) report: Report,
    pub(crate) was_running: bool,
}

/// The state of one follower that its slot needs.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) waker: AtomicWaker,
    /// The number after the last change of the reporter that it follows; `u64::MAX` while there may be more. Changes only
    /// under the slot's lock.
    end: AtomicU64,
    /// Whether it follows all reporters, one after the other, and never ends.
    follows_all: bool,
}

impl Slot {
    /// Returns a service that is Unknown at `now`.
    pub(crate) fn new(name: String, required: bool, now: Instant) -> Self {
        let state = SlotState {
            report: Report::unreported(now),
            explainer: Explainer::default(),
            loops: Arc::default(),
            was_running: false,
            reporter: 0,
            has_reporter: false,
            first_change: 0,
            kept: VecDeque::with_capacity(MAX_KEPT_CHANGES),
            changes: 0,
            change_counts: ChangeCounts::NONE,
            lapse_shown: false,
            followers: Vec::new(),
        };
        Self {
            name,
            required,
            activity: Activity::default(),
            state: Mutex::new(state),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn is_required(&self) -> bool {
        self.required
    }

    pub(crate) const fn activity(&self) -> &Activity {
        &self.activity
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, SlotState> {
        // No foreign code runs under this lock, and our own does not panic between two fields.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SlotState {
    pub(crate) const fn observe(&self) -> Observed {
        Observed {
            report: self.report,
            was_running: self.was_running,
        }
    }

    /// Returns the number of a new reporter, which has reported nothing; `None` while there is another.
    pub(crate) fn begin_reporting(&mut self, now: Instant) -> Option<u64> {
        if self.has_reporter {
            return None;
        }
        self.has_reporter = true;
        self.reporter += 1;
        self.first_change = self.changes;
        self.loops = Arc::default();
        if self.report.status != Status::Unknown {
            self.report = Report::unreported(now);
        }
        Some(self.reporter)
    }

    /// Ends the changes of the reporter. Returns the followers to wake, which have reached the end.
    pub(crate) fn end_reporting(&mut self) -> Vec<Arc<Waiting>> {
        self.has_reporter = false;
        let followers = self.followers();
        for follower in &followers {
            follower.end_at(self.changes);
        }
        followers
    }

    /// Stores the newest evidence and the lease that it grants. Returns whether followers must be woken: they have shown that the
    /// lease ran out, or it runs out earlier than they expect.
    pub(crate) fn renew(&mut self, evidence: Instant, lease: Instant) -> bool {
        self.report.evidence = Some(evidence);
        let before = self.report.lease.replace(lease);
        let lapse_shown = std::mem::take(&mut self.lapse_shown);
        lapse_shown || before.is_some_and(|before| lease < before)
    }

    pub(crate) const fn report(&self) -> Report {
        self.report
    }

    pub(crate) fn explainer(&self) -> Option<Arc<dyn Explain>> {
        self.explainer.0.clone()
    }

    /// Returns the explainer before, to be dropped without the lock: that is foreign code.
    pub(crate) fn set_explainer(&mut self, explainer: Explainer) -> Explainer {
        std::mem::replace(&mut self.explainer, explainer)
    }

    pub(crate) fn loops(&self) -> Arc<[ServiceLoop]> {
        Arc::clone(&self.loops)
    }

    pub(crate) fn set_loops(&mut self, loops: Vec<ServiceLoop>) {
        self.loops = loops.into();
    }

    /// Returns whether there was a reporter, and the newest was dropped.
    pub(crate) const fn has_ended(&self) -> bool {
        self.reporter > 0 && !self.has_reporter
    }

    pub(crate) const fn has_reporter(&self) -> bool {
        self.has_reporter
    }

    pub(crate) const fn was_running(&self) -> bool {
        self.was_running
    }

    pub(crate) const fn reporter(&self) -> u64 {
        self.reporter
    }

    pub(crate) const fn change_counts(&self) -> ChangeCounts {
        self.change_counts
    }

    /// Returns the number of the next change.
    pub(crate) const fn next_change(&self) -> u64 {
        self.changes
    }

    /// Returns the range of the changes of the reporter of that number: the number of the first, and the number after the last,
    /// which is `u64::MAX` while there may be more. Of an earlier reporter, the range of those that are kept.
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

    /// Returns the number of the oldest change that is kept.
    pub(crate) fn oldest_change(&self) -> u64 {
        self.changes - self.kept.len() as u64
    }

    /// Returns the change of that number, if it is kept.
    pub(crate) fn change(&self, number: u64) -> Option<StatusChange> {
        let index = number.checked_sub(self.oldest_change())?;
        let (_, change) = self.kept.get(usize::try_from(index).ok()?)?;
        Some(*change)
    }

    /// Returns the newest changes of all reporters, `max` at most, in their order.
    pub(crate) fn newest_changes(&self, max: usize) -> Vec<StatusChange> {
        let skipped = self.kept.len().saturating_sub(max);
        let newest = self.kept.iter().skip(skipped);
        newest.map(|(_, change)| *change).collect()
    }

    /// Returns the status before the change of that number; if it is not kept, before the oldest after it.
    pub(crate) fn status_before(&self, number: u64) -> Status {
        let change = self.change(number.max(self.oldest_change()));
        change.map_or(self.report.status, |change| change.from)
    }

    /// Notes that a follower has shown the end of the lease.
    pub(crate) const fn show_lapse(&mut self) {
        self.lapse_shown = true;
    }

    /// Adds a follower of the changes before the number `end`, which is that of one reporter; `None` follows all reporters.
    pub(crate) fn add_follower(&mut self, end: Option<u64>) -> Arc<Waiting> {
        self.followers.retain(|it| it.strong_count() > 0);
        let waiting = Arc::new(Waiting {
            waker: AtomicWaker::new(),
            end: AtomicU64::new(end.unwrap_or(u64::MAX)),
            follows_all: end.is_none(),
        });
        self.followers.push(Arc::downgrade(&waiting));
        waiting
    }

    /// Stores a new report, as a change.
    pub(crate) fn change_to(&mut self, at: Instant, report: Report) {
        let from = self.report.status;
        self.was_running |= report.status == Status::Running;
        self.report = report;
        if self.kept.len() == MAX_KEPT_CHANGES {
            self.kept.pop_front();
        }
        self.kept
            .push_back((self.reporter, StatusChange { from, report, at }));
        self.changes += 1;
        self.change_counts.count(&report);
        self.lapse_shown = false;
    }

    /// Returns the followers that still exist.
    pub(crate) fn followers(&mut self) -> Vec<Arc<Waiting>> {
        self.followers.retain(|it| it.strong_count() > 0);
        self.followers.iter().filter_map(Weak::upgrade).collect()
    }
}

impl Waiting {
    /// Returns the number after the last change to show; `u64::MAX` while there may be more.
    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Relaxed)
    }

    /// Ends the changes before the number `changes`, unless they have ended already or never end.
    fn end_at(&self, changes: u64) {
        if !self.follows_all {
            self.end.fetch_min(changes, Ordering::Relaxed);
        }
    }
}

/// Wakes the tasks of the followers. To be called without the lock of the slot.
pub(crate) fn wake(followers: Vec<Arc<Waiting>>) {
    for follower in followers {
        wake_task(&follower.waker);
    }
}

/// Wakes a task. A waker is foreign code: its panic must affect neither the reporter nor the next waker.
pub(crate) fn wake_task(waker: &AtomicWaker) {
    let _panic = catch_unwind(AssertUnwindSafe(|| waker.wake()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn followers_that_were_dropped_take_no_memory() {
        let slot = Slot::new("bus".to_owned(), true, Instant::now());
        let mut state = slot.lock();
        let kept = state.add_follower(Some(u64::MAX));
        for _ in 0..1_000 {
            drop(state.add_follower(Some(u64::MAX)));
            assert!(state.followers.len() <= 2);
        }
        let [follower] = &state.followers()[..] else {
            panic!("one is left");
        };
        assert!(Arc::ptr_eq(follower, &kept));
        assert_eq!(state.followers.len(), 1);
    }

    #[test]
    fn debug_names_the_explainer() {
        assert_eq!(format!("{:?}", Explainer::default()), "Explainer");
    }
}
