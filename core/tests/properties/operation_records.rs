//! Records of all operations, made from the log only: which are in flight, and which answers must be stale.

use std::time::Instant;

use livebus_core::{Action, ClientId, Config, Event, Failure, OpId, Status};

use crate::simulation::{Entry, Kind, discards, operation};

/// One operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) id: OpId,
    pub(crate) kind: Kind,
    pub(crate) sent: Instant,
    /// The deadline in the action.
    pub(crate) deadline: Instant,
    /// The earliest instant at which the supervisor may give it up. A suspicion, evidence and the end of Running may shorten
    /// the rest of a liveness message: to `suspicion_timeout`, `liveness_timeout` and `not_live_interval`.
    pub(crate) soft_deadline: Instant,
    pub(crate) answered: bool,
    /// Its client was discarded, a newer one replaced it, or the supervisor stops.
    pub(crate) over: bool,
}

/// What the records predict for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prediction {
    /// It must be accepted.
    Fresh,
    /// It must be ignored, and counted as stale.
    Stale,
    /// The log does not decide it.
    Either,
}

#[derive(Debug, Default)]
pub(crate) struct OperationRecords {
    pub(crate) operations: Vec<Operation>,
    /// The start that made the current client.
    pub(crate) client: Option<ClientId>,
}

/// Returns the operation that an event answers, and the result.
pub(crate) fn answered(event: Event) -> Option<(OpId, Result<(), Failure>)> {
    match event {
        Event::StartAnswered { id, result } => Some((id.into(), result)),
        Event::LivenessAnswered { id, result } => Some((id.into(), result)),
        Event::RegistrationAnswered { id, result } => Some((id.into(), result)),
        Event::StopAnswered { id, result } => Some((id.into(), result)),
        Event::Live { .. }
        | Event::Suspicion(_)
        | Event::HandlerHealth { .. }
        | Event::ClientLost { .. }
        | Event::Shutdown => None,
    }
}

impl OperationRecords {
    /// Returns the operation that this entry answers, if it names one by the right event.
    pub(crate) fn named_by(&self, entry: &Entry) -> Option<&Operation> {
        let (id, _) = entry.event().and_then(answered)?;
        self.operations.iter().find(|op| op.id == id)
    }

    /// Returns what the records predict for an entry with an answer. Call it before the entry is added.
    pub(crate) fn prediction(&self, entry: &Entry) -> Option<Prediction> {
        let _is_answer = entry.event().and_then(answered)?;
        Some(match self.named_by(entry) {
            None => Prediction::Stale,
            Some(op) if op.answered || op.over || op.deadline <= entry.clock => Prediction::Stale,
            Some(op) if op.soft_deadline > entry.clock && entry.nothing_was_due() => {
                Prediction::Fresh
            }
            Some(_) => Prediction::Either,
        })
    }

    /// Returns the operation of this kind that is certainly in flight at that instant, if there is one.
    pub(crate) fn surely_in_flight(&self, kind: Kind, at: Instant) -> Option<&Operation> {
        self.operations
            .iter()
            .find(|op| op.kind == kind && !op.answered && !op.over && op.soft_deadline > at)
    }

    /// Adds an entry. Calls `begins` for each operation that begins, with the records as they are just before.
    pub(crate) fn add<E>(
        &mut self,
        config: &Config,
        entry: &Entry,
        mut begins: impl FnMut(&Self, Operation) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(event) = entry.event() {
            self.add_answer(entry, event);
            if matches!(event, Event::Live { .. }) {
                self.shorten(entry.clock + config.settings().liveness_timeout);
            }
        }
        for action in &entry.actions {
            if let Some((id, kind, deadline)) = operation(action) {
                let new = Operation {
                    id,
                    kind,
                    sent: entry.clock,
                    deadline,
                    soft_deadline: deadline,
                    answered: false,
                    over: false,
                };
                begins(self, new)?;
                let replaced = |op: &&mut Operation| op.kind == kind || kind == Kind::Stop;
                self.operations
                    .iter_mut()
                    .filter(replaced)
                    .for_each(|op| op.over = true);
                self.operations.push(new);
            }
            if matches!(action, Action::SetStatus(report) if report.status == Status::NotReady) {
                self.shorten(entry.clock + config.settings().not_live_interval);
            }
            if let Some(discarded) = discards(action) {
                // Operations in flight end with their client.
                let is_client = matches!(discarded, OpId::Client(_));
                let gone = |op: &&mut Operation| op.id == discarded || is_client;
                self.operations
                    .iter_mut()
                    .filter(gone)
                    .for_each(|op| op.over = true);
                self.client = self
                    .client
                    .filter(|client| discarded != OpId::from(*client));
            }
        }
        // What was due by then began before the suspicion, so the suspicion shortens it too; evidence is applied first.
        if let Some(Event::Suspicion(_)) = entry.event() {
            self.shorten(entry.clock + config.settings().suspicion_timeout);
        }
        if entry.event() == Some(Event::Shutdown) {
            let ends = |op: &&mut Operation| op.kind != Kind::Stop;
            self.operations
                .iter_mut()
                .filter(ends)
                .for_each(|op| op.over = true);
        }
        Ok(())
    }

    fn add_answer(&mut self, entry: &Entry, event: Event) {
        let Some((id, result)) = answered(event) else {
            return;
        };
        if let Some(op) = self.operations.iter_mut().find(|op| op.id == id) {
            op.answered = true;
            if let (OpId::Client(client), Ok(()), 0) = (id, result, entry.stale) {
                self.client = Some(client);
            }
        }
    }

    fn shorten(&mut self, until: Instant) {
        for op in &mut self.operations {
            if op.kind == Kind::Liveness {
                op.soft_deadline = op.soft_deadline.min(until);
            }
        }
    }
}
