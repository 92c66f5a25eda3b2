//! Encodes a line as its fields.

use livebus_core::{Action, Cause, Event, Failure, HandlerId, OpId, Report, Supervisor};

use super::Wire;
use crate::epoch::Epoch;
use crate::line::{Content, Line};
use livebus_runner::Entry;

impl Wire<'static> {
    pub(crate) fn from_line(line: &Line<Supervisor>, epoch: Epoch) -> Self {
        let empty = Self {
            ns: epoch.nanos(line.at),
            ..Self::default()
        };
        match &line.content {
            Content::Entry(Entry::Timeout) => Self {
                event: Some("Timeout"),
                ..empty
            },
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

    fn with_event(self, event: Event, epoch: Epoch) -> Self {
        match event {
            Event::StartAnswered { id, result } => self.with_answer("StartAnswered", id, result),
            Event::LivenessAnswered { id, result } => {
                self.with_answer("LivenessAnswered", id, result)
            }
            Event::RegistrationAnswered { id, result } => {
                self.with_answer("RegistrationAnswered", id, result)
            }
            Event::HandlerHealth { id, result } => self.with_answer("HandlerHealth", id, result),
            Event::StopAnswered { id, result } => self.with_answer("StopAnswered", id, result),
            Event::Live { at } => Self {
                event: Some("Live"),
                at: Some(epoch.nanos(at)),
                ..self
            },
            Event::Suspicion(failure) => Self {
                event: Some("Suspicion"),
                ..self.with_failure(failure)
            },
            Event::ClientLost { client, failure } => Self {
                event: Some("ClientLost"),
                client: Some(client.number()),
                ..self.with_failure(failure)
            },
            Event::Shutdown => Self {
                event: Some("Shutdown"),
                ..self
            },
        }
    }

    fn with_answer(
        self,
        event: &'static str,
        id: impl Into<OpId>,
        result: Result<(), Failure>,
    ) -> Self {
        let answer = Self {
            event: Some(event),
            id: Some(id.into().number()),
            ..self
        };
        match result {
            Ok(()) => answer,
            Err(failure) => answer.with_failure(failure),
        }
    }

    fn with_action(self, action: Action, epoch: Epoch) -> Self {
        match action {
            Action::Start {
                id,
                attempt,
                deadline,
            } => Self {
                action: Some("Start"),
                id: Some(id.number()),
                attempt: Some(attempt),
                deadline: Some(epoch.nanos(deadline)),
                ..self
            },
            Action::SendLiveness { id, deadline } => Self {
                action: Some("SendLiveness"),
                id: Some(id.number()),
                deadline: Some(epoch.nanos(deadline)),
                ..self
            },
            Action::RegisterHandler {
                id,
                handler,
                attempt,
                deadline,
            } => Self {
                action: Some("RegisterHandler"),
                id: Some(id.number()),
                handler: Some(handler.index()),
                attempt: Some(attempt),
                deadline: Some(epoch.nanos(deadline)),
                ..self
            },
            Action::DiscardClient { client } => Self {
                action: Some("DiscardClient"),
                id: Some(client.number()),
                ..self
            },
            Action::DiscardRegistration { registration } => Self {
                action: Some("DiscardRegistration"),
                id: Some(registration.number()),
                ..self
            },
            Action::SetStatus(report) => self.with_report(report, epoch),
            Action::Renew { evidence, lease } => Self {
                action: Some("Renew"),
                evidence: Some(epoch.nanos(evidence)),
                lease: Some(epoch.nanos(lease)),
                ..self
            },
            Action::Stop { id, deadline } => Self {
                action: Some("Stop"),
                id: Some(id.number()),
                deadline: Some(epoch.nanos(deadline)),
                ..self
            },
        }
    }

    fn with_report(self, report: Report, epoch: Epoch) -> Self {
        let Report {
            status,
            cause,
            warning,
            since,
            evidence,
            lease,
            attempt,
        } = report;
        Self {
            action: Some("SetStatus"),
            status: Some(status.name()),
            warning: warning.map(|failure| failure.class.name()),
            warning_code: warning.and_then(|failure| failure.code),
            since: Some(epoch.nanos(since)),
            evidence: evidence.map(|at| epoch.nanos(at)),
            lease: lease.map(|at| epoch.nanos(at)),
            attempt: Some(attempt),
            ..self.with_cause(cause)
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
}
