//! Decodes a line from its fields. Each field is taken out; one that is left does not belong to this kind of line.

use std::time::Instant;

use livebus_core::{
    Action, Cause, ClientId, Event, Failure, HandlerId, LivenessId, RegistrationId, Report, Status,
    StopId, Supervisor,
};

use super::Wire;
use crate::epoch::Epoch;
use crate::fields::{CauseFields, failure, handler_id, instant, present, unknown};
use crate::line::{Content, Damage, End, Line};
use livebus_runner::Entry;

impl Wire<'_> {
    pub(crate) fn into_line(mut self, epoch: Epoch) -> Result<Line<Supervisor>, Damage> {
        let ns = std::mem::take(&mut self.ns);
        let at = instant("ns", Some(ns), epoch)?;
        let content = match (self.event.take(), self.action.take(), self.end.take()) {
            (Some(event), None, None) => Content::Entry(self.take_event(event, epoch)?),
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

    fn take_event(&mut self, event: &str, epoch: Epoch) -> Result<Entry, Damage> {
        Ok(Entry::Event(match event {
            "Timeout" => return Ok(Entry::Timeout),
            "StartAnswered" => Event::StartAnswered {
                id: self.take_id(ClientId::from_number)?,
                result: self.take_result()?,
            },
            "LivenessAnswered" => Event::LivenessAnswered {
                id: self.take_id(LivenessId::from_number)?,
                result: self.take_result()?,
            },
            "RegistrationAnswered" => Event::RegistrationAnswered {
                id: self.take_id(RegistrationId::from_number)?,
                result: self.take_result()?,
            },
            "HandlerHealth" => Event::HandlerHealth {
                id: self.take_id(RegistrationId::from_number)?,
                result: self.take_result()?,
            },
            "StopAnswered" => Event::StopAnswered {
                id: self.take_id(StopId::from_number)?,
                result: self.take_result()?,
            },
            "Live" => Event::Live {
                at: instant("at", self.at.take(), epoch)?,
            },
            "Suspicion" => Event::Suspicion(self.take_failure()?),
            "ClientLost" => Event::ClientLost {
                client: ClientId::from_number(present("client", self.client.take())?),
                failure: self.take_failure()?,
            },
            "Shutdown" => Event::Shutdown,
            _ => return Err(unknown("event", event)),
        }))
    }

    fn take_action(&mut self, action: &str, epoch: Epoch) -> Result<Action, Damage> {
        Ok(match action {
            "Start" => Action::Start {
                id: self.take_id(ClientId::from_number)?,
                attempt: self.take_attempt()?,
                deadline: self.take_deadline(epoch)?,
            },
            "SendLiveness" => Action::SendLiveness {
                id: self.take_id(LivenessId::from_number)?,
                deadline: self.take_deadline(epoch)?,
            },
            "RegisterHandler" => Action::RegisterHandler {
                id: self.take_id(RegistrationId::from_number)?,
                handler: self.take_handler()?,
                attempt: self.take_attempt()?,
                deadline: self.take_deadline(epoch)?,
            },
            "DiscardClient" => Action::DiscardClient {
                client: self.take_id(ClientId::from_number)?,
            },
            "DiscardRegistration" => Action::DiscardRegistration {
                registration: self.take_id(RegistrationId::from_number)?,
            },
            "SetStatus" => Action::SetStatus(self.take_report(epoch)?),
            "Renew" => Action::Renew {
                evidence: instant("evidence", self.evidence.take(), epoch)?,
                lease: instant("lease", self.lease.take(), epoch)?,
            },
            "Stop" => Action::Stop {
                id: self.take_id(StopId::from_number)?,
                deadline: self.take_deadline(epoch)?,
            },
            _ => return Err(unknown("action", action)),
        })
    }

    fn take_report(&mut self, epoch: Epoch) -> Result<Report, Damage> {
        let status = present("status", self.status.take())?;
        let warning = match self.warning.take() {
            Some(class) => Some(failure("warning", class, self.warning_code.take())?),
            None => None,
        };
        let optional = |name, nanos: Option<i64>| {
            nanos
                .map(|nanos| instant(name, Some(nanos), epoch))
                .transpose()
        };
        Ok(Report {
            status: Status::from_name(status).ok_or_else(|| unknown("status", status))?,
            cause: self.take_cause()?,
            warning,
            since: instant("since", self.since.take(), epoch)?,
            evidence: optional("evidence", self.evidence.take())?,
            lease: optional("lease", self.lease.take())?,
            attempt: self.take_attempt()?,
        })
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

    fn take_id<I>(&mut self, from_number: fn(u64) -> I) -> Result<I, Damage> {
        present("id", self.id.take()).map(from_number)
    }

    fn take_attempt(&mut self) -> Result<u32, Damage> {
        present("attempt", self.attempt.take())
    }

    fn take_handler(&mut self) -> Result<HandlerId, Damage> {
        handler_id(self.handler.take())
    }

    fn take_deadline(&mut self, epoch: Epoch) -> Result<Instant, Damage> {
        instant("deadline", self.deadline.take(), epoch)
    }

    fn take_result(&mut self) -> Result<Result<(), Failure>, Damage> {
        if self.failure.is_some() {
            self.take_failure().map(Err)
        } else {
            Ok(Ok(()))
        }
    }

    fn take_failure(&mut self) -> Result<Failure, Damage> {
        let class = present("failure", self.failure.take())?;
        failure("failure", class, self.code.take())
    }
}
