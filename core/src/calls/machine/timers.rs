//! What time alone does.

use std::time::Instant;

use crate::calls::action::Action;
use crate::calls::call::Call;
use crate::calls::ids::CallId;
use crate::calls::machine::{Calls, Gate, Phase};
use crate::calls::outcome::{NotSent, Outcome};
use crate::failure::TIMED_OUT;

/// What is due with time alone. It is derived from the state; nothing is armed or disarmed.
#[derive(Debug, Clone, Copy)]
enum Timer {
    /// The deadline of a call.
    Deadline(CallId),
    /// The shutdown waited for long enough.
    DrainEnd,
    /// The assignment of the reply partition was not answered.
    AssignTimeout,
    /// The reply partition is assigned, or assigned again.
    Assign,
    /// A request may be sent.
    Attempt(CallId),
}

impl Calls {
    pub(super) fn advance_to(&mut self, now: Instant) {
        self.now = self.now.max(now);
        while let Some(timer) = self.next_due() {
            self.fire(timer);
            self.update();
        }
    }

    /// Returns the earliest instant of all timers.
    pub(super) fn earliest_timer(&self) -> Option<Instant> {
        let mut earliest: Option<Instant> = None;
        self.visit_timers(|at, _| earliest = Some(earliest.map_or(at, |it| it.min(at))));
        earliest
    }

    /// Returns the first timer that is due, in the order of their declaration: a call whose deadline is over is not sent any more, however
    /// late time passes.
    fn next_due(&self) -> Option<Timer> {
        let mut due = None;
        self.visit_timers(|at, timer| {
            if due.is_none() && at <= self.now {
                due = Some(timer);
            }
        });
        due
    }

    /// Visits the earliest timer of each kind with its instant.
    fn visit_timers(&self, mut visit: impl FnMut(Instant, Timer)) {
        if self.is_stopped() {
            return;
        }
        if let Some((at, call)) = self.table.first_deadline() {
            visit(at, Timer::Deadline(call));
        }
        match self.phase {
            Phase::Working | Phase::Stopped => {}
            Phase::Draining { deadline } => visit(deadline, Timer::DrainEnd),
        }
        if let Some(at) = self.replies.deadline() {
            visit(at, Timer::AssignTimeout);
        }
        if let Some(at) = self.replies.next_assignment().filter(|_| self.bus.is_ok()) {
            visit(at, Timer::Assign);
        }
        match self.gate() {
            Gate::Open => {
                if let Some((at, call)) = self.table.first_attempt() {
                    visit(at, Timer::Attempt(call));
                }
            }
            Gate::Starting | Gate::Closed(_) => {}
        }
    }

    fn fire(&mut self, timer: Timer) {
        match timer {
            Timer::Deadline(id) => {
                if let Some(call) = self.table.get(id) {
                    let outcome = call.unanswered(NotSent::Deadline, Outcome::Expired);
                    self.end(id, outcome);
                }
            }
            Timer::DrainEnd => {
                for id in self.table.ids() {
                    self.end(id, Outcome::ShuttingDown);
                }
            }
            Timer::AssignTimeout => self.replies_failed(TIMED_OUT),
            Timer::Assign => {
                let settings = self.config.settings();
                let (id, attempt, deadline) = self.replies.begin(self.now, settings);
                self.actions.push_back(Action::AssignReplies {
                    id,
                    attempt,
                    deadline,
                });
            }
            Timer::Attempt(id) => self.send(id),
        }
    }

    fn send(&mut self, id: CallId) {
        let begin = |call: &mut Call| (call.begin_attempt(), call.deadline());
        let Some((attempt, deadline)) = self.table.change(id, begin) else {
            return;
        };
        self.counters.sends += 1;
        self.counters.retries += u64::from(attempt > 1);
        self.actions.push_back(Action::Send {
            correlation: self.correlation(id),
            attempt,
            deadline,
        });
    }
}
