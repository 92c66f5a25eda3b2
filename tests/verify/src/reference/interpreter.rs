//! Interprets the table: turns an event or a deadline into a stimulus, and finds the row of a stimulus.

use std::time::Instant;

use livebus_core::{
    Cause, Event, Failure, FailureClass, Phase, RegistrationId, RejectionPolicy, Status,
};

use super::boundary::Reference;
use super::failures::{Proves, proves};
use super::record::{Record, Timer};
use super::rows::TABLE;
use super::table::Stimulus;
use super::time::Ns;

/// The data of a stimulus.
#[derive(Debug, Clone, Copy)]
pub(super) struct Payload {
    pub(super) failure: Failure,
    pub(super) at: Ns,
    pub(super) handler: usize,
    /// The registration that was in flight.
    pub(super) registration: Option<RegistrationId>,
}

const NOTHING: Payload = Payload {
    failure: Failure::new(FailureClass::Other),
    at: 0,
    handler: 0,
    registration: None,
};

impl Reference {
    pub(super) fn begin(&mut self) {
        let it = &mut self.record;
        it.set(Status::Preparing, Cause::Configured, None);
        it.set(Status::Prepared, Cause::Starting, None);
        it.send_start();
    }

    /// Advances the time: everything that is due fires, one after another.
    pub(super) fn advance_to(&mut self, now: Ns) {
        self.record.now = self.record.now.max(now);
        while let Some((stimulus, handler)) = self.record.due() {
            self.fire(stimulus, Payload { handler, ..NOTHING });
        }
    }

    pub(super) fn handle(&mut self, now: Ns, event: Event) {
        if let Event::Live { at } = event {
            self.handle_evidence(now, at);
        } else {
            self.advance_to(now);
            match self.record.classify(event) {
                Some((stimulus, payload)) => self.fire(stimulus, payload),
                None => self.record.stale += 1,
            }
        }
        self.advance_to(now);
    }

    /// Handles evidence, before anything fires. Rule 3.
    fn handle_evidence(&mut self, now: Ns, at: Instant) {
        let record = &mut self.record;
        record.now = record.now.max(now);
        let at = record.epoch.ns(at).min(record.now);
        if at > record.floor && record.evidence.is_none_or(|newest| at > newest) {
            self.fire(Stimulus::Evidence, Payload { at, ..NOTHING });
        }
    }

    /// Applies the row for this stimulus, if there is one.
    fn fire(&mut self, stimulus: Stimulus, mut payload: Payload) {
        let record = &mut self.record;
        let row = TABLE.iter().position(|row| {
            row.stimulus == stimulus
                && row.phases.contains(&record.phase)
                && row.when.iter().all(|guard| record.holds(*guard, &payload))
        });
        if let Some(i) = row {
            self.used[i] += 1;
            for effect in TABLE[i].then {
                record.apply(*effect, &mut payload);
            }
        }
    }
}

impl Record {
    /// Returns what is due first.
    fn due(&self) -> Option<(Stimulus, usize)> {
        let is_due = |at: Option<Ns>| at.is_some_and(|at| at <= self.now);
        let handler = self.handlers.iter().position(|it| is_due(it.timer));
        if let Some(i) = handler {
            return Some(match self.handlers[i].operation {
                Some(_) => (Stimulus::RegistrationTimedOut, i),
                None => (Stimulus::RegistrationDue, i),
            });
        }
        let timer = Timer::ALL
            .into_iter()
            .find(|timer| is_due(self.armed(*timer)))?;
        Some((Stimulus::Due(timer), 0))
    }

    /// Returns when something is due next.
    pub(super) fn next_due(&self) -> Option<Ns> {
        let handlers = self.handlers.iter().filter_map(|it| it.timer);
        handlers.chain(self.timers.into_iter().flatten()).min()
    }

    /// Returns the stimulus of an event, or `None` for a stale answer.
    fn classify(&self, event: Event) -> Option<(Stimulus, Payload)> {
        let with = |failure| Payload { failure, ..NOTHING };
        match event {
            Event::StartAnswered { id, result } => {
                if self.phase != Phase::Starting || self.client != Some(id) {
                    return None;
                }
                Some(match result {
                    Ok(()) => (Stimulus::StartSucceeded, NOTHING),
                    Err(failure) => (Stimulus::StartFailed, with(failure)),
                })
            }
            Event::LivenessAnswered { id, result } => {
                if self.check != Some(id) {
                    return None;
                }
                Some(match result {
                    Ok(()) => (Stimulus::Proof, NOTHING),
                    Err(failure) => (self.classify_failure(failure), with(failure)),
                })
            }
            Event::RegistrationAnswered { id, result } => {
                let is_it = |operation| operation == Some(id);
                let handler = self.handlers.iter().position(|it| is_it(it.operation))?;
                Some(match result {
                    Ok(()) => (Stimulus::Registered, Payload { handler, ..NOTHING }),
                    Err(failure) => (
                        Stimulus::RegistrationFailed,
                        Payload {
                            handler,
                            ..with(failure)
                        },
                    ),
                })
            }
            Event::HandlerHealth { id, result } => {
                let is_it = |registration| registration == Some(id);
                let handler = self.handlers.iter().position(|it| is_it(it.registered))?;
                Some(match result {
                    Ok(()) => (Stimulus::HandlerWorks, Payload { handler, ..NOTHING }),
                    Err(failure) => (
                        Stimulus::HandlerFails,
                        Payload {
                            handler,
                            ..with(failure)
                        },
                    ),
                })
            }
            Event::StopAnswered { id, result } => {
                if self.phase != Phase::Stopping || self.stop != Some(id) {
                    return None;
                }
                Some(match result {
                    Ok(()) => (Stimulus::StopSucceeded, NOTHING),
                    Err(failure) => (Stimulus::StopFailed, with(failure)),
                })
            }
            Event::Live { .. } => None,
            Event::Suspicion(failure) => Some(match proves(failure) {
                Proves::Partial => (Stimulus::PartialSuspicion, with(failure)),
                Proves::Loss | Proves::Definitive | Proves::Ambiguous | Proves::Refusal => {
                    (Stimulus::Suspicion, with(failure))
                }
            }),
            Event::ClientLost { client, failure } => {
                let started = matches!(
                    self.phase,
                    Phase::NotLive
                        | Phase::Idle
                        | Phase::Suspected
                        | Phase::InFlight
                        | Phase::RetryPending
                );
                (started && self.client == Some(client))
                    .then(|| (Stimulus::ClientLost, with(failure)))
            }
            Event::Shutdown => Some((Stimulus::Shutdown, NOTHING)),
        }
    }

    fn classify_failure(&self, failure: Failure) -> Stimulus {
        match (proves(failure), self.settings.on_rejection) {
            (Proves::Loss, _) => Stimulus::ClientLost,
            (Proves::Definitive, _) | (Proves::Refusal, RejectionPolicy::NotLive) => {
                Stimulus::Definitive
            }
            (Proves::Ambiguous, _) => Stimulus::Ambiguous,
            (Proves::Partial, _) => Stimulus::Partial,
            (Proves::Refusal, RejectionPolicy::Live) => Stimulus::Refusal,
        }
    }
}
