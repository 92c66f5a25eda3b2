//! Follows the events: whether each must be accepted, and what it proves.

use std::time::Instant;

use livebus_core::{
    Action, Cause, ClientId, Config, Event, Failure, FailureClass, FailureKind, LivenessId,
    OnSuspicion, RegistrationId, RejectionPolicy, Status,
};

use super::action::suspicion_timeout;
use super::bookkeeping::{Bus, InvariantChecker, Partial, Slot, Suspicion};
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
            Event::StartAnswered { id, result } => {
                self.on_start_answered(config, step, id, result)?
            }
            Event::LivenessAnswered { id, result } => {
                self.on_liveness_answered(config, step, id, result)?
            }
            Event::RegistrationAnswered { id, result } => {
                self.on_registration_answered(now, id, result)
            }
            Event::HandlerHealth { id, result } => {
                self.on_handler_health(config, step, id, result)?
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
            Event::Suspicion(failure) => {
                self.on_suspicion(config, step, failure.class)?;
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
        config: &Config,
        step: &Step<'_>,
        id: ClientId,
        result: Result<(), Failure>,
    ) -> Result<bool, Claim> {
        if self.start.is_none_or(|it| it.id != id) {
            return Ok(false);
        }
        self.start = None;
        if let Err(failure) = result {
            self.start_waits_since = Some(step.now);
            self.see_start_fail(config, step.now, failure.class);
            return Ok(true);
        }
        if matches!(
            self.report.cause,
            Cause::StartFailed(_) | Cause::ClientLost(_)
        ) {
            self.diagnosis = None;
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
        self.on_interval_failed(config, step.now, failure);
        match failure.class.kind() {
            FailureKind::Rejected if config.settings().on_rejection == RejectionPolicy::Live => {
                self.on_good_answer(config, step.now);
            }
            FailureKind::Definitive | FailureKind::Rejected => {
                self.see(config, step.now, failure.class);
                self.step_ends_running = true;
                self.check_ends_running_first(step)?;
            }
            FailureKind::Partial => self.on_part_missing(config, step.now, failure.class),
            FailureKind::Ambiguous => {
                self.on_ambiguous_failure(config, step.now, message, failure.class);
            }
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
                    Ok(()) => Slot::Registered { id, fails: false },
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

    fn on_handler_health(
        &mut self,
        config: &Config,
        step: &Step<'_>,
        by: RegistrationId,
        result: Result<(), Failure>,
    ) -> Result<bool, Claim> {
        for (slot, handler) in self.handlers.iter_mut().zip(config.handlers()) {
            if let Slot::Registered { id, fails } = slot
                && *id == by
            {
                *fails = result.is_err();
                if handler.required && result.is_err() && self.report.status == Status::Running {
                    self.step_ends_running = true;
                    self.check_ends_running_first(step)?;
                }
                return Ok(true);
            }
        }
        Ok(false)
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

    fn on_suspicion(
        &mut self,
        config: &Config,
        step: &Step<'_>,
        class: FailureClass,
    ) -> Result<(), Claim> {
        let now = step.now;
        let settings = config.settings();
        if self.client.is_none() || self.shutdown_at.is_some() {
            return Ok(());
        }
        self.see(config, now, class);
        let is_idle = self.is_idle();
        if let Bus::Live {
            suspicion,
            partial,
            brought_forward,
            ..
        } = &mut self.bus
        {
            if settings.on_suspicion == OnSuspicion::NotReady {
                self.step_ends_running = true;
                return self.check_ends_running_first(step);
            }
            if class.kind() == FailureKind::Partial {
                *brought_forward = brought_forward.or(is_idle.then_some(now));
                return Ok(());
            }
            *brought_forward = None;
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
                message.until = message
                    .until
                    .min(now + suspicion_timeout(config, partial.is_some()));
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
        if self.unverified_since().is_none_or(|since| at > since) {
            self.diagnosis = None;
        }
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
                        brought_forward: None,
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
                brought_forward,
            } => {
                *evidence = at;
                *brought_forward = brought_forward.filter(|since| at <= *since);
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
                *partial = partial.map(|it| Partial {
                    since: it.since.max(at),
                    ..it
                });
            }
        }
    }

    /// Returns whether no liveness message is in flight, and none is due but for silence or a warning.
    fn is_idle(&self) -> bool {
        self.liveness.is_none() && self.unverified_since().is_none()
    }

    /// Returns the instant after which evidence refutes what a liveness message is sent for, or is to be sent for; `None` while idle or not
    /// live.
    fn unverified_since(&self) -> Option<Instant> {
        match (self.bus, self.liveness) {
            (Bus::NotLive { .. }, _) => None,
            (Bus::Live { .. }, Some(message)) => Some(message.unverified_since),
            (
                Bus::Live {
                    failures,
                    suspicion,
                    brought_forward,
                    ..
                },
                None,
            ) => suspicion
                .map(|it| it.newest)
                .or(failures.map(|it| it.since))
                .or(brought_forward),
        }
    }

    fn on_part_missing(&mut self, config: &Config, now: Instant, class: FailureClass) {
        if let Bus::Live {
            evidence,
            failures,
            suspicion,
            partial,
            ..
        } = &mut self.bus
        {
            let since = partial.map_or(now, |it| it.since).max(*evidence);
            *partial = Some(Partial { class, since });
            (*failures, *suspicion) = (None, None);
            if !config.settings().partial_tolerance.is_zero() {
                self.diagnosis = None;
            }
            self.see(config, now, class);
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
            self.diagnosis = None;
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
