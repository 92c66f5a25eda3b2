//! What time alone does.

use std::time::Instant;

use crate::dispatch::action::Action;
use crate::dispatch::dispatcher::{Dispatcher, Phase};
use crate::dispatch::ids::{PartitionId, RunId};
use crate::dispatch::runs::Cancelled;

/// What is due with time alone. It is derived from the state; nothing is armed or disarmed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Timer {
    /// The time for a record is over.
    RunDeadline(RunId),
    /// The back-off of a record that failed, or of its dead letter, ends.
    Backoff(PartitionId),
    /// The drain of an assignment ends.
    DrainEnd,
    /// A commit may come.
    Commit,
    /// The oldest record that waits has waited for too long.
    Stall,
    /// The shutdown takes too long.
    StopTimeout,
}

impl Dispatcher {
    pub(super) fn advance_to(&mut self, now: Instant) {
        self.now = self.now.max(now);
        while let Some((at, timer)) = self.next_timer()
            && at <= self.now
        {
            self.fire(timer);
            self.update();
        }
        // A record may stall by time alone.
        self.update_health();
    }

    pub(super) fn next_timer(&self) -> Option<(Instant, Timer)> {
        let mut next: Option<(Instant, Timer)> = None;
        self.visit_timers(|at, timer| {
            if next.is_none_or(|(earliest, _)| at < earliest) {
                next = Some((at, timer));
            }
        });
        next
    }

    /// Visits all timers with their instants.
    pub(super) fn visit_timers(&self, mut visit: impl FnMut(Instant, Timer)) {
        let cx = self.context();
        match self.phase {
            Phase::Working => {}
            Phase::Stopping { deadline, .. } => visit(deadline, Timer::StopTimeout),
            Phase::Stopped => return,
        }
        if let Some((deadline, run)) = self.runs.next_deadline() {
            visit(deadline, Timer::RunDeadline(run));
        }
        let delivery = self.config.settings().delivery;
        let interval_end = self.commits.next_at();
        let mut commit_at: Option<Instant> = None;
        for partition in self.partitions.values() {
            let at = interval_end.and_then(|end| partition.commit_at(delivery, end));
            commit_at = commit_at.into_iter().chain(at).min();
            if let Some(until) = partition.next_backoff(cx) {
                visit(until, Timer::Backoff(partition.id()));
            }
            if let Some(until) = partition.drain_end() {
                visit(until, Timer::DrainEnd);
            }
            if let Some((_, at)) = partition.stall(cx).filter(|&(_, at)| at > self.now) {
                visit(at, Timer::Stall);
            }
        }
        if let Some(at) = commit_at {
            visit(at, Timer::Commit);
        }
    }

    pub(super) fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::RunDeadline(id) => {
                if let Some(run) = self.runs.get_mut(id) {
                    run.cancelled = Some(Cancelled::TimedOut);
                    self.counters.timed_out += 1;
                    self.actions.push_back(Action::Cancel { run: id });
                }
            }
            Timer::Backoff(id) => {
                if let Some(partition) = self.partitions.get_mut(&id) {
                    let generation = partition.generation();
                    let consequence = partition.end_backoff();
                    self.follow(id, generation, consequence);
                    self.take_turn(id);
                }
            }
            Timer::StopTimeout => self.stop(),
            // `update` follows, and looks at the clock.
            Timer::DrainEnd | Timer::Commit => {}
            // Only `poll_timeout` sees it: `advance_to` looks at the health in any case.
            Timer::Stall => {}
        }
    }
}
