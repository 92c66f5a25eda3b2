//! Follows the events: whether each must be accepted, and what it proves.

use std::time::Instant;

use livebus_core::{
    Action, ClientId, Config, Event, Failure, FailureClass, FailureKind, LivenessId, OnSuspicion,
    RegistrationId, RejectionPolicy, Status,
};

use super::bookkeeping::{Bus, InvariantChecker, Slot, Suspicion};
use super::claim::Claim;
use super::{Step, check};

impl InvariantChecker {
    pub(super) fn on_event(
        &mut self,
        config: &Config,
        step: &Step<'_>,
        event: Event,
    ) -> Result<(), Claim> {
        let now = step.now;
        let accepted = match event {
            Event::StartAnswered { id, result } => self.on_start_answered(step, id, result)?,
            Event::LivenessAnswered { id, result } => {
                self.on_liveness_answered(config, step, id, result)?
            }
            Event::RegistrationAnswered { id, result } => {
                self.on_registration_answered(now, id, result)
            }
            Event::StopAnswered { id, .. } => {
                let accepted = self.stop.is_some_and(|it| it.id == id && it.deadline > now);
                self.stop = self.stop.filter(|it| it.id != id);
                accepted
            }
            Event::ClientLost { client, .. } => {
                let accepted = self.client == Some(client) && self.shutdown_at.is_none();
                if accepted {
                    self.step_ends_running = true;
                    self.check_ends_running_first(step)?;
                }
                accepted
            }
            Event::Live { at } => {
                self.on_evidence(config, now, at.min(now));
                true
            }
            Event::Suspicion(_) => {
                self.on_suspicion(config, step)?;
                true
            }
            Event::Shutdown => {
                self.on_shutdown(step)?;
                true
            }
        };
        check(
            step.effects.stale == u64::from(!accepted),
            Claim::StaleDoesNothing,
        )?;
        check(accepted || step.actions.is_empty(), Claim::StaleDoesNothing)
    }

    fn on_start_answered(
        &mut self,
        step: &Step<'_>,
        id: ClientId,
        result: Result<(), Failure>,
    ) -> Result<bool, Claim> {
        if self.start.is_none_or(|it| it.id != id) {
            return Ok(false);
        }
        self.start = None;
        if result.is_err() {
            self.start_waits_since = Some(step.now);
            return Ok(true);
        }
        self.client = Some(id);
        self.bus = Bus::without_proof(step.now);
        let sends = |it: &&Action| matches!(it, Action::SendLiveness { .. });
        let registers = |it: &&Action| matches!(it, Action::RegisterHandler { .. });
        check(
            step.actions.iter().filter(sends).count() == 1
                && step.actions.iter().filter(registers).count() == self.handlers.len(),
            Claim::FirstMessageAtOnce,
        )?;
        Ok(true)
    }

    fn on_liveness_answered(
        &mut self,
        config: &Config,
        step: &Step<'_>,
        id: LivenessId,
        result: Result<(), Failure>,
    ) -> Result<bool, Claim> {
        let Some(message) = self.liveness.filter(|it| it.id == id) else {
            return Ok(false);
        };
        self.liveness = None;
        let failure = match result {
            Ok(()) => {
                self.on_good_answer(config, step.now);
                return Ok(true);
            }
            Err(failure) => failure,
        };
        self.on_interval_failed(config, failure);
        match failure.class.kind() {
            FailureKind::Rejected if config.settings().on_rejection == RejectionPolicy::Live => {
                self.on_good_answer(config, step.now);
            }
            FailureKind::Definitive | FailureKind::Rejected => {
                self.step_ends_running = true;
                self.check_ends_running_first(step)?;
            }
            FailureKind::Partial => self.on_leaders_missing(step.now),
            FailureKind::Ambiguous => self.on_ambiguous_failure(message),
        }
        if failure.class == FailureClass::ClientFatal {
            self.step_ends_running = true;
        }
        Ok(true)
    }

    fn on_registration_answered(
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

    fn on_evidence(&mut self, config: &Config, now: Instant, at: Instant) {
        if self.client.is_none() || self.shutdown_at.is_some() {
            return;
        }
        match self.bus {
            Bus::NotLive { newest, .. } => {
                if at > newest && at + config.detection_bound() > now {
                    self.on_proof(config, now, at);
                }
            }
            Bus::Live { evidence, .. } => {
                if at > evidence {
                    self.on_proof(config, now, at);
                }
            }
        }
    }

    fn on_suspicion(&mut self, config: &Config, step: &Step<'_>) -> Result<(), Claim> {
        let now = step.now;
        let settings = config.settings();
        if let Bus::Live { suspicion, .. } = &mut self.bus
            && self.client.is_some()
            && self.shutdown_at.is_none()
        {
            if settings.on_suspicion == OnSuspicion::NotReady {
                self.step_ends_running = true;
                return self.check_ends_running_first(step);
            }
            *suspicion = Some(Suspicion {
                newest: now,
                ..suspicion.unwrap_or(Suspicion {
                    oldest: now,
                    newest: now,
                    confirmed: false,
                    counted: now,
                })
            });
            if let Some(message) = &mut self.liveness {
                message.unverified_since = now;
                message.until = message.until.min(now + settings.suspicion_timeout);
            }
        }
        Ok(())
    }

    fn on_shutdown(&mut self, step: &Step<'_>) -> Result<(), Claim> {
        if self.shutdown_at.is_some() {
            return check(step.actions.is_empty(), Claim::ShutdownInOrder);
        }
        self.step_ends_running = true;
        self.shutdown_at = Some(step.now);
        let first = step.actions.first();
        let ends = matches!(first, Some(Action::SetStatus(it)) if it.status == Status::NotReady);
        check(ends, Claim::ShutdownInOrder)?;
        // The stop ends every other operation in flight, a start and a liveness message too.
        self.start = None;
        self.start_waits_since = None;
        self.liveness = None;
        for slot in &mut self.handlers {
            if let Slot::Registering { operation, .. } = *slot {
                self.to_discard.push(operation.id.into());
            }
            *slot = Slot::Idle;
        }
        Ok(())
    }

    /// The bus was proved to work at `at`, and the supervisor received that at `now`.
    fn on_proof(&mut self, config: &Config, now: Instant, at: Instant) {
        let settings = config.settings();
        self.last_attempt = now;
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
                        failures: None,
                        suspicion: None,
                        partial: None,
                    };
                    self.starts_without_proof = 0;
                    if let Some(message) = &mut self.liveness {
                        message.until = message.until.min(now + settings.liveness_timeout);
                    }
                }
            }
            Bus::Live {
                evidence,
                failures,
                suspicion,
                partial,
            } => {
                *evidence = at;
                *failures = failures.filter(|it| at <= it.since);
                // Evidence that refutes only older suspicions leaves the newest: the bound counts from there.
                *suspicion = suspicion.filter(|it| at <= it.newest).map(|it| Suspicion {
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

    fn on_leaders_missing(&mut self, now: Instant) {
        if let Bus::Live {
            evidence,
            failures,
            suspicion,
            partial,
        } = &mut self.bus
        {
            *partial = Some(partial.unwrap_or(now).max(*evidence));
            (*failures, *suspicion) = (None, None);
        }
    }

    /// A liveness message was answered well: that refutes every failure and suspicion.
    fn on_good_answer(&mut self, config: &Config, now: Instant) {
        self.on_proof(config, now, now);
        if let Bus::Live {
            failures,
            suspicion,
            partial,
            ..
        } = &mut self.bus
        {
            (*failures, *suspicion, *partial) = (None, None, None);
        }
    }

    /// Checks that the report that ends Running is the first action.
    fn check_ends_running_first(&self, step: &Step<'_>) -> Result<(), Claim> {
        let ends = matches!(step.actions.first(), Some(Action::SetStatus(it)) if it.status != Status::Running);
        check(
            self.report.status != Status::Running || ends,
            Claim::DefinitiveFirst,
        )
    }
}
