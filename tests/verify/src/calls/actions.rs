//! Follows the actions: each must be true at its instant.

use std::time::Instant;

use livebus_core::calls::{
    Action, CallId, Correlation, Event, NotSent, Outcome, Reply, Sent, Unknown,
};

use super::claim::{Claim, Coverage, Situation};
use super::invariants::{Gate, InvariantChecker, ReplyPartition};

impl InvariantChecker {
    /// Checks an action. `event` is what it follows; `None` for time.
    pub(super) fn act(
        &mut self,
        action: &Action,
        event: Option<&Event>,
        coverage: &mut Coverage,
    ) -> Result<(), Claim> {
        match *action {
            Action::End { call, outcome } => self.end(call, outcome, event, coverage),
            Action::Send {
                correlation,
                attempt,
                deadline,
            } => self.send(correlation, attempt, deadline, coverage),
            Action::SendCancel { correlation } => {
                let is_cancel = |it: &&Event| matches!(it, Event::Cancelled { call } if *call == correlation.call);
                let seen = self
                    .calls
                    .get(&correlation.call)
                    .ok_or(Claim::CancelIsSent)?;
                let is_due =
                    event.filter(is_cancel).is_some() && seen.exposed() > 0 && self.bus.is_ok();
                let is_right = is_due && correlation.from == self.identity;
                is_right.then_some(()).ok_or(Claim::CancelIsSent)
            }
            Action::AssignReplies {
                id,
                attempt,
                deadline,
            } => {
                let settings = self.config.settings();
                let ReplyPartition::Unassigned(since) = self.partition else {
                    return Err(Claim::AssignedFirst);
                };
                let is_early =
                    since.is_some_and(|at| at + settings.assign_backoff.first > self.now);
                let is_right = attempt == self.failures + 1
                    && deadline == self.now + settings.assign_timeout
                    && self.bus.is_ok()
                    && !self.is_stopped;
                self.partition = ReplyPartition::Assigning(id, deadline);
                (is_right && !is_early)
                    .then_some(())
                    .ok_or(Claim::AssignedFirst)
            }
            Action::SetHealth(health) => {
                let is_right = health == self.health_now() && health != self.health;
                self.health = health;
                is_right.then_some(()).ok_or(Claim::HealthIsTrue)
            }
            Action::Stopped => {
                let is_right =
                    self.drain_end.is_some() && !self.is_stopped && self.calls.is_empty();
                let by_bound = self.drain_end.is_some_and(|end| end <= self.now);
                coverage.note(if by_bound {
                    Situation::StoppedByBound
                } else {
                    Situation::StoppedEarly
                });
                self.is_stopped = true;
                is_right.then_some(()).ok_or(Claim::ShutdownEnds)
            }
        }
    }

    fn send(
        &mut self,
        correlation: Correlation,
        attempt: u32,
        deadline: Instant,
        coverage: &mut Coverage,
    ) -> Result<(), Claim> {
        let is_open = self.gate() == Gate::Open;
        let settings = self.config.settings();
        let seen = self
            .calls
            .get_mut(&correlation.call)
            .ok_or(Claim::EndsOnce)?;
        if !is_open {
            return Err(Claim::GateIsKept);
        }
        if seen.request.deadline <= self.now {
            return Err(Claim::NeverLate);
        }
        if correlation.from != self.identity || deadline != seen.request.deadline {
            return Err(Claim::NoHiddenRetry);
        }
        coverage.note_if(attempt == 1 && seen.waited, Situation::WaitedForAssignment);
        coverage.note_if(attempt > 1 && seen.waited, Situation::RetriedAfterOutage);
        coverage.note_if(attempt > 1, Situation::Retried);
        if let Some(last) = seen.attempts.last() {
            let earliest = last.map(|(sent, at)| match sent {
                Sent::Acknowledged => at + settings.attempt_timeout,
                Sent::NotSent(_) | Sent::Unknown(_) => at + settings.retry_backoff.first,
            });
            let is_time = earliest.is_some_and(|at| at <= self.now);
            if !seen.request.is_idempotent || !is_time || attempt > settings.attempts {
                return Err(Claim::NoHiddenRetry);
            }
        }
        seen.waited = false;
        seen.attempts.push(None);
        let is_next = seen.attempts.len() == attempt as usize;
        is_next.then_some(()).ok_or(Claim::NoHiddenRetry)
    }

    fn end(
        &mut self,
        call: CallId,
        outcome: Outcome,
        event: Option<&Event>,
        coverage: &mut Coverage,
    ) -> Result<(), Claim> {
        let (count, bytes) = self.others(call);
        let seen = self.calls.remove(&call).ok_or(Claim::EndsOnce)?;
        let is_over = seen.request.deadline <= self.now;
        let exposed = seen.exposed();
        let reply = event.and_then(|event| match event {
            Event::ReplyFetched { to, reply } if to.from == self.identity && to.call == call => {
                Some(*reply)
            }
            _ => None,
        });
        let answer = event.and_then(|event| match event {
            Event::SendAnswered {
                call: it, result, ..
            } if *it == call => Some(*result),
            _ => None,
        });
        let is_new = event
            .is_some_and(|event| matches!(event, Event::Called { call: it, .. } if *it == call));
        let limits = &self.config.settings().limits;
        let is_late = is_over && reply.is_some();
        let (is_true, claim, situation) = match outcome {
            Outcome::Replied => (
                reply == Some(Reply::Done) && !seen.attempts.is_empty() && !is_late,
                Claim::SuccessWasGiven,
                Situation::Replied,
            ),
            Outcome::Refused(refusal) => (
                reply
                    == Some(Reply::Refused {
                        refusal,
                        never_began: true,
                    })
                    && exposed <= 1
                    && !is_late,
                Claim::OutcomeIsTrue,
                Situation::Refused,
            ),
            Outcome::SentUnknown(Unknown::Refused(refusal)) => (
                match reply {
                    Some(Reply::Refused {
                        refusal: it,
                        never_began,
                    }) => it == refusal && (!never_began || exposed > 1),
                    Some(Reply::Done) | None => false,
                },
                Claim::OutcomeIsTrue,
                Situation::RefusedUnknown,
            ),
            Outcome::SentUnknown(Unknown::Send(failure)) => (
                matches!(answer, Some(Sent::Unknown(it) | Sent::NotSent(it)) if it == failure)
                    && exposed > 0
                    && !seen.is_acknowledged(),
                Claim::OutcomeIsTrue,
                Situation::SentUnknown,
            ),
            Outcome::Expired => (
                is_over && exposed > 0,
                Claim::OutcomeIsTrue,
                Situation::Expired,
            ),
            Outcome::Cancelled => (
                matches!(event, Some(Event::Cancelled { call: it }) if *it == call),
                Claim::OutcomeIsTrue,
                Situation::Cancelled,
            ),
            Outcome::ShuttingDown => (
                self.drain_end.is_some_and(|end| end <= self.now) && exposed > 0,
                Claim::OutcomeIsTrue,
                Situation::ShuttingDown,
            ),
            Outcome::NotSent(reason) => {
                let gate = self.gate();
                let (is_true, claim, situation) = match reason {
                    NotSent::Bus(_) => (
                        gate == Gate::Closed(reason),
                        Claim::OutcomeIsTrue,
                        Situation::NotSentBus,
                    ),
                    NotSent::Replies(_) => (
                        gate == Gate::Closed(reason),
                        Claim::OutcomeIsTrue,
                        Situation::NotSentReplies,
                    ),
                    NotSent::ShuttingDown => (
                        gate == Gate::Closed(reason),
                        Claim::OutcomeIsTrue,
                        Situation::NotSentShutdown,
                    ),
                    NotSent::Send(failure) => (
                        answer == Some(Sent::NotSent(failure)),
                        Claim::OutcomeIsTrue,
                        Situation::NotSentSend,
                    ),
                    NotSent::Deadline => {
                        (is_over, Claim::OutcomeIsTrue, Situation::NotSentDeadline)
                    }
                    NotSent::TooLarge => (
                        is_new && seen.request.bytes > limits.call_bytes,
                        Claim::LimitsHold,
                        Situation::NotSentTooLarge,
                    ),
                    NotSent::Overloaded { retry_after } => {
                        let is_over = count >= u64::from(limits.calls)
                            || bytes + u64::from(seen.request.bytes) > limits.bytes;
                        let is_hint = retry_after <= self.config.settings().overload_hint;
                        (
                            is_new && is_over && is_hint,
                            Claim::LimitsHold,
                            Situation::NotSentOverloaded,
                        )
                    }
                };
                coverage.note_if(!is_new && seen.attempts.is_empty(), Situation::WaitedInVain);
                (is_true && exposed == 0, claim, situation)
            }
        };
        coverage.note(situation);
        if reply.is_some() {
            let max = limits.remembered as usize;
            self.replied.push_back(call);
            while self.replied.len() > max {
                self.replied.pop_front();
            }
        }
        is_true.then_some(()).ok_or(claim)
    }

    /// Returns how many other calls are in flight, and their bytes.
    fn others(&self, call: CallId) -> (u64, u64) {
        let others = self.calls.iter().filter(|(id, _)| **id != call);
        others.fold((0, 0), |(count, bytes), (_, seen)| {
            (count + 1, bytes + u64::from(seen.request.bytes))
        })
    }
}
