//! Walks the table: from an event or a deadline to a cue, and from a cue to its row.

use std::time::Instant;

use livebus_core::{
    Cause, Event, Failure, FailureClass, Phase, RegistrationId, RejectionPolicy, Status,
};

use super::boundary::Reference;
use super::failures::{Proves, proves};
use super::record::{Record, Timer};
use super::rows::TABLE;
use super::table::Cue;
use super::time::Ns;

/// What a cue brings along.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub(super) failure: Failure,
    pub(super) at: Ns,
    pub(super) handler: usize,
    /// The registration that was in flight.
    pub(super) registration: Option<RegistrationId>,
}

const NOTHING: Told = Told {
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

    /// Lets time pass: whatever is due fires, one after the other.
    pub(super) fn pass(&mut self, now: Ns) {
        self.record.now = self.record.now.max(now);
        while let Some((cue, handler)) = self.record.due() {
            self.cue(cue, Told { handler, ..NOTHING });
        }
    }

    pub(super) fn take(&mut self, now: Ns, event: Event) {
        if let Event::Live { at } = event {
            self.take_evidence(now, at);
        } else {
            self.pass(now);
            match self.record.sort(event) {
                Some((cue, told)) => self.cue(cue, told),
                None => self.record.stale += 1,
            }
        }
        self.pass(now);
    }

    /// Before anything fires. Rule 3.
    fn take_evidence(&mut self, now: Ns, at: Instant) {
        let record = &mut self.record;
        record.now = record.now.max(now);
        let at = record.epoch.ns(at).min(record.now);
        if at > record.floor && record.evidence.is_none_or(|known| at > known) {
            self.cue(Cue::Evidence, Told { at, ..NOTHING });
        }
    }

    fn cue(&mut self, cue: Cue, mut told: Told) {
        let record = &mut self.record;
        let row = TABLE.iter().position(|row| {
            row.cue == cue
                && row.phases.contains(&record.phase)
                && row.when.iter().all(|guard| record.holds(*guard, &told))
        });
        if let Some(i) = row {
            self.used[i] += 1;
            for effect in TABLE[i].then {
                record.apply(*effect, &mut told);
            }
        }
    }
}

impl Record {
    /// The first of what is due.
    fn due(&self) -> Option<(Cue, usize)> {
        let is_due = |at: Option<Ns>| at.is_some_and(|at| at <= self.now);
        let handler = self.handlers.iter().position(|it| is_due(it.timer));
        if let Some(i) = handler {
            return Some(match self.handlers[i].operation {
                Some(_) => (Cue::RegistrationOverdue, i),
                None => (Cue::RegistrationDue, i),
            });
        }
        let timer = Timer::ALL
            .into_iter()
            .find(|timer| is_due(self.armed(*timer)))?;
        Some((Cue::Due(timer), 0))
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<Ns> {
        let handlers = self.handlers.iter().filter_map(|it| it.timer);
        handlers.chain(self.timers.into_iter().flatten()).min()
    }

    /// What an event means; nothing if it is stale.
    fn sort(&self, event: Event) -> Option<(Cue, Told)> {
        let with = |failure| Told { failure, ..NOTHING };
        match event {
            Event::StartAnswered { id, result } => {
                if self.phase != Phase::Starting || self.client != Some(id) {
                    return None;
                }
                Some(match result {
                    Ok(()) => (Cue::StartSucceeded, NOTHING),
                    Err(failure) => (Cue::StartFailed, with(failure)),
                })
            }
            Event::LivenessAnswered { id, result } => {
                if self.question != Some(id) {
                    return None;
                }
                Some(match result {
                    Ok(()) => (Cue::Proof, NOTHING),
                    Err(failure) => (self.sort_failure(failure), with(failure)),
                })
            }
            Event::RegistrationAnswered { id, result } => {
                let is_it = |operation| operation == Some(id);
                let handler = self.handlers.iter().position(|it| is_it(it.operation))?;
                Some(match result {
                    Ok(()) => (Cue::Registered, Told { handler, ..NOTHING }),
                    Err(failure) => (
                        Cue::RegistrationFailed,
                        Told {
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
                    Ok(()) => (Cue::StopSucceeded, NOTHING),
                    Err(failure) => (Cue::StopFailed, with(failure)),
                })
            }
            Event::Live { .. } => None,
            Event::Suspicion(failure) => Some((Cue::Hint, with(failure))),
            Event::ClientLost { client, failure } => {
                let started = matches!(
                    self.phase,
                    Phase::NotLive
                        | Phase::Idle
                        | Phase::Suspected
                        | Phase::InFlight
                        | Phase::RetryPending
                );
                (started && self.client == Some(client)).then(|| (Cue::LostClient, with(failure)))
            }
            Event::Shutdown => Some((Cue::Shutdown, NOTHING)),
        }
    }

    fn sort_failure(&self, failure: Failure) -> Cue {
        match (proves(failure), self.settings.on_rejection) {
            (Proves::Loss, _) => Cue::LostClient,
            (Proves::Definitive, _) | (Proves::Refusal, RejectionPolicy::NotLive) => {
                Cue::Definitive
            }
            (Proves::Ambiguous, _) => Cue::Ambiguous,
            (Proves::Partial, _) => Cue::Partial,
            (Proves::Refusal, RejectionPolicy::Live) => Cue::Refusal,
        }
    }
}
