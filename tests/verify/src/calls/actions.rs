//! Follows the actions: each must be true at its instant.

use std::time::Instant;

use livebus_core::calls::{
    Action, CallId, Correlation, Event, NotSent, Outcome, Reply, Sent, Unknown,
};

use super::claim::{Claim, Coverage, Situation};
use super::invariants::{Gate, InvariantChecker, ReplyPartition, Seen};

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
                let is_cancel = |it: &Event| matches!(it, Event::Cancelled { call } if *call == correlation.call);
                let seen = self
                    .calls
                    .get(&correlation.call)
                    .ok_or(Claim::CancelIsSent)?;
                let is_due = event.is_some_and(is_cancel) && seen.exposed() > 0 && self.bus.is_ok();
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
        let mut end = End {
            exposed: seen.exposed(),
            is_over: seen.request.deadline <= self.now,
            is_new: false,
            is_cancelled: false,
            reply: None,
            answer: None,
            seen,
        };
        match event {
            Some(Event::ReplyFetched { to, reply }) if to.call == call => {
                end.reply = (to.from == self.identity).then_some(*reply);
            }
            Some(Event::SendAnswered {
                call: it, result, ..
            }) if *it == call => end.answer = Some(*result),
            Some(Event::Called { call: it, .. }) => end.is_new = *it == call,
            Some(Event::Cancelled { call: it }) => end.is_cancelled = *it == call,
            Some(_) | None => {}
        }
        let (is_true, claim, situation) = match outcome {
            Outcome::NotSent(reason) => {
                let is_vain = !end.is_new && end.seen.attempts.is_empty();
                coverage.note_if(is_vain, Situation::WaitedInVain);
                let (is_true, claim, situation) = self.not_sent(reason, &end, count, bytes);
                (is_true && end.exposed == 0, claim, situation)
            }
            Outcome::ShuttingDown => {
                let is_drained = self.drain_end.is_some_and(|at| at <= self.now);
                let is_true = is_drained && end.exposed > 0;
                (is_true, Claim::OutcomeIsTrue, Situation::ShuttingDown)
            }
            Outcome::Replied
            | Outcome::Refused(_)
            | Outcome::SentUnknown(_)
            | Outcome::Expired
            | Outcome::Cancelled => end.is_sent_as(outcome),
        };
        coverage.note(situation);
        if end.reply.is_some() {
            self.replied.push_back(call);
            while self.replied.len() > self.config.settings().limits.remembered as usize {
                self.replied.pop_front();
            }
        }
        is_true.then_some(()).ok_or(claim)
    }

    /// Returns whether a reason is true, the claim that it breaks else, and its situation.
    fn not_sent(
        &self,
        reason: NotSent,
        end: &End,
        count: u64,
        bytes: u64,
    ) -> (bool, Claim, Situation) {
        let settings = self.config.settings();
        let limits = &settings.limits;
        let is_closed = self.gate() == Gate::Closed(reason);
        let its_bytes = end.seen.request.bytes;
        let outcome = |is, situation| (is, Claim::OutcomeIsTrue, situation);
        match reason {
            NotSent::Bus(_) => outcome(is_closed, Situation::NotSentBus),
            NotSent::Replies(_) => outcome(is_closed, Situation::NotSentReplies),
            NotSent::ShuttingDown => outcome(is_closed, Situation::NotSentShutdown),
            NotSent::Send(failure) => {
                let is_true = end.answer == Some(Sent::NotSent(failure));
                outcome(is_true, Situation::NotSentSend)
            }
            NotSent::Deadline => outcome(end.is_over, Situation::NotSentDeadline),
            NotSent::TooLarge => {
                let is_true = end.is_new && its_bytes > limits.call_bytes;
                (is_true, Claim::LimitsHold, Situation::NotSentTooLarge)
            }
            NotSent::Overloaded { retry_after } => {
                let is_full =
                    count >= u64::from(limits.calls) || bytes + u64::from(its_bytes) > limits.bytes;
                let is_true = end.is_new && is_full && retry_after <= settings.overload_hint;
                (is_true, Claim::LimitsHold, Situation::NotSentOverloaded)
            }
        }
    }

    /// Returns how many other calls are in flight, and their bytes.
    fn others(&self, call: CallId) -> (u64, u64) {
        let others = self.calls.iter().filter(|(id, _)| **id != call);
        others.fold((0, 0), |(count, bytes), (_, seen)| {
            (count + 1, bytes + u64::from(seen.request.bytes))
        })
    }
}

/// What is known of a call at its end.
struct End {
    seen: Seen,
    /// How many of its requests may have left.
    exposed: usize,
    is_over: bool,
    is_new: bool,
    is_cancelled: bool,
    /// The reply to it, if it is what the end follows.
    reply: Option<Reply>,
    /// The answer to its send, if it is what the end follows.
    answer: Option<Sent>,
}

impl End {
    /// Returns whether an outcome of a call that was sent is true, the claim that it breaks else, and its situation.
    fn is_sent_as(&self, outcome: Outcome) -> (bool, Claim, Situation) {
        let is = |is, situation| (is, Claim::OutcomeIsTrue, situation);
        match outcome {
            Outcome::Replied => {
                let is_given = self.reply == Some(Reply::Done) && !self.seen.attempts.is_empty();
                let is_true = is_given && !self.is_over;
                (is_true, Claim::SuccessWasGiven, Situation::Replied)
            }
            Outcome::Refused(refusal) => {
                let refused = Reply::Refused {
                    refusal,
                    never_began: true,
                };
                let is_never = self.reply == Some(refused) && self.exposed <= 1;
                is(is_never && !self.is_over, Situation::Refused)
            }
            Outcome::SentUnknown(Unknown::Refused(refusal)) => {
                let is_perhaps = match self.reply {
                    Some(Reply::Refused {
                        refusal: it,
                        never_began,
                    }) => it == refusal && (!never_began || self.exposed > 1),
                    Some(Reply::Done) | None => false,
                };
                is(is_perhaps, Situation::RefusedUnknown)
            }
            Outcome::SentUnknown(Unknown::Send(failure)) => {
                let has_failed = match self.answer {
                    Some(Sent::Unknown(it) | Sent::NotSent(it)) => it == failure,
                    Some(Sent::Acknowledged) | None => false,
                };
                let is_unknown = self.exposed > 0 && !self.seen.is_acknowledged();
                is(has_failed && is_unknown, Situation::SentUnknown)
            }
            Outcome::Expired => is(self.is_over && self.exposed > 0, Situation::Expired),
            Outcome::Cancelled => is(self.is_cancelled, Situation::Cancelled),
            Outcome::NotSent(_) | Outcome::ShuttingDown => is(false, Situation::ShuttingDown),
        }
    }
}
