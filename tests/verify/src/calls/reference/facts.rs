//! The facts, and what follows from them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use livebus_core::calls::{
    Action, CallId, Health, Identity, NotSent, Outcome, Request, Sent, Settings,
};
use livebus_core::{Backoff, Cause, Failure};

/// What happened to one call.
pub(super) struct Facts {
    pub(super) id: CallId,
    pub(super) made: Instant,
    pub(super) request: Request,
    pub(super) attempts: Vec<Attempt>,
    pub(super) outcome: Option<Outcome>,
}

/// One attempt.
pub(super) struct Attempt {
    pub(super) answer: Option<(Instant, Sent)>,
    /// The back-off that was drawn when it failed.
    pub(super) delay: Option<Duration>,
}

/// One assignment of the reply partition.
pub(super) struct Assignment {
    pub(super) sent: Instant,
    /// Whether it succeeded, also if it was lost then.
    pub(super) succeeded: bool,
    pub(super) end: Option<(Instant, Result<(), Failure>, Duration)>,
}

pub(in crate::calls) struct Reference {
    pub(super) settings: Settings,
    pub(super) identity: Identity,
    pub(super) now: Instant,
    pub(super) began: Instant,
    pub(super) bus: Result<(), Cause>,
    pub(super) calls: Vec<Facts>,
    /// The order in which calls ended with a reply.
    pub(super) replied: Vec<CallId>,
    pub(super) assignments: Vec<Assignment>,
    pub(super) unreadable: Option<Failure>,
    pub(super) shown: Health,
    pub(super) shutdown: Option<Instant>,
    pub(super) stopped: bool,
    pub(super) random: u64,
    pub(super) out: VecDeque<Action>,
    pub(in crate::calls) strays: [u64; 4],
}

/// Something that is due. The order is that of rule 4.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    Deadline(Instant, CallId),
    Drain(Instant),
    AssignTimeout(Instant),
    Assign(Instant),
    Attempt(Instant, CallId),
}

impl Due {
    pub(super) const fn at(&self) -> Instant {
        match self {
            Self::Deadline(at, _)
            | Self::Drain(at)
            | Self::AssignTimeout(at)
            | Self::Assign(at)
            | Self::Attempt(at, _) => *at,
        }
    }
}

impl Reference {
    /// Rule 5.
    pub(in crate::calls) fn poll_timeout(&self) -> Option<Instant> {
        if self.out.is_empty() {
            self.all_due().iter().map(Due::at).min()
        } else {
            Some(self.now)
        }
    }

    /// Counts the failures since an assignment succeeded. The loss of that one is the first.
    pub(super) fn failures_in_a_row(&self) -> u32 {
        let mut failures = 0;
        for it in self.assignments.iter().rev() {
            failures += u32::from(matches!(it.end, Some((_, Err(_), _))));
            if it.succeeded {
                break;
            }
        }
        failures
    }

    pub(super) fn is_assigned(&self) -> bool {
        self.assignments.last().is_some_and(was_assigned)
    }

    pub(super) fn health(&self) -> Health {
        match self.unreadable {
            Some(failure) => Health::RepliesFailed(failure),
            None if self.is_assigned() => Health::Working,
            None => Health::Starting,
        }
    }

    /// Rule 8: why nothing can be sent.
    pub(super) fn closed(&self) -> Option<NotSent> {
        let shutdown = self.shutdown.map(|_| NotSent::ShuttingDown);
        let bus = self.bus.err().map(NotSent::Bus);
        shutdown.or(bus).or(self.unreadable.map(NotSent::Replies))
    }

    pub(super) fn all_due(&self) -> Vec<Due> {
        let mut all = Vec::new();
        if self.stopped {
            return all;
        }
        all.extend(self.shutdown.map(|at| Due::Drain(at + self.settings.drain)));
        match self.assignments.last() {
            None if self.bus.is_ok() => all.push(Due::Assign(self.began)),
            Some(Assignment {
                sent, end: None, ..
            }) => {
                all.push(Due::AssignTimeout(*sent + self.settings.assign_timeout));
            }
            Some(Assignment {
                end: Some((at, Err(_), delay)),
                ..
            }) if self.bus.is_ok() => {
                all.push(Due::Assign(*at + *delay));
            }
            None | Some(_) => {}
        }
        let is_open = self.closed().is_none() && self.is_assigned();
        for id in self.in_flight() {
            let call = self.facts(id);
            all.push(Due::Deadline(call.request.deadline, id));
            if let Some(at) = self.next_attempt(id).filter(|_| is_open) {
                all.push(Due::Attempt(at, id));
            }
        }
        all
    }

    /// Rules 12 and 14: when a call may be sent, or sent again.
    pub(super) fn next_attempt(&self, id: CallId) -> Option<Instant> {
        let call = self.facts(id);
        let Some(last) = call.attempts.last() else {
            return Some(call.made);
        };
        match last.answer? {
            (at, Sent::Acknowledged) => self
                .may_try_again(id)
                .then(|| at + self.settings.attempt_timeout),
            (at, Sent::NotSent(_) | Sent::Unknown(_)) => last.delay.map(|delay| at + delay),
        }
    }

    pub(super) fn may_try_again(&self, id: CallId) -> bool {
        let call = self.facts(id);
        let is_left = call.attempts.len() < self.settings.attempts as usize;
        call.request.is_idempotent && is_left && self.shutdown.is_none()
    }

    pub(super) fn in_flight(&self) -> Vec<CallId> {
        let calls = self.calls.iter().filter(|it| it.outcome.is_none());
        calls.map(|it| it.id).collect()
    }

    pub(super) fn facts(&self, id: CallId) -> &Facts {
        let found = self.calls.iter().rev().find(|it| it.id == id);
        found.expect("the call was made")
    }

    pub(super) fn call(&mut self, id: CallId) -> &mut Facts {
        let found = self.calls.iter_mut().rev().find(|it| it.id == id);
        found.expect("the call was made")
    }

    /// The delay of a back-off, as rule 8 of the supervisor has it.
    pub(super) fn draw(&mut self, backoff: &Backoff, failures: u32) -> Duration {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let j = u32::try_from((z ^ (z >> 31)) % 1_025).expect("it is small");
        let mut middle = backoff.first;
        for _ in 1..failures.min(32) {
            middle = middle.saturating_mul(2).min(backoff.max);
        }
        let stray = middle / 100 * u32::from(backoff.jitter_percent);
        let low = middle.saturating_sub(stray).max(backoff.first);
        let high = middle.saturating_add(stray).min(backoff.max);
        low + high.saturating_sub(low) / 1_024 * j
    }
}

/// Returns how many requests of a call may have left.
pub(super) fn exposed(call: &Facts) -> usize {
    let left = |it: &&Attempt| !matches!(it.answer, Some((_, Sent::NotSent(_))));
    call.attempts.iter().filter(left).count()
}

pub(super) fn was_assigned(it: &Assignment) -> bool {
    matches!(it.end, Some((_, Ok(()), _)))
}
