//! Each event.

use crate::calls::action::Action;
use crate::calls::call::Call;
use crate::calls::event::{Reply, Request, Sent};
use crate::calls::ids::{AssignmentId, CallId, Correlation};
use crate::calls::machine::{Calls, Gate, Phase};
use crate::calls::outcome::{NotSent, Outcome};
use crate::failure::Failure;
use crate::status::Cause;

impl Calls {
    pub(super) fn on_called(&mut self, call: CallId, request: Request) {
        if self.newest.is_some_and(|newest| call <= newest) {
            return self.ignore_stale();
        }
        self.newest = Some(call);
        self.counters.called += 1;
        match self.admit(&request) {
            Ok(()) => self.table.add(call, Call::new(request, self.now)),
            Err(reason) => self.report_end(call, Outcome::NotSent(reason)),
        }
    }

    /// Returns why a call cannot be made.
    fn admit(&self, request: &Request) -> Result<(), NotSent> {
        let limits = &self.config.settings().limits;
        let gate = self.gate();
        if gate == Gate::Closed(NotSent::ShuttingDown) {
            return Err(NotSent::ShuttingDown);
        }
        if request.deadline <= self.now {
            return Err(NotSent::Deadline);
        }
        if request.bytes > limits.call_bytes {
            return Err(NotSent::TooLarge);
        }
        if let Gate::Closed(reason) = gate {
            return Err(reason);
        }
        let calls = u32::try_from(self.table.len()).unwrap_or(u32::MAX);
        let bytes = self.table.bytes() + u64::from(request.bytes);
        if calls >= limits.calls || bytes > limits.bytes {
            return Err(self.overloaded());
        }
        Ok(())
    }

    /// The hint is when the next call ends at the latest, or sooner.
    fn overloaded(&self) -> NotSent {
        let hint = self.config.settings().overload_hint;
        let first = self.table.first_deadline();
        let free = first.map(|(at, _)| at.saturating_duration_since(self.now));
        NotSent::Overloaded {
            retry_after: free.map_or(hint, |free| free.min(hint)),
        }
    }

    pub(super) fn on_send_answered(&mut self, id: CallId, attempt: u32, result: Sent) {
        let is_sending = self.table.get(id).map(|call| call.is_sending(attempt));
        if is_sending != Some(true) {
            return self.ignore_stale();
        }
        let cx = Self::context(self.now, &self.config, self.phase);
        let jitter = &mut self.jitter;
        let outcome = self
            .table
            .change(id, |call| call.on_sent(result, &cx, jitter));
        if let Some(outcome) = outcome.flatten() {
            return self.end(id, outcome);
        }
        let has_left = self.table.get(id).is_some_and(Call::may_have_left);
        if let Gate::Closed(reason) = self.gate()
            && !has_left
        {
            self.end(id, Outcome::NotSent(reason));
        }
    }

    pub(super) fn on_reply(&mut self, to: Correlation, reply: Reply) {
        let is_made = self.newest.is_some_and(|newest| to.call <= newest);
        if to.from.instance != self.identity.instance || to.from.epoch > self.identity.epoch {
            self.counters.foreign_replies += 1;
        } else if to.from.epoch < self.identity.epoch {
            self.counters.former_replies += 1;
        } else if let Some(call) = self.table.get(to.call) {
            if call.was_handed_over() {
                self.end_replied(to.call, call.replied(reply));
            } else {
                self.counters.foreign_replies += 1;
            }
        } else if !is_made {
            self.counters.foreign_replies += 1;
        } else if self.remembered.has(to.call) {
            self.counters.duplicate_replies += 1;
        } else {
            self.counters.late_replies += 1;
        }
    }

    fn end_replied(&mut self, call: CallId, outcome: Outcome) {
        self.remembered.add(call);
        self.end(call, outcome);
    }

    pub(super) fn on_cancelled(&mut self, id: CallId) {
        let Some(call) = self.table.get(id) else {
            return self.ignore_stale();
        };
        if call.may_have_left() && self.bus.is_ok() {
            self.counters.cancels += 1;
            let correlation = self.correlation(id);
            self.actions.push_back(Action::SendCancel { correlation });
        }
        self.end(id, Outcome::Cancelled);
    }

    pub(super) fn on_bus_not_ready(&mut self, cause: Cause) {
        self.bus = Err(cause);
        self.end_not_left();
    }

    pub(super) fn on_replies_assigned(&mut self, id: AssignmentId, result: Result<(), Failure>) {
        if !self.replies.is_assigning(id) || self.is_stopped() {
            return self.ignore_stale();
        }
        match result {
            Ok(()) => self.replies.on_assigned(),
            Err(failure) => self.replies_failed(failure),
        }
    }

    pub(super) fn on_replies_lost(&mut self, failure: Failure) {
        if !self.replies.can_be_lost() || self.is_stopped() {
            return self.ignore_stale();
        }
        self.replies_failed(failure);
    }

    pub(super) fn replies_failed(&mut self, failure: Failure) {
        let settings = self.config.settings();
        let jitter = &mut self.jitter;
        self.replies.on_failed(failure, self.now, settings, jitter);
        self.end_not_left();
    }

    pub(super) fn on_replies_unreachable(&mut self, failure: Failure) {
        self.replies.set_failure(Some(failure));
        self.end_not_left();
    }

    pub(super) fn on_shutdown(&mut self) {
        match self.phase {
            Phase::Working => {}
            Phase::Draining { .. } | Phase::Stopped => return,
        }
        let deadline = self.now + self.config.shutdown_bound();
        self.phase = Phase::Draining { deadline };
        self.end_not_left();
    }
}
