//! One step of a supervisor, and all that is checked at it.

use std::time::Instant;

use livebus_core::{Action, Cause, Event, FailureKind, Phase, Report, Status};

use super::broken::Broken;
use super::service::{Life, NEVER};
use super::summary::{Situation, action_kind, event_kind};
use super::world::World;
use crate::watch::{self, Call, Claim, Seen};

/// More actions than any step has.
const MOST_ACTIONS: usize = 64;

impl World {
    /// One call, and all that it leads to.
    pub(super) fn step(
        &mut self,
        service: usize,
        at: u64,
        event: Option<Event>,
    ) -> Result<(), Broken> {
        let at = self.instant(at);
        let mut actions = std::mem::take(&mut self.actions);
        let Some(life) = &mut self.services[service].life else {
            return Ok(());
        };
        life.told = life.told.max(at);
        let now = life.told;
        let due = life.supervisor.poll_timeout();
        if due.is_some_and(|due| due < now) {
            self.summary.note(Situation::TimerLate);
            life.watch.overslept(now);
        }
        let (before, phase) = (*life.supervisor.report(), life.supervisor.phase());
        let stale = life.supervisor.stale_answers();
        match event {
            Some(event) => life.supervisor.handle_event(at, event),
            None => life.supervisor.handle_timeout(at),
        }
        self.summary.events += 1;
        let call = poll(life, stale, &mut actions)?;
        let stale = call.stale;
        self.log.line(
            self.clock,
            service,
            event.as_ref(),
            &actions,
            &life.supervisor,
            stale,
        );
        let seen = Seen {
            now,
            event,
            actions: &actions,
            supervisor: &life.supervisor,
            call,
        };
        life.watch.see(&seen).map_err(Broken::Claim)?;
        let early = event.is_none() && due.is_none_or(|due| due > now);
        if early && !(actions.is_empty() && life.supervisor.poll_timeout() == due) {
            return Err(Broken::Claim(Claim::TimeStandsStill));
        }
        let kind = event_kind(event.as_ref());
        self.summary.pairs[phase as usize][kind] += 1;
        self.digest(kind, &actions);
        self.judge(service, before, event, stale)?;
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

    /// What the world knows better than any supervisor.
    fn judge(
        &mut self,
        service: usize,
        before: Report,
        event: Option<Event>,
        stale: u64,
    ) -> Result<(), Broken> {
        let (_, usable) = self.cluster.usable(self.clock);
        let (flight, epoch) = (self.flight, self.epoch);
        let it = &mut self.services[service];
        let (bound, partial_bound) = (it.bound, it.partial_bound);
        let Some(life) = &mut it.life else {
            return Ok(());
        };
        let report = life.supervisor.report();
        let (was, is) = (
            before.status == Status::Running,
            report.status == Status::Running,
        );
        self.summary.statuses[report.status as usize] += 1;
        if let Some(event) = event {
            match event {
                Event::StartAnswered { id, result: Ok(()) } if stale == 0 => {
                    life.client = Some(id);
                }
                Event::LivenessAnswered { result, .. } if stale == 0 => {
                    life.round = None;
                    let kind = result.err().map(|failure| failure.class.kind());
                    life.leaderless = match kind {
                        None | Some(FailureKind::Rejected) => false,
                        Some(FailureKind::Partial) => true,
                        Some(FailureKind::Definitive | FailureKind::Ambiguous) => life.leaderless,
                    };
                    if kind == Some(FailureKind::Definitive) && is {
                        return Err(Broken::NotAtOnce);
                    }
                }
                Event::StartAnswered { .. }
                | Event::LivenessAnswered { .. }
                | Event::RegistrationAnswered { .. }
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
        let bound = if life.leaderless {
            partial_bound
        } else {
            bound
        } + flight;
        let nanos = |at: Instant| {
            let since = at.saturating_duration_since(epoch);
            u64::try_from(since.as_nanos()).unwrap_or(NEVER)
        };
        let told = nanos(life.told);
        if is && told >= usable + bound {
            return Err(Broken::StillRunning);
        }
        if life.must_run && !is {
            return Err(Broken::LeftRunning);
        }
        if matches!(report.cause, Cause::HandlerFailed(..)) {
            self.summary.note(Situation::HandlerMissing);
        }
        if is {
            if report.warning.is_some() {
                self.summary.note(Situation::Warned);
            }
            if !was {
                self.summary.note(Situation::RunningWon);
            }
        }
        // What is proved after that begins with a clear sheet.
        life.leaderless &= life.supervisor.phase() != Phase::NotLive;
        if was && !is {
            self.summary.note(Situation::RunningLost);
            if report.cause == Cause::Starved {
                self.summary.note(Situation::Starved);
            } else if !self.cluster.is_usable() && told >= usable {
                // Whoever reads it compares the lease with the clock, and need not wait for a process that sleeps.
                let ended = before.lease.map_or(told, |lease| told.min(nanos(lease)));
                self.summary
                    .detection
                    .note(ended.saturating_sub(usable), bound);
            }
        }
        Ok(())
    }

    /// Whoever asks whether it is ready compares the lease with the clock, and waits for nobody.
    pub(super) fn read(&mut self, service: usize) -> Result<(), Broken> {
        let now = self.instant(self.clock);
        let (_, usable) = self.cluster.usable(self.clock);
        let it = &self.services[service];
        let Some(life) = &it.life else {
            return Ok(());
        };
        let report = life.supervisor.report();
        if report.status != Status::Running {
            return Ok(());
        }
        let bound = if life.leaderless {
            it.partial_bound
        } else {
            it.bound
        };
        if report.status_at(now) != Status::Running {
            self.summary.note(Situation::LeaseSeenOut);
        } else if self.clock > usable + bound + self.flight {
            return Err(Broken::StillRunning);
        }
        Ok(())
    }
}

/// All that it wants, if that ends.
pub(super) fn poll(life: &mut Life, stale: u64, actions: &mut Vec<Action>) -> Result<Call, Broken> {
    let call = watch::poll(&mut life.supervisor, stale, actions);
    if actions.len() < MOST_ACTIONS {
        Ok(call)
    } else {
        Err(Broken::TooManyActions)
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
            FailureKind::Rejected => Some(Situation::AnswerWhileRunning),
            FailureKind::Ambiguous => None,
        },
        Event::Suspicion(_) => Some(Situation::SuspicionWhileRunning),
        Event::ClientLost { .. } => Some(Situation::LossWhileRunning),
        Event::Shutdown => Some(Situation::ShutdownWhileRunning),
        Event::StartAnswered { .. }
        | Event::LivenessAnswered { .. }
        | Event::RegistrationAnswered { .. }
        | Event::StopAnswered { .. }
        | Event::Live { .. } => None,
    }
}
