//! The changes of a service, for those who wait.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use livebus_core::{Cause, Report, Status};

use crate::shared::Shared;
use crate::slot::{SlotState, Waiting};
use crate::status_change::StatusChange;

/// The changes of one service in order, as they are to be shown: a Running whose lease runs out is NotReady as of that
/// instant, also if the code that reports does not get to run.
///
/// That is shown [`GRACE`](Self::GRACE) after the end of the lease, if no report and no renewal comes. A supervisor whose bus
/// hangs comes to its verdict at that very instant, and its report says why. A lease that had run out before the follower began
/// is shown first.
///
/// A renewal after that is shown as Running, at the instant of the poll that shows it.
///
/// It knows no timer. Whoever waits by it calls [`poll_change`](Self::poll_change) until it is pending, then again when it
/// is woken or [`poll_timeout`](Self::poll_timeout) has come. Runners make a stream of it.
///
/// The newest 64 changes of a service are kept. A follower that is further behind continues with the oldest of them, and
/// counts those that it [missed](Self::missed).
#[derive(Debug)]
pub struct Follower {
    shared: Arc<Shared>,
    index: usize,
    /// The number of the change that it shows next.
    next: u64,
    shown: Shown,
    missed: u64,
    waiting: Arc<Waiting>,
}

/// What a follower showed last, or found when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// As it was reported.
    Reported(Status),
    /// NotReady, because the lease ran out; the report says Running.
    Lapsed,
}

impl Follower {
    /// How long after the end of a lease its report may come: 10 ms, one tick of the [`Clock`](crate::Clock) by which readers
    /// compare.
    pub const GRACE: Duration = Duration::from_millis(10);

    /// Begins with what the reporter of that number reports from now on. `None` is the newest.
    pub(crate) fn from_now(shared: Arc<Shared>, index: usize, reporter: Option<u64>) -> Self {
        Self::new(shared, index, reporter, |_, state| state.next_change())
    }

    /// Begins with the first change of the reporter of that number, or the oldest that is kept. `None` is the newest.
    pub(crate) fn from_start(shared: Arc<Shared>, index: usize, reporter: Option<u64>) -> Self {
        Self::new(shared, index, reporter, |first, _| first)
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
        let waiting = state.add_follower(end);
        drop(state);
        Self {
            shared,
            index,
            next,
            shown: Shown::Reported(before),
            missed: 0,
            waiting,
        }
    }

    /// The next change, as of `now`. `None` when the reporter is gone and all that it reported was shown.
    ///
    /// Pending, it has the task of `context` woken when there is something to show before the timeout.
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

    /// When to poll again at the latest: [`GRACE`](Self::GRACE) after the end of the lease. `None` when there is nothing to show
    /// before the task is woken.
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

    /// How many changes were dropped before they could be shown, because this follower was polled too late.
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

    /// The change as it follows on what was shown before; `None` if that said the same.
    fn show(&mut self, change: StatusChange) -> Option<StatusChange> {
        let from = self.status();
        let lapsed = self.shown == Shown::Lapsed;
        self.shown = Shown::Reported(change.report.status);
        let known = lapsed
            && change.report.status == Status::NotReady
            && change.report.cause == Cause::Starved;
        (!known).then_some(StatusChange { from, ..change })
    }

    /// The end of a lease, and its renewal, are no reports.
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

    /// Whether the reporter that it follows is gone.
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

/// When the end of this lease is shown; `None` is never: the clock does not count that far.
fn when_shown(lease: Instant) -> Option<Instant> {
    lease.checked_add(Follower::GRACE)
}
