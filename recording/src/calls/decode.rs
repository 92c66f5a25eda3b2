//! Decodes a line from its fields. Each field is taken out; one that is left does not belong to this kind of line.

use std::time::{Duration, Instant};

use livebus_core::calls::{
    Action, AssignmentId, CallId, Correlation, Event, Health, Identity, NotSent, Outcome, Refusal,
    Reply, Request, Sent, Unknown,
};
use livebus_core::{Cause, Failure};

use crate::calls::names::refusal;
use crate::calls::wire::Wire;
use crate::calls::{Content, Line};
use crate::epoch::Epoch;
use crate::fields::{CauseFields, failure, instant, present, unknown};
use crate::line::{Damage, End};
use livebus_runner::Entry;

impl Wire<'_> {
    pub(super) fn into_line(mut self, epoch: Epoch) -> Result<Line, Damage> {
        let ns = std::mem::take(&mut self.ns);
        let at = instant("ns", Some(ns), epoch)?;
        let content = match (self.event.take(), self.action.take(), self.end.take()) {
            (Some("Timeout"), None, None) => Content::Entry(Entry::Timeout),
            (Some(event), None, None) => {
                Content::Entry(Entry::Event(self.take_event(event, epoch)?))
            }
            (None, Some(action), None) => {
                Content::Entry(Entry::Action(self.take_action(action, epoch)?))
            }
            (None, None, Some(end)) => Content::End(End::from_fields(&end, self.queued.take())?),
            (None, None, None) => {
                return Err(Damage::new("it has no `event`, no `action` and no `end`"));
            }
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
                return Err(Damage::new(
                    "it has more than one of `event`, `action` and `end`",
                ));
            }
        };
        if self == Wire::default() {
            Ok(Line { at, content })
        } else {
            Err(Damage::new(
                "it has a field that this kind of line does not have",
            ))
        }
    }

    fn take_event(&mut self, event: &str, epoch: Epoch) -> Result<Event, Damage> {
        Ok(match event {
            "Called" => Event::Called {
                call: self.take_call()?,
                request: Request {
                    deadline: self.take_deadline(epoch)?,
                    bytes: present("bytes", self.bytes.take())?,
                    is_idempotent: present("idempotent", self.idempotent.take())?,
                },
            },
            "SendAnswered" => Event::SendAnswered {
                call: self.take_call()?,
                attempt: self.take_attempt()?,
                result: self.take_sent()?,
            },
            "ReplyFetched" => Event::ReplyFetched {
                to: self.take_correlation()?,
                reply: self.take_reply()?,
            },
            "Cancelled" => Event::Cancelled {
                call: self.take_call()?,
            },
            "BusReady" => Event::BusReady,
            "BusNotReady" => Event::BusNotReady(self.take_cause()?),
            "RepliesAssigned" => Event::RepliesAssigned {
                id: self.take_id()?,
                result: match self.failure {
                    None => Ok(()),
                    Some(_) => Err(self.take_failure()?),
                },
            },
            "RepliesLost" => Event::RepliesLost(self.take_failure()?),
            "RepliesUnreachable" => Event::RepliesUnreachable(self.take_failure()?),
            "RepliesReachable" => Event::RepliesReachable,
            "Shutdown" => Event::Shutdown,
            _ => return Err(unknown("event", event)),
        })
    }

    fn take_action(&mut self, action: &str, epoch: Epoch) -> Result<Action, Damage> {
        Ok(match action {
            "AssignReplies" => Action::AssignReplies {
                id: self.take_id()?,
                attempt: self.take_attempt()?,
                deadline: self.take_deadline(epoch)?,
            },
            "Send" => Action::Send {
                correlation: self.take_correlation()?,
                attempt: self.take_attempt()?,
                deadline: self.take_deadline(epoch)?,
            },
            "SendCancel" => Action::SendCancel {
                correlation: self.take_correlation()?,
            },
            "End" => Action::End {
                call: self.take_call()?,
                outcome: self.take_outcome()?,
            },
            "SetHealth" => Action::SetHealth(self.take_health()?),
            "Stopped" => Action::Stopped,
            _ => return Err(unknown("action", action)),
        })
    }

    fn take_sent(&mut self) -> Result<Sent, Damage> {
        let sent = present("sent", self.sent.take())?;
        Ok(match sent {
            "Acknowledged" => Sent::Acknowledged,
            "NotSent" => Sent::NotSent(self.take_failure()?),
            "Unknown" => Sent::Unknown(self.take_failure()?),
            _ => return Err(unknown("sent", sent)),
        })
    }

    fn take_reply(&mut self) -> Result<Reply, Damage> {
        let reply = present("reply", self.reply.take())?;
        Ok(match reply {
            "Done" => Reply::Done,
            "Refused" => Reply::Refused {
                refusal: self.take_refusal()?,
                never_began: present("never_began", self.never_began.take())?,
            },
            _ => return Err(unknown("reply", reply)),
        })
    }

    fn take_outcome(&mut self) -> Result<Outcome, Damage> {
        let outcome = present("outcome", self.outcome.take())?;
        Ok(match outcome {
            "Replied" => Outcome::Replied,
            "Refused" => Outcome::Refused(self.take_refusal()?),
            "NotSent" => Outcome::NotSent(self.take_not_sent()?),
            "SentUnknown" => Outcome::SentUnknown(self.take_unknown()?),
            "Expired" => Outcome::Expired,
            "Cancelled" => Outcome::Cancelled,
            "ShuttingDown" => Outcome::ShuttingDown,
            _ => return Err(unknown("outcome", outcome)),
        })
    }

    fn take_not_sent(&mut self) -> Result<NotSent, Damage> {
        let reason = present("reason", self.reason.take())?;
        Ok(match reason {
            "Bus" => NotSent::Bus(self.take_cause()?),
            "Replies" => NotSent::Replies(self.take_failure()?),
            "Send" => NotSent::Send(self.take_failure()?),
            "Deadline" => NotSent::Deadline,
            "TooLarge" => NotSent::TooLarge,
            "Overloaded" => NotSent::Overloaded {
                retry_after: Duration::from_nanos(present("retry_after", self.retry_after.take())?),
            },
            "ShuttingDown" => NotSent::ShuttingDown,
            _ => return Err(unknown("reason", reason)),
        })
    }

    fn take_unknown(&mut self) -> Result<Unknown, Damage> {
        let reason = present("reason", self.reason.take())?;
        Ok(match reason {
            "Send" => Unknown::Send(self.take_failure()?),
            "Refused" => Unknown::Refused(self.take_refusal()?),
            _ => return Err(unknown("reason", reason)),
        })
    }

    fn take_health(&mut self) -> Result<Health, Damage> {
        let health = present("health", self.health.take())?;
        Ok(match health {
            "Starting" => Health::Starting,
            "Working" => Health::Working,
            "RepliesFailed" => Health::RepliesFailed(self.take_failure()?),
            _ => return Err(unknown("health", health)),
        })
    }

    fn take_refusal(&mut self) -> Result<Refusal, Damage> {
        let name = present("refusal", self.refusal.take())?;
        refusal(name).ok_or_else(|| unknown("refusal", name))
    }

    fn take_cause(&mut self) -> Result<Cause, Damage> {
        let cause = present("cause", self.cause.take())?;
        let fields = CauseFields {
            handler: &mut self.handler,
            failure: &mut self.failure,
            code: &mut self.code,
        };
        fields.cause(cause)
    }

    fn take_failure(&mut self) -> Result<Failure, Damage> {
        let class = present("failure", self.failure.take())?;
        failure("failure", class, self.code.take())
    }

    fn take_correlation(&mut self) -> Result<Correlation, Damage> {
        Ok(Correlation {
            from: Identity {
                instance: present("instance", self.instance.take())?,
                epoch: present("epoch", self.epoch.take())?,
            },
            call: self.take_call()?,
        })
    }

    fn take_call(&mut self) -> Result<CallId, Damage> {
        present("call", self.call.take()).map(CallId)
    }

    fn take_id(&mut self) -> Result<AssignmentId, Damage> {
        present("id", self.id.take()).map(AssignmentId::from_number)
    }

    fn take_attempt(&mut self) -> Result<u32, Damage> {
        present("attempt", self.attempt.take())
    }

    fn take_deadline(&mut self, epoch: Epoch) -> Result<Instant, Damage> {
        instant("deadline", self.deadline.take(), epoch)
    }
}
