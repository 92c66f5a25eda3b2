//! Followers: the changes of a service, in order.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use livebus_core::{Cause, Report, Status};

use crate::shared::Shared;
use crate::slot::{SlotState, Waiting};
use crate::status_change::StatusChange;

/// Yields the changes of one service, in order. A Running whose lease runs out is NotReady as of that instant, also if the code
/// that reports does not run.
///
/// A lapse is shown [`GRACE`](Self::GRACE) after the end of the lease, if no report and no renewal comes. A supervisor whose bus
/// hangs reports at that very instant, with the cause. A lease that ran out before the follower began is shown first.
///
/// A renewal after a lapse is shown as Running, at the instant of the poll that shows it.
///
/// It has no timer. The caller calls [`poll_change`](Self::poll_change) until it is pending, then again when it is woken or the
/// instant of [`poll_timeout`](Self::poll_timeout) has come. Runners make a stream of it.
///
/// The newest 64 changes of a service are kept. A follower that is further behind continues with the oldest of them, and
/// counts those that it [missed](Self::missed).
#[derive(Debug)]
pub struct Follower {
    shared: Arc<Shared>,
    index: usize,
    /// The number of the next change.
    next: u64,
    shown: Shown,
    missed: u64,
    waiting: Arc<Waiting>,
}

/// The status that a follower showed last, or found when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// The status that was reported.
    Reported(Status),
    /// NotReady, because the lease ran out; the reported status is Running.
    Lapsed,
}

impl Follower {
    /// How long after the end of a lease a report or a renewal may come before the lapse is shown: 10 ms, one tick of the
    /// readers' [`Clock`](crate::Clock).
    pub const GRACE: Duration = Duration::from_millis(10);

    /// Follows the reporter of that number from now on. `None` is the newest.
    pub(crate) fn from_now(shared: Arc<Shared>, index: usize, reporter: Option<u64>) -> Self {
        Self::new(shared, index, reporter, |_, state| state.next_change())
    }

    /// Follows the reporter of that number from its first change, or the oldest that is kept. `None` is the newest.
    pub(crate) fn from_start(shared: Arc<Shared>, index: usize, reporter: Option<u64>) -> Self {
        Self::new(shared, index, reporter, |first, _| first)
    }

    /// Follows all reporters from now on, one after the other.
    pub(crate) fn of_all_reporters(shared: Arc<Shared>, index: usize) -> Self {
        let mut state = shared.slots[index].lock();
        let next = state.next_change();
        let before = state.status_before(next);
        let waiting = state.add_follower(None);
        drop(state);
        Self::from_change(shared, index, next, before, waiting)
    }

    fn new(
        shared: Arc<Shared>,
        index: usize,
        reporter: Option<u64>,
        begin: fn(u64, &SlotState) -> u64,
    ) -> Self {
        let mut state = shared.slots[index].lock();
        let (first, end) = state.changes_of(reporter.unwrap_or(state.reporter()));
        let next = begin(first, &state);
        let before = state.status_before(next);
        let waiting = state.add_follower(Some(end));
        drop(state);
        Self::from_change(shared, index, next, before, waiting)
    }

    const fn from_change(
        shared: Arc<Shared>,
        index: usize,
        next: u64,
        before: Status,
        waiting: Arc<Waiting>,
    ) -> Self {
        Self {
            shared,
            index,
            next,
            shown: Shown::Reported(before),
            missed: 0,
            waiting,
        }
    }

    /// Returns the next change, as of `now`; `None` when the reporter was dropped and all its changes were shown.
    ///
    /// When pending, the task of `context` is woken by the next change before the timeout.
    pub fn poll_change(
        &mut self,
        now: Instant,
        context: &mut Context<'_>,
    ) -> Poll<Option<StatusChange>> {
        self.waiting.waker.register(context.waker());
        let shared = Arc::clone(&self.shared);
        let mut state = shared.slots[self.index].lock();
        while let Some(change) = self.next_kept(&state) {
            if let Some(change) = self.show(change) {
                return Poll::Ready(Some(change));
            }
        }
        if self.has_ended() {
            return Poll::Ready(None);
        }
        match self.follow_lease(&mut state, now) {
            Some(change) => Poll::Ready(Some(change)),
            None => Poll::Pending,
        }
    }

    /// Returns when to poll again at the latest: [`GRACE`](Self::GRACE) after the end of the lease. `None` when there is no
    /// change before the task is woken.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.shown {
            Shown::Reported(Status::Running) if !self.has_ended() => {
                let lease = self.shared.slots[self.index].lock().report().lease;
                lease.and_then(when_shown)
            }
            Shown::Reported(_) | Shown::Lapsed => None,
        }
    }

    /// Returns how many changes were dropped before this follower showed them, because it was polled too late.
    #[must_use]
    pub const fn missed(&self) -> u64 {
        self.missed
    }

    fn next_kept(&mut self, state: &SlotState) -> Option<StatusChange> {
        let end = self.waiting.end();
        let oldest = state.oldest_change().min(end);
        self.missed += oldest.saturating_sub(self.next);
        self.next = self.next.max(oldest);
        let change = state.change(self.next).filter(|_| self.next < end)?;
        self.next += 1;
        Some(change)
    }

    /// Returns the change relative to what was shown before; `None` if that was the same.
    fn show(&mut self, change: StatusChange) -> Option<StatusChange> {
        let from = self.status();
        let lapsed = self.shown == Shown::Lapsed;
        self.shown = Shown::Reported(change.report.status);
        let known = lapsed
            && change.report.status == Status::NotReady
            && change.report.cause == Cause::Starved;
        (!known).then_some(StatusChange { from, ..change })
    }

    /// Returns the change when a lease has run out or was renewed: neither is a report.
    fn follow_lease(&mut self, state: &mut SlotState, now: Instant) -> Option<StatusChange> {
        let report = state.report();
        let from = self.status();
        match (self.shown, report.status_at(now), report.lease) {
            (Shown::Reported(Status::Running), Status::NotReady, Some(lease))
                if when_shown(lease).is_some_and(|due| now >= due) =>
            {
                self.shown = Shown::Lapsed;
                state.show_lapse();
                let report = Report {
                    status: Status::NotReady,
                    cause: Cause::Starved,
                    since: lease,
                    lease: None,
                    ..report
                };
                let at = lease;
                Some(StatusChange { from, report, at })
            }
            (Shown::Lapsed, Status::Running, _) => {
                self.shown = Shown::Reported(Status::Running);
                let at = now;
                Some(StatusChange { from, report, at })
            }
            (Shown::Lapsed, _, _) => {
                state.show_lapse();
                None
            }
            (Shown::Reported(_), _, _) => None,
        }
    }

    /// Returns whether its reporter was dropped.
    fn has_ended(&self) -> bool {
        self.waiting.end() != u64::MAX
    }

    const fn status(&self) -> Status {
        match self.shown {
            Shown::Reported(status) => status,
            Shown::Lapsed => Status::NotReady,
        }
    }
}

/// Returns when the end of `lease` is shown; `None` is never: the instant is out of the clock's range.
fn when_shown(lease: Instant) -> Option<Instant> {
    lease.checked_add(Follower::GRACE)
}
