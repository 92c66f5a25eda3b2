//! One step of a supervisor, and everything that is checked at it.

use std::time::Instant;

use livebus_core::{Action, Cause, Event, FailureKind, Phase, Report, Status};

use super::environment::Environment;
use super::service::{Instance, NEVER};
use super::summary::{Situation, action_kind, event_kind};
use super::violation::Violation;
use crate::invariants::{self, CallEffects, Claim, Step};

/// More actions than a correct step has.
const MAX_ACTIONS: usize = 64;

impl Environment {
    /// Makes one call, checks it and executes its actions.
    pub(super) fn step(
        &mut self,
        service: usize,
        at: u64,
        event: Option<Event>,
    ) -> Result<(), Violation> {
        let at = self.instant(at);
        let mut actions = std::mem::take(&mut self.actions);
        let Some(instance) = &mut self.services[service].instance else {
            return Ok(());
        };
        instance.now = instance.now.max(at);
        let now = instance.now;
        let due = instance.supervisor.poll_timeout();
        if due.is_some_and(|due| due < now) {
            self.summary.note(Situation::TimerLate);
            instance.invariants.restart_bounds(now);
        }
        let (before, phase) = (*instance.supervisor.report(), instance.supervisor.phase());
        let stale = instance.supervisor.stale_answers();
        match event {
            Some(event) => instance.supervisor.handle_event(at, event),
            None => instance.supervisor.handle_timeout(at),
        }
        self.summary.events += 1;
        let effects = poll(instance, stale, &mut actions)?;
        let stale = effects.stale;
        self.log.line(
            self.clock,
            service,
            event.as_ref(),
            &actions,
            &instance.supervisor,
            stale,
        );
        let checked = Step {
            now,
            event,
            actions: &actions,
            supervisor: &instance.supervisor,
            effects,
        };
        instance
            .invariants
            .check_step(&checked)
            .map_err(Violation::Claim)?;
        let early = event.is_none() && due.is_none_or(|due| due > now);
        if early && !(actions.is_empty() && instance.supervisor.poll_timeout() == due) {
            return Err(Violation::Claim(Claim::EarlyCallDoesNothing));
        }
        let kind = event_kind(event.as_ref());
        self.summary.pairs[phase as usize][kind] += 1;
        self.digest(kind, &actions);
        self.check_environment(service, before, event, stale)?;
        for action in &actions {
            self.summary.actions[action_kind(action)] += 1;
            self.execute(service, action);
        }
        self.actions = actions;
        Ok(())
    }

    fn digest(&mut self, kind: usize, actions: &[Action]) {
        let mut mix = |number: u64| {
            let mixed = (self.summary.digest ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.summary.digest = mixed.rotate_left(29);
        };
        mix(self.clock);
        mix(kind as u64);
        for action in actions {
            mix(action_kind(action) as u64);
            match action {
                Action::Start { id, .. } | Action::DiscardClient { client: id } => mix(id.number()),
                Action::SendLiveness { id, .. } => mix(id.number()),
                Action::RegisterHandler { id, .. }
                | Action::DiscardRegistration { registration: id } => mix(id.number()),
                Action::Stop { id, .. } => mix(id.number()),
                Action::SetStatus(report) => mix(report.status as u64),
                Action::Renew { .. } => {}
            }
        }
    }

    /// Checks what only the environment can check, because it knows the state of the bus.
    fn check_environment(
        &mut self,
        service: usize,
        before: Report,
        event: Option<Event>,
        stale: u64,
    ) -> Result<(), Violation> {
        let (_, usable) = self.cluster.usable(self.clock);
        let (flight, epoch) = (self.flight, self.epoch);
        let it = &mut self.services[service];
        let (bound, partial_bound) = (it.bound, it.partial_bound);
        let Some(instance) = &mut it.instance else {
            return Ok(());
        };
        let report = instance.supervisor.report();
        let (was, is) = (
            before.status == Status::Running,
            report.status == Status::Running,
        );
        self.summary.statuses[report.status as usize] += 1;
        if let Some(event) = event {
            match event {
                Event::StartAnswered { id, result: Ok(()) } if stale == 0 => {
                    instance.client = Some(id);
                }
                Event::LivenessAnswered { result, .. } if stale == 0 => {
                    instance.round = None;
                    let kind = result.err().map(|failure| failure.class.kind());
                    instance.partial = match kind {
                        None | Some(FailureKind::Rejected) => false,
                        Some(FailureKind::Partial) => true,
                        Some(FailureKind::Definitive | FailureKind::Ambiguous) => instance.partial,
                    };
                    if kind == Some(FailureKind::Definitive) && is {
                        return Err(Violation::NotImmediate);
                    }
                }
                Event::StartAnswered { .. }
                | Event::LivenessAnswered { .. }
                | Event::RegistrationAnswered { .. }
                | Event::HandlerHealth { .. }
                | Event::StopAnswered { .. }
                | Event::Live { .. }
                | Event::Suspicion(_)
                | Event::ClientLost { .. }
                | Event::Shutdown => {}
            }
            if stale > 0 {
                self.summary.note(Situation::AnswerStale);
            } else if was && let Some(situation) = while_running(&event) {
                self.summary.note(situation);
            }
        }
        let bound = if instance.partial {
            partial_bound
        } else {
            bound
        } + flight;
        let nanos = |at: Instant| {
            let since = at.saturating_duration_since(epoch);
            u64::try_from(since.as_nanos()).unwrap_or(NEVER)
        };
        let now = nanos(instance.now);
        if is && now >= usable + bound {
            return Err(Violation::StillRunning);
        }
        if instance.must_run && !is {
            return Err(Violation::LeftRunning);
        }
        if matches!(report.cause, Cause::HandlerFailed(..)) {
            self.summary.note(Situation::HandlerMissing);
        }
        if is {
            if report.warning.is_some() {
                self.summary.note(Situation::Warned);
            }
            if !was {
                self.summary.note(Situation::RunningBegan);
            }
        }
        // The next proof begins without a missing part.
        instance.partial &= instance.supervisor.phase() != Phase::NotLive;
        if was && !is {
            self.summary.note(Situation::RunningEnded);
            if report.cause == Cause::Starved {
                self.summary.note(Situation::Starved);
            } else if !self.cluster.is_usable() && now >= usable {
                // A reader compares the lease with the clock, and does not depend on a process that sleeps.
                let ended = before.lease.map_or(now, |lease| now.min(nanos(lease)));
                self.summary
                    .detection
                    .note(ended.saturating_sub(usable), bound);
            }
        }
        Ok(())
    }

    /// Checks what a reader sees, who compares the lease with the clock.
    pub(super) fn check_reader(&mut self, service: usize) -> Result<(), Violation> {
        let now = self.instant(self.clock);
        let (_, usable) = self.cluster.usable(self.clock);
        let it = &self.services[service];
        let Some(instance) = &it.instance else {
            return Ok(());
        };
        let report = instance.supervisor.report();
        if report.status != Status::Running {
            return Ok(());
        }
        let bound = if instance.partial {
            it.partial_bound
        } else {
            it.bound
        };
        if report.status_at(now) != Status::Running {
            self.summary.note(Situation::LeaseExpired);
        } else if self.clock > usable + bound + self.flight {
            return Err(Violation::StillRunning);
        }
        Ok(())
    }
}

/// Polls all actions of a supervisor; fails if there are too many.
pub(super) fn poll(
    instance: &mut Instance,
    stale: u64,
    actions: &mut Vec<Action>,
) -> Result<CallEffects, Violation> {
    let effects = invariants::poll(&mut instance.supervisor, stale, actions);
    if actions.len() < MAX_ACTIONS {
        Ok(effects)
    } else {
        Err(Violation::TooManyActions)
    }
}

fn while_running(event: &Event) -> Option<Situation> {
    match event {
        Event::LivenessAnswered {
            result: Err(failure),
            ..
        } => match failure.class.kind() {
            FailureKind::Definitive => Some(Situation::DefinitiveWhileRunning),
            FailureKind::Partial => Some(Situation::PartialWhileRunning),
            FailureKind::Rejected => Some(Situation::RejectionWhileRunning),
            FailureKind::Ambiguous => None,
        },
        Event::Suspicion(_) => Some(Situation::SuspicionWhileRunning),
        Event::ClientLost { .. } => Some(Situation::LossWhileRunning),
        Event::Shutdown => Some(Situation::ShutdownWhileRunning),
        Event::StartAnswered { .. }
        | Event::LivenessAnswered { .. }
        | Event::RegistrationAnswered { .. }
        | Event::HandlerHealth { .. }
        | Event::StopAnswered { .. }
        | Event::Live { .. } => None,
    }
}
