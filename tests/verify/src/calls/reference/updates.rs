//! What each input adds to the facts.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use livebus_core::calls::{
    Action, AssignmentId, CallId, Correlation, Event, Health, Identity, NotSent, Outcome, Reply,
    Request, Sent, Settings, Unknown,
};
use livebus_core::{Cause, Failure, FailureClass};

use super::facts::{Assignment, Attempt, Due, Facts, Reference, exposed, was_assigned};

impl Reference {
    pub(in crate::calls) fn new(settings: Settings, identity: Identity, now: Instant) -> Self {
        Self {
            random: settings.seed,
            settings,
            identity,
            now,
            began: now,
            bus: Err(Cause::Starting),
            calls: Vec::new(),
            replied: Vec::new(),
            assignments: Vec::new(),
            unreadable: None,
            shown: Health::Starting,
            shutdown: None,
            stopped: false,
            out: VecDeque::new(),
            strays: [0; 4],
        }
    }

    pub(in crate::calls) fn handle_event(&mut self, now: Instant, event: Event) {
        self.handle_timeout(now);
        self.take(event);
        self.show();
        self.handle_timeout(now);
    }

    /// Rules 1 and 2.
    pub(in crate::calls) fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        while let Some(due) = self
            .all_due()
            .into_iter()
            .filter(|due| due.at() <= self.now)
            .min()
        {
            match due {
                Due::Deadline(_, id) => {
                    let left = exposed(self.call(id)) > 0;
                    self.end(
                        id,
                        if left {
                            Outcome::Expired
                        } else {
                            Outcome::NotSent(NotSent::Deadline)
                        },
                    );
                }
                Due::Drain(_) => {
                    for id in self.in_flight() {
                        self.end(id, Outcome::ShuttingDown);
                    }
                }
                Due::AssignTimeout(_) => self.assignment_failed(FailureClass::Timeout.into()),
                Due::Assign(_) => {
                    let attempt = 1 + self.failures_in_a_row();
                    self.assignments.push(Assignment {
                        sent: self.now,
                        succeeded: false,
                        end: None,
                    });
                    self.out.push_back(Action::AssignReplies {
                        id: AssignmentId::from_number(self.assignments.len() as u64),
                        attempt,
                        deadline: self.now + self.settings.assign_timeout,
                    });
                }
                Due::Attempt(_, id) => {
                    let from = self.identity;
                    let call = self.call(id);
                    call.attempts.push(Attempt {
                        answer: None,
                        delay: None,
                    });
                    let (attempt, deadline) = (call.attempts.len(), call.request.deadline);
                    self.out.push_back(Action::Send {
                        correlation: Correlation { from, call: id },
                        attempt: u32::try_from(attempt).expect("few attempts"),
                        deadline,
                    });
                }
            }
            self.show();
        }
    }

    pub(in crate::calls) fn poll_action(&mut self) -> Option<Action> {
        self.out.pop_front()
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Called { call, request } => self.called(call, request),
            Event::SendAnswered {
                call,
                attempt,
                result,
            } => self.answered(call, attempt, result),
            Event::ReplyFetched { to, reply } => self.reply(to, reply),
            Event::Cancelled { call } => {
                if self.in_flight().contains(&call) {
                    if exposed(self.call(call)) > 0 && self.bus.is_ok() {
                        let from = self.identity;
                        self.out.push_back(Action::SendCancel {
                            correlation: Correlation { from, call },
                        });
                    }
                    self.end(call, Outcome::Cancelled);
                }
            }
            Event::BusReady => self.bus = Ok(()),
            Event::BusNotReady(cause) => {
                self.bus = Err(cause);
                self.end_what_cannot_leave();
            }
            Event::RepliesAssigned { id, result } => {
                let is_newest = id.number() == self.assignments.len() as u64;
                let now = self.now;
                let Some(newest) = self
                    .assignments
                    .last_mut()
                    .filter(|it| is_newest && it.end.is_none())
                else {
                    return;
                };
                if self.stopped {
                    return;
                }
                match result {
                    Ok(()) => {
                        newest.end = Some((now, Ok(()), Duration::ZERO));
                        newest.succeeded = true;
                        self.unreadable = None;
                    }
                    Err(failure) => self.assignment_failed(failure),
                }
            }
            Event::RepliesLost(failure) => {
                let newest = self.assignments.last();
                if newest.is_some_and(|it| it.end.is_none() || was_assigned(it)) && !self.stopped {
                    self.assignment_failed(failure);
                }
            }
            Event::RepliesUnreachable(failure) => {
                if self.is_assigned() {
                    self.unreadable = Some(failure);
                    self.end_what_cannot_leave();
                }
            }
            Event::RepliesReachable => {
                if self.is_assigned() {
                    self.unreadable = None;
                }
            }
            Event::Shutdown => {
                if self.shutdown.is_none() {
                    self.shutdown = Some(self.now);
                    self.end_what_cannot_leave();
                }
            }
        }
    }

    /// Rules 9 to 11.
    fn called(&mut self, id: CallId, request: Request) {
        if self.calls.iter().any(|it| it.id >= id) {
            return;
        }
        let limits = self.settings.limits.clone();
        let in_flight = self.in_flight();
        let bytes = |id: &CallId| u64::from(self.facts(*id).request.bytes);
        let bytes: u64 = in_flight.iter().map(bytes).sum();
        let is_full = in_flight.len() >= limits.calls as usize
            || bytes + u64::from(request.bytes) > limits.bytes;
        let reasons = [
            self.shutdown.map(|_| NotSent::ShuttingDown),
            (request.deadline <= self.now).then_some(NotSent::Deadline),
            (request.bytes > limits.call_bytes).then_some(NotSent::TooLarge),
            self.closed(),
            is_full.then(|| {
                let ends = in_flight.iter().map(|&id| self.facts(id).request.deadline);
                let first = ends.min().map(|at| at - self.now);
                let hint = self.settings.overload_hint;
                NotSent::Overloaded {
                    retry_after: first.map_or(hint, |it| it.min(hint)),
                }
            }),
        ];
        self.calls.push(Facts {
            id,
            made: self.now,
            request,
            attempts: Vec::new(),
            outcome: None,
        });
        if let Some(reason) = reasons.into_iter().flatten().next() {
            self.end(id, Outcome::NotSent(reason));
        }
    }

    /// Rules 15 and 16.
    fn answered(&mut self, id: CallId, attempt: u32, result: Sent) {
        let now = self.now;
        if !self.in_flight().contains(&id) {
            return;
        }
        let call = self.call(id);
        let is_last = call.attempts.len() == attempt as usize;
        let Some(last) = call
            .attempts
            .last_mut()
            .filter(|it| is_last && it.answer.is_none())
        else {
            return;
        };
        last.answer = Some((now, result));
        let failure = match result {
            Sent::Acknowledged => return,
            Sent::NotSent(failure) | Sent::Unknown(failure) => failure,
        };
        if self.may_try_again(id) {
            let backoff = self.settings.retry_backoff;
            let delay = self.draw(&backoff, attempt);
            let call = self.call(id);
            if now + delay < call.request.deadline {
                call.attempts.last_mut().expect("it was answered").delay = Some(delay);
                if exposed(call) == 0
                    && let Some(reason) = self.closed()
                {
                    self.end(id, Outcome::NotSent(reason));
                }
                return;
            }
        }
        let call = self.call(id);
        let is_acknowledged = call
            .attempts
            .iter()
            .any(|it| matches!(it.answer, Some((_, Sent::Acknowledged))));
        if exposed(call) == 0 {
            self.end(id, Outcome::NotSent(NotSent::Send(failure)));
        } else if !is_acknowledged {
            self.end(id, Outcome::SentUnknown(Unknown::Send(failure)));
        }
    }

    /// Rules 18 to 20.
    fn reply(&mut self, to: Correlation, reply: Reply) {
        const FOREIGN: usize = 0;
        const FORMER: usize = 1;
        const LATE: usize = 2;
        const DUPLICATE: usize = 3;
        let kind =
            if to.from.instance != self.identity.instance || to.from.epoch > self.identity.epoch {
                FOREIGN
            } else if to.from.epoch < self.identity.epoch {
                FORMER
            } else if self.calls.last().is_none_or(|it| it.id < to.call) {
                FOREIGN
            } else if self.in_flight().contains(&to.call) {
                let call = self.facts(to.call);
                if !call.attempts.is_empty() {
                    let only = exposed(call) <= 1;
                    let outcome = match reply {
                        Reply::Done => Outcome::Replied,
                        Reply::Refused {
                            refusal,
                            never_began: true,
                        } if only => Outcome::Refused(refusal),
                        Reply::Refused { refusal, .. } => {
                            Outcome::SentUnknown(Unknown::Refused(refusal))
                        }
                    };
                    self.replied.push(to.call);
                    return self.end(to.call, outcome);
                }
                FOREIGN
            } else {
                let mut newest = self
                    .replied
                    .iter()
                    .rev()
                    .take(self.settings.limits.remembered as usize);
                if newest.any(|it| *it == to.call) {
                    DUPLICATE
                } else {
                    LATE
                }
            };
        self.strays[kind] += 1;
    }

    fn assignment_failed(&mut self, failure: Failure) {
        let number = 1 + self.failures_in_a_row();
        let backoff = self.settings.assign_backoff;
        let delay = self.draw(&backoff, number);
        let now = self.now;
        let newest = self.assignments.last_mut().expect("one was sent");
        newest.end = Some((now, Err(failure), delay));
        self.unreadable = Some(failure);
        self.end_what_cannot_leave();
    }

    fn end_what_cannot_leave(&mut self) {
        let Some(reason) = self.closed() else { return };
        for id in self.in_flight() {
            if exposed(self.call(id)) == 0 {
                self.end(id, Outcome::NotSent(reason));
            }
        }
    }

    fn end(&mut self, id: CallId, outcome: Outcome) {
        self.call(id).outcome = Some(outcome);
        self.out.push_back(Action::End { call: id, outcome });
    }

    fn show(&mut self) {
        if self.health() != self.shown && !self.stopped {
            self.shown = self.health();
            self.out.push_back(Action::SetHealth(self.shown));
        }
        if self.shutdown.is_some() && !self.stopped && self.in_flight().is_empty() {
            self.stopped = true;
            self.out.push_back(Action::Stopped);
        }
    }
}
