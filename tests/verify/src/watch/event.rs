//! What is told: whether it must be taken, and what it proves.

use std::time::Instant;

use livebus_core::{
    Action, ClientId, Config, Event, Failure, FailureClass, FailureKind, LivenessId, OnSuspicion,
    RegistrationId, RejectionPolicy, Status,
};

use super::books::{Bus, Doubt, Slot, Watch};
use super::claim::Claim;
use super::{Seen, hold};

impl Watch {
    pub(super) fn hear(
        &mut self,
        config: &Config,
        seen: &Seen<'_>,
        event: Event,
    ) -> Result<(), Claim> {
        let now = seen.now;
        let taken = match event {
            Event::StartAnswered { id, result } => self.start_answered(seen, id, result)?,
            Event::LivenessAnswered { id, result } => {
                self.liveness_answered(config, seen, id, result)?
            }
            Event::RegistrationAnswered { id, result } => {
                self.registration_answered(now, id, result)
            }
            Event::StopAnswered { id, .. } => {
                let taken = self.stop.is_some_and(|it| it.id == id && it.deadline > now);
                self.stop = self.stop.filter(|it| it.id != id);
                taken
            }
            Event::ClientLost { client, .. } => {
                let taken = self.client == Some(client) && self.ending.is_none();
                if taken {
                    self.reason = true;
                    self.ends_first(seen)?;
                }
                taken
            }
            Event::Live { at } => {
                self.traffic(config, now, at.min(now));
                true
            }
            Event::Suspicion(_) => {
                self.bad_news(config, seen)?;
                true
            }
            Event::Shutdown => {
                self.shutdown(seen)?;
                true
            }
        };
        hold(
            seen.call.stale == u64::from(!taken),
            Claim::StaleDoesNothing,
        )?;
        hold(taken || seen.actions.is_empty(), Claim::StaleDoesNothing)
    }

    fn start_answered(
        &mut self,
        seen: &Seen<'_>,
        id: ClientId,
        result: Result<(), Failure>,
    ) -> Result<bool, Claim> {
        if self.start.is_none_or(|it| it.id != id) {
            return Ok(false);
        }
        self.start = None;
        if result.is_err() {
            self.waiting = Some(seen.now);
            return Ok(true);
        }
        self.client = Some(id);
        self.bus = Bus::unproved(seen.now);
        let sends = |it: &&Action| matches!(it, Action::SendLiveness { .. });
        let registers = |it: &&Action| matches!(it, Action::RegisterHandler { .. });
        hold(
            seen.actions.iter().filter(sends).count() == 1
                && seen.actions.iter().filter(registers).count() == self.handlers.len(),
            Claim::FirstMessageAtOnce,
        )?;
        Ok(true)
    }

    fn liveness_answered(
        &mut self,
        config: &Config,
        seen: &Seen<'_>,
        id: LivenessId,
        result: Result<(), Failure>,
    ) -> Result<bool, Claim> {
        let Some(question) = self.question.filter(|it| it.id == id) else {
            return Ok(false);
        };
        self.question = None;
        let failure = match result {
            Ok(()) => {
                self.answered_well(config, seen.now);
                return Ok(true);
            }
            Err(failure) => failure,
        };
        self.interval_failed(config, failure);
        match failure.class.kind() {
            FailureKind::Rejected if config.settings().on_rejection == RejectionPolicy::Live => {
                self.answered_well(config, seen.now);
            }
            FailureKind::Definitive | FailureKind::Rejected => {
                self.reason = true;
                self.ends_first(seen)?;
            }
            FailureKind::Partial => self.leaders_missing(seen.now),
            FailureKind::Ambiguous => self.failed(question),
        }
        if failure.class == FailureClass::ClientFatal {
            self.reason = true;
        }
        Ok(true)
    }

    fn registration_answered(
        &mut self,
        now: Instant,
        id: RegistrationId,
        result: Result<(), Failure>,
    ) -> bool {
        for slot in &mut self.handlers {
            if let Slot::Registering {
                operation,
                failures,
            } = *slot
                && operation.id == id
            {
                *slot = match result {
                    Ok(()) => Slot::Registered,
                    Err(_) => Slot::Waiting {
                        since: now,
                        failures: failures.saturating_add(1),
                    },
                };
                return true;
            }
        }
        false
    }

    fn traffic(&mut self, config: &Config, now: Instant, at: Instant) {
        if self.client.is_none() || self.ending.is_some() {
            return;
        }
        match self.bus {
            Bus::NotLive { newest, .. } => {
                if at > newest && at + config.detection_bound() > now {
                    self.proof(config, now, at);
                }
            }
            Bus::Live { evidence, .. } => {
                if at > evidence {
                    self.proof(config, now, at);
                }
            }
        }
    }

    fn bad_news(&mut self, config: &Config, seen: &Seen<'_>) -> Result<(), Claim> {
        let now = seen.now;
        let settings = config.settings();
        if let Bus::Live { doubted, .. } = &mut self.bus
            && self.client.is_some()
            && self.ending.is_none()
        {
            if settings.on_suspicion == OnSuspicion::NotReady {
                self.reason = true;
                return self.ends_first(seen);
            }
            *doubted = Some(Doubt {
                newest: now,
                ..doubted.unwrap_or(Doubt {
                    oldest: now,
                    newest: now,
                    confirmed: false,
                    counted: now,
                })
            });
            if let Some(question) = &mut self.question {
                question.asked = now;
                question.until = question.until.min(now + settings.suspicion_timeout);
            }
        }
        Ok(())
    }

    fn shutdown(&mut self, seen: &Seen<'_>) -> Result<(), Claim> {
        if self.ending.is_some() {
            return hold(seen.actions.is_empty(), Claim::EndInOrder);
        }
        self.reason = true;
        self.ending = Some(seen.now);
        let first = seen.actions.first();
        let ends = matches!(first, Some(Action::SetStatus(it)) if it.status == Status::NotReady);
        hold(ends, Claim::EndInOrder)?;
        // The stop ends whatever else is under way, a start and a liveness message too.
        self.start = None;
        self.waiting = None;
        self.question = None;
        for slot in &mut self.handlers {
            if let Slot::Registering { operation, .. } = *slot {
                self.left_behind.push(operation.id.into());
            }
            *slot = Slot::Idle;
        }
        Ok(())
    }

    /// The bus was proved to work, at `at`, which is told at `now`.
    fn proof(&mut self, config: &Config, now: Instant, at: Instant) {
        let settings = config.settings();
        self.tried = now;
        match &mut self.bus {
            Bus::NotLive {
                newest,
                proofs,
                proved,
            } => {
                *proofs += u32::from(!*proved);
                *proved = true;
                *newest = at;
                if *proofs >= settings.successes_to_ready {
                    self.bus = Bus::Live {
                        evidence: at,
                        failed: None,
                        doubted: None,
                        partial: None,
                    };
                    self.unproved = 0;
                    if let Some(question) = &mut self.question {
                        question.until = question.until.min(now + settings.liveness_timeout);
                    }
                }
            }
            Bus::Live {
                evidence,
                failed,
                doubted,
                partial,
            } => {
                *evidence = at;
                *failed = failed.filter(|row| at <= row.since);
                // What refutes older news alone leaves the newest: the bound counts from there.
                *doubted = doubted.filter(|it| at <= it.newest).map(|it| Doubt {
                    counted: if at > it.oldest {
                        it.counted.max(it.newest)
                    } else {
                        it.counted
                    },
                    ..it
                });
                *partial = partial.map(|since| since.max(at));
            }
        }
    }

    fn leaders_missing(&mut self, now: Instant) {
        if let Bus::Live {
            evidence,
            failed,
            doubted,
            partial,
        } = &mut self.bus
        {
            *partial = Some(partial.unwrap_or(now).max(*evidence));
            (*failed, *doubted) = (None, None);
        }
    }

    /// A liveness message was answered well: that settles whatever was wrong.
    fn answered_well(&mut self, config: &Config, now: Instant) {
        self.proof(config, now, now);
        if let Bus::Live {
            failed,
            doubted,
            partial,
            ..
        } = &mut self.bus
        {
            (*failed, *doubted, *partial) = (None, None, None);
        }
    }

    /// What ends Running is told first of all.
    fn ends_first(&self, seen: &Seen<'_>) -> Result<(), Claim> {
        let ends = matches!(seen.actions.first(), Some(Action::SetStatus(it)) if it.status != Status::Running);
        hold(
            self.report.status != Status::Running || ends,
            Claim::DefinitiveFirst,
        )
    }
}
