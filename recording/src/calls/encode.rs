//! Encodes a line as its fields.

use livebus_core::calls::{
    Action, Correlation, Event, Health, NotSent, Outcome, Refusal, Reply, Sent, Unknown,
};
use livebus_core::{Cause, Failure, HandlerId};

use crate::calls::names::refusal_name;
use crate::calls::wire::Wire;
use crate::calls::{Content, Line};
use crate::epoch::Epoch;
use livebus_runner::Entry;

impl Wire<'static> {
    pub(super) fn from_line(line: &Line, epoch: Epoch) -> Self {
        let empty = Self {
            ns: epoch.nanos(line.at),
            ..Self::default()
        };
        match &line.content {
            Content::Entry(Entry::Timeout) => empty.named("Timeout"),
            Content::Entry(Entry::Event(event)) => empty.with_event(*event, epoch),
            Content::Entry(Entry::Action(action)) => empty.with_action(*action, epoch),
            Content::End(end) => {
                let (end, queued) = end.fields();
                Self {
                    end: Some(end),
                    queued,
                    ..empty
                }
            }
        }
    }

    fn named(self, event: &'static str) -> Self {
        Self {
            event: Some(event),
            ..self
        }
    }

    fn with_event(self, event: Event, epoch: Epoch) -> Self {
        match event {
            Event::Called { call, request } => Self {
                call: Some(call.0),
                deadline: Some(epoch.nanos(request.deadline)),
                bytes: Some(request.bytes),
                idempotent: Some(request.is_idempotent),
                ..self.named("Called")
            },
            Event::SendAnswered {
                call,
                attempt,
                result,
            } => Self {
                call: Some(call.0),
                attempt: Some(attempt),
                ..self.named("SendAnswered").with_sent(result)
            },
            Event::ReplyFetched { to, reply } => {
                self.named("ReplyFetched").of(to).with_reply(reply)
            }
            Event::Cancelled { call } => Self {
                call: Some(call.0),
                ..self.named("Cancelled")
            },
            Event::BusReady => self.named("BusReady"),
            Event::BusNotReady(cause) => self.named("BusNotReady").with_cause(cause),
            Event::RepliesAssigned { id, result } => {
                let answer = Self {
                    id: Some(id.number()),
                    ..self.named("RepliesAssigned")
                };
                match result {
                    Ok(()) => answer,
                    Err(failure) => answer.with_failure(failure),
                }
            }
            Event::RepliesLost(failure) => self.named("RepliesLost").with_failure(failure),
            Event::RepliesUnreachable(failure) => {
                self.named("RepliesUnreachable").with_failure(failure)
            }
            Event::RepliesReachable => self.named("RepliesReachable"),
            Event::Shutdown => self.named("Shutdown"),
        }
    }

    fn with_sent(self, sent: Sent) -> Self {
        let (name, failure) = match sent {
            Sent::Acknowledged => ("Acknowledged", None),
            Sent::NotSent(failure) => ("NotSent", Some(failure)),
            Sent::Unknown(failure) => ("Unknown", Some(failure)),
        };
        let named = Self {
            sent: Some(name),
            ..self
        };
        match failure {
            None => named,
            Some(failure) => named.with_failure(failure),
        }
    }

    fn with_reply(self, reply: Reply) -> Self {
        match reply {
            Reply::Done => Self {
                reply: Some("Done"),
                ..self
            },
            Reply::Refused {
                refusal,
                never_began,
            } => Self {
                reply: Some("Refused"),
                never_began: Some(never_began),
                ..self.with_refusal(refusal)
            },
        }
    }

    fn with_action(self, action: Action, epoch: Epoch) -> Self {
        let named = |name| Self {
            action: Some(name),
            ..self
        };
        match action {
            Action::AssignReplies {
                id,
                attempt,
                deadline,
            } => Self {
                id: Some(id.number()),
                attempt: Some(attempt),
                deadline: Some(epoch.nanos(deadline)),
                ..named("AssignReplies")
            },
            Action::Send {
                correlation,
                attempt,
                deadline,
            } => Self {
                attempt: Some(attempt),
                deadline: Some(epoch.nanos(deadline)),
                ..named("Send").of(correlation)
            },
            Action::SendCancel { correlation } => named("SendCancel").of(correlation),
            Action::End { call, outcome } => Self {
                call: Some(call.0),
                ..named("End").with_outcome(outcome)
            },
            Action::SetHealth(health) => named("SetHealth").with_health(health),
            Action::Stopped => named("Stopped"),
        }
    }

    fn with_outcome(self, outcome: Outcome) -> Self {
        let named = |name| Self {
            outcome: Some(name),
            ..self
        };
        match outcome {
            Outcome::Replied => named("Replied"),
            Outcome::Refused(refusal) => named("Refused").with_refusal(refusal),
            Outcome::NotSent(reason) => named("NotSent").with_not_sent(reason),
            Outcome::SentUnknown(reason) => named("SentUnknown").with_unknown(reason),
            Outcome::Expired => named("Expired"),
            Outcome::Cancelled => named("Cancelled"),
            Outcome::ShuttingDown => named("ShuttingDown"),
        }
    }

    fn with_not_sent(self, reason: NotSent) -> Self {
        let named = |name| Self {
            reason: Some(name),
            ..self
        };
        match reason {
            NotSent::Bus(cause) => named("Bus").with_cause(cause),
            NotSent::Replies(failure) => named("Replies").with_failure(failure),
            NotSent::Send(failure) => named("Send").with_failure(failure),
            NotSent::Deadline => named("Deadline"),
            NotSent::TooLarge => named("TooLarge"),
            NotSent::Overloaded { retry_after } => Self {
                retry_after: Some(u64::try_from(retry_after.as_nanos()).unwrap_or(u64::MAX)),
                ..named("Overloaded")
            },
            NotSent::ShuttingDown => named("ShuttingDown"),
        }
    }

    fn with_unknown(self, reason: Unknown) -> Self {
        let named = |name| Self {
            reason: Some(name),
            ..self
        };
        match reason {
            Unknown::Send(failure) => named("Send").with_failure(failure),
            Unknown::Refused(refusal) => named("Refused").with_refusal(refusal),
        }
    }

    fn with_health(self, health: Health) -> Self {
        let named = |name| Self {
            health: Some(name),
            ..self
        };
        match health {
            Health::Starting => named("Starting"),
            Health::Working => named("Working"),
            Health::RepliesFailed(failure) => named("RepliesFailed").with_failure(failure),
        }
    }

    fn with_refusal(self, refusal: Refusal) -> Self {
        Self {
            refusal: Some(refusal_name(refusal)),
            ..self
        }
    }

    fn with_cause(self, cause: Cause) -> Self {
        let named = Self {
            cause: Some(cause.name()),
            handler: cause.handler().map(HandlerId::index),
            ..self
        };
        match cause.failure() {
            Some(failure) => named.with_failure(failure),
            None => named,
        }
    }

    fn with_failure(self, failure: Failure) -> Self {
        Self {
            failure: Some(failure.class.name()),
            code: failure.code,
            ..self
        }
    }

    fn of(self, correlation: Correlation) -> Self {
        Self {
            instance: Some(correlation.from.instance),
            epoch: Some(correlation.from.epoch),
            call: Some(correlation.call.0),
            ..self
        }
    }
}
