//! Operations: which one an action begins or discards, and the event that answers it.

use std::time::Instant;

use livebus_core::{Action, Event, Failure, OpId};

/// Returns the operation that an action begins, and its deadline.
pub(crate) fn begun_by(action: &Action) -> Option<(OpId, Instant)> {
    match *action {
        Action::Start { id, deadline, .. } => Some((id.into(), deadline)),
        Action::SendLiveness { id, deadline } => Some((id.into(), deadline)),
        Action::RegisterHandler { id, deadline, .. } => Some((id.into(), deadline)),
        Action::Stop { id, deadline } => Some((id.into(), deadline)),
        Action::DiscardClient { .. }
        | Action::DiscardRegistration { .. }
        | Action::SetStatus(_)
        | Action::Renew { .. } => None,
    }
}

/// Returns the operation that an action discards.
pub(crate) fn discarded_by(action: &Action) -> Option<OpId> {
    match *action {
        Action::DiscardClient { client } => Some(client.into()),
        Action::DiscardRegistration { registration } => Some(registration.into()),
        Action::Start { .. }
        | Action::SendLiveness { .. }
        | Action::RegisterHandler { .. }
        | Action::SetStatus(_)
        | Action::Renew { .. }
        | Action::Stop { .. } => None,
    }
}

/// Returns the event that answers an operation.
pub(crate) fn answer(operation: OpId, result: Result<(), Failure>) -> Event {
    match operation {
        OpId::Client(id) => Event::StartAnswered { id, result },
        OpId::Liveness(id) => Event::LivenessAnswered { id, result },
        OpId::Registration(id) => Event::RegistrationAnswered { id, result },
        OpId::Stop(id) => Event::StopAnswered { id, result },
    }
}
