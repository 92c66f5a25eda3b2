//! One call in flight.

mod snapshot;

use std::time::Instant;

use crate::backoff::Jitter;
use crate::calls::event::{Reply, Request, Sent};
use crate::calls::outcome::{NotSent, Outcome, Unknown};
use crate::calls::settings::Settings;
use crate::failure::Failure;

/// A call in flight.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Call {
    request: Request,
    /// How many times the request was handed over to be sent.
    attempts: u32,
    /// How many of these may have left: those that were not answered as not sent.
    exposed: u32,
    /// Whether the brokers acknowledged one of them.
    is_acknowledged: bool,
    step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    /// The next attempt may begin at this instant, the first one included.
    Pending { from: Instant },
    /// An attempt is being sent.
    Sending,
    /// The reply is waited for, and nothing is tried any more.
    Sent,
}

/// What the next step of a call depends on.
pub(super) struct Context<'a> {
    pub(super) now: Instant,
    pub(super) settings: &'a Settings,
    /// Whether another attempt may begin at all: not during a shutdown.
    pub(super) may_retry: bool,
}

impl Call {
    pub(super) const fn new(request: Request, now: Instant) -> Self {
        Self {
            request,
            attempts: 0,
            exposed: 0,
            is_acknowledged: false,
            step: Step::Pending { from: now },
        }
    }

    pub(super) const fn deadline(&self) -> Instant {
        self.request.deadline
    }

    pub(super) const fn bytes(&self) -> u32 {
        self.request.bytes
    }

    /// Returns when the next attempt may begin, if there is to be one.
    pub(super) const fn next_attempt(&self) -> Option<Instant> {
        match self.step {
            Step::Pending { from } => Some(from),
            Step::Sending | Step::Sent => None,
        }
    }

    /// Returns whether this attempt is being sent.
    pub(super) const fn is_sending(&self, attempt: u32) -> bool {
        match self.step {
            Step::Sending => self.attempts == attempt,
            Step::Pending { .. } | Step::Sent => false,
        }
    }

    /// Returns whether the request was handed over to be sent, however that ended.
    pub(super) const fn was_handed_over(&self) -> bool {
        self.attempts > 0
    }

    /// Returns whether the request may have left.
    pub(super) const fn may_have_left(&self) -> bool {
        self.exposed > 0
    }

    /// Begins the next attempt; returns its number.
    pub(super) const fn begin_attempt(&mut self) -> u32 {
        self.attempts += 1;
        self.exposed += 1;
        self.step = Step::Sending;
        self.attempts
    }

    /// Takes the answer to the attempt that is being sent. Returns the outcome, if it ends the call.
    pub(super) fn on_sent(
        &mut self,
        sent: Sent,
        cx: &Context<'_>,
        jitter: &mut Jitter,
    ) -> Option<Outcome> {
        match sent {
            Sent::Acknowledged => {
                self.is_acknowledged = true;
                self.step = if self.has_attempts_left(cx) {
                    let from = cx.now + cx.settings.attempt_timeout;
                    Step::Pending { from }
                } else {
                    Step::Sent
                };
                None
            }
            Sent::NotSent(failure) => {
                self.exposed -= 1;
                self.on_failed(failure, cx, jitter)
            }
            Sent::Unknown(failure) => self.on_failed(failure, cx, jitter),
        }
    }

    fn on_failed(
        &mut self,
        failure: Failure,
        cx: &Context<'_>,
        jitter: &mut Jitter,
    ) -> Option<Outcome> {
        if self.has_attempts_left(cx) {
            let from = cx.now + cx.settings.retry_backoff.delay(self.attempts, jitter);
            // Where the deadline comes first there is no other attempt, and nothing to wait for.
            if from < self.request.deadline {
                self.step = Step::Pending { from };
                return None;
            }
        }
        self.step = Step::Sent;
        if !self.may_have_left() {
            return Some(Outcome::NotSent(NotSent::Send(failure)));
        }
        if self.is_acknowledged {
            // The reply to an earlier attempt may come.
            return None;
        }
        Some(Outcome::SentUnknown(Unknown::Send(failure)))
    }

    fn has_attempts_left(&self, cx: &Context<'_>) -> bool {
        cx.may_retry && self.request.is_idempotent && self.attempts < cx.settings.attempts
    }

    /// Returns the outcome that a reply gives to the call. A refusal says that the request was never executed only if it is about the only
    /// attempt that may have left.
    pub(super) fn replied(&self, reply: Reply) -> Outcome {
        match reply {
            Reply::Done => Outcome::Replied,
            Reply::Refused {
                refusal,
                never_began,
            } => {
                if never_began && self.exposed <= 1 {
                    Outcome::Refused(refusal)
                } else {
                    Outcome::SentUnknown(Unknown::Refused(refusal))
                }
            }
        }
    }

    /// Returns the outcome of a call that ends without having received anything: `sent` if the request may have left.
    pub(super) const fn unanswered(&self, not_sent: NotSent, sent: Outcome) -> Outcome {
        if self.may_have_left() {
            sent
        } else {
            Outcome::NotSent(not_sent)
        }
    }
}
