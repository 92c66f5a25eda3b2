//! The runner's loop, and all that is checked at each of its steps.

use std::time::Instant;

use livebus_core::{
    Action, Cause, Event, Failure, FailureClass, FailureKind, OpId, Phase, Report, Status,
};

use super::broken::Broken;
use super::service::{Life, NEVER};
use super::summary::{Situation, action_kind, event_kind};
use super::world::{What, World};
use crate::watch::{self, Call, Claim, Seen};

/// More actions than any step has.
const MOST_ACTIONS: usize = 64;

impl World {
    pub(super) fn begin(&mut self, service: usize) -> Result<(), Broken> {
        let now = self.instant(self.clock);
        let number = self.services[service].begin(now, self.clock);
        self.summary.note(Situation::Lives);
        let Some(life) = &mut self.services[service].life else {
            return Ok(());
        };
        let mut actions = std::mem::take(&mut self.actions);
        let call = poll(life, 0, &mut actions)?;
        let seen = Seen {
            now,
            event: None,
            actions: &actions,
            supervisor: &life.supervisor,
            call,
        };
        life.watch.see(&seen).map_err(Broken::Claim)?;
        self.log
            .line(self.clock, service, None, &actions, &life.supervisor, 0);
        for action in &actions {
            self.summary.actions[action_kind(action)] += 1;
            self.execute(service, action);
        }
        self.actions = actions;
        if self.rates.life > 0 && !self.healed {
            let delay = self.random.around(self.rates.life);
            let what = What::Told {
                service,
                life: number,
                event: Event::Shutdown,
            };
            self.after(delay, what);
            // Who waits for an end asks for it again.
            let again = self.random.around(self.timeout * 2);
            self.after(delay + again, what);
        }
        self.rest(service);
        Ok(())
    }

    /// Something comes to a supervisor's inbox.
    pub(super) fn tell(&mut self, service: usize, number: u32, event: Event) -> Result<(), Broken> {
        let it = &mut self.services[service];
        let Some(life) = it.life.as_mut().filter(|_| it.lives == number) else {
            return Ok(());
        };
        life.inbox.push((self.clock, event));
        if life.asleep > 0 {
            return Ok(());
        }
        self.wake(service)
    }

    /// The client library has a hint. Of several that nobody has read yet the most telling is kept.
    pub(super) fn hint(&mut self, service: usize, more: u64) -> Result<(), Broken> {
        if more > 0 {
            let delay = self.random.between(1, self.rates.latency * 2);
            let more = more - 1;
            self.after(delay, What::Hint { service, more });
        }
        let class = self.random.pick(&HINTS);
        let Some(life) = &mut self.services[service].life else {
            return Ok(());
        };
        let hint = Failure::from(class);
        life.suspicion = Some(life.suspicion.map_or(hint, |old| old.more_telling(hint)));
        if life.asleep > 0 {
            return Ok(());
        }
        self.wake(service)
    }

    /// The runner wakes: good news first, then all that was told, then what is feared, and what time it is.
    pub(super) fn wake(&mut self, service: usize) -> Result<(), Broken> {
        self.read(service)?;
        let now = self.clock;
        let observed = self.observe(service);
        let Some(life) = &mut self.services[service].life else {
            return Ok(());
        };
        life.asleep = 0;
        let mut inbox = std::mem::take(&mut life.inbox);
        let suspicion = life.suspicion.take();
        if let Some(at) = observed {
            self.summary.note(Situation::Coalesced);
            let at_last = self.instant(at);
            self.step(service, at, Some(Event::Live { at: at_last }))?;
        }
        for (at, event) in inbox.drain(..) {
            self.step_in_time(service, at, event)?;
        }
        if let Some(hint) = suspicion {
            self.step_in_time(service, now, Event::Suspicion(hint))?;
        }
        self.oddities(service)?;
        if self.is_due(service, now) {
            self.step(service, now, None)?;
        }
        if let Some(life) = &mut self.services[service].life {
            life.inbox = inbox;
        }
        self.rest(service);
        Ok(())
    }

    /// Time passes in a call of its own before anything is told, which comes to the same as one call.
    fn step_in_time(&mut self, service: usize, at: u64, event: Event) -> Result<(), Broken> {
        if !self.is_due(service, at) {
            return self.step(service, at, Some(event));
        }
        let life = self.services[service].life.as_ref();
        let at_once = life.map(|life| {
            let mut twin = life.supervisor.clone();
            twin.handle_event(self.instant(at), event);
            while twin.poll_action().is_some() {}
            twin
        });
        self.step(service, at, None)?;
        self.step(service, at, Some(event))?;
        let life = self.services[service].life.as_ref();
        if life.map(|life| &life.supervisor) != at_once.as_ref() {
            return Err(Broken::Claim(Claim::TimePassesFirst));
        }
        Ok(())
    }

    fn is_due(&self, service: usize, at: u64) -> bool {
        let at = self.instant(at);
        self.services[service].life.as_ref().is_some_and(|life| {
            let due = life.supervisor.poll_timeout();
            due.is_some_and(|due| due <= at.max(life.told))
        })
    }

    /// What a runner or its surroundings get wrong, and what must not matter.
    fn oddities(&mut self, service: usize) -> Result<(), Broken> {
        let now = self.clock;
        if self.random.chance(self.rates.old_news) {
            // True, and perhaps long ago.
            let (since, until) = self.cluster.usable(now);
            let ago = self.random.pick(&[self.timeout, self.pace * 2]);
            let from = since.max(until.saturating_sub(ago));
            let at = self.random.between(from, until);
            self.summary.note(Situation::OldNews);
            let at = self.instant(at);
            self.step(service, now, Some(Event::Live { at }))?;
        }
        if self.random.chance(self.rates.alien) {
            // One that never was, or the start that was answered long ago.
            let unknown = OpId::from_number(self.random.pick(&[0, u64::MAX]));
            let life = self.services[service].life.as_ref();
            let client = life.and_then(|life| life.client);
            let id = client.filter(|_| now.is_multiple_of(2)).unwrap_or(unknown);
            let result = Err(self.random.pick(&FailureClass::ALL).into());
            let event = self.random.pick(&[
                Event::StartAnswered { id, result },
                Event::LivenessAnswered { id, result },
                Event::RegistrationAnswered { id, result },
                Event::StopAnswered { id, result },
            ]);
            self.step_in_time(service, now, event)?;
        }
        let life = self.services[service].life.as_ref();
        let ending = life.is_some_and(|life| life.watch.ending().is_some());
        if ending && self.random.chance(self.rates.duplicated) {
            self.step_in_time(service, now, Event::Shutdown)?;
        }
        if self.random.chance(self.rates.clock_back) {
            let back = self.random.below(self.pace);
            self.summary.note(Situation::ClockBack);
            self.step(service, now.saturating_sub(back), None)?;
        }
        if self.random.chance(self.rates.wakes_early) {
            self.summary.note(Situation::WokeEarly);
            self.step(service, now, None)?;
        }
        Ok(())
    }

    /// Ordinary traffic, as the cell has it: the newest, seen when somebody looks.
    fn observe(&mut self, service: usize) -> Option<u64> {
        if self.rates.traffic == 0 {
            return None;
        }
        let now = self.clock;
        let (since, until) = self.cluster.usable(now);
        let gap = self.random.below(self.rates.traffic * 2);
        let life = self.services[service].life.as_mut()?;
        // What came before somebody looked last was seen then.
        let looked = std::mem::replace(&mut life.looked, now);
        let at = if life.traffic <= now {
            now
        } else {
            let latest = now.min(until + self.rates.latency);
            latest.checked_sub(gap)?
        };
        (at > looked && at >= since).then_some(at)
    }

    /// Until when the runner waits, for what.
    fn rest(&mut self, service: usize) {
        let epoch_nanos = |world: &Self, life: &Life| {
            let due = life.supervisor.poll_timeout();
            due.map_or(NEVER, |due| world.nanos(due))
        };
        let Some(life) = &self.services[service].life else {
            return;
        };
        if life.supervisor.is_stopped() {
            return self.end(service);
        }
        let mut timer = epoch_nanos(self, life);
        let wants = life.supervisor.wants_evidence();
        if timer != NEVER && self.random.chance(self.rates.timer_late) {
            timer += self.random.between(1, self.pace / 8);
        }
        let mut asleep = 0;
        if self.random.chance(self.rates.sleeps) {
            self.summary.note(Situation::Slept);
            asleep = self.clock + self.random.around(self.rates.sleep);
        }
        let traffic = self.traffic(wants);
        if let Some(life) = &mut self.services[service].life {
            life.timer = timer.max(self.clock);
            life.traffic = traffic;
            life.asleep = asleep;
        }
    }

    fn traffic(&mut self, wanted: bool) -> u64 {
        if wanted && self.rates.traffic > 0 && self.cluster.is_usable() {
            self.clock + self.random.around(self.rates.traffic)
        } else {
            NEVER
        }
    }

    /// Traffic begins again, or ends.
    pub(super) fn rearm(&mut self) {
        for service in 0..self.services.len() {
            let wants = self.services[service]
                .life
                .as_ref()
                .is_some_and(|life| life.supervisor.wants_evidence());
            let traffic = self.traffic(wants);
            if let Some(life) = &mut self.services[service].life {
                life.traffic = traffic;
            }
        }
    }

    /// It has stopped: the service begins anew, some time later.
    fn end(&mut self, service: usize) {
        self.services[service].life = None;
        self.services[service].ended = self.clock;
        if !self.healed {
            let delay = self.random.around(self.pace / 4);
            self.after(delay, What::Begin(service));
        }
    }
}

// Steps.
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
                Action::Start { id, .. }
                | Action::SendLiveness { id, .. }
                | Action::RegisterHandler { id, .. }
                | Action::Discard { id }
                | Action::Stop { id, .. } => mix(id.number()),
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
                        None | Some(FailureKind::Answer) => false,
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
    fn read(&mut self, service: usize) -> Result<(), Broken> {
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

fn poll(life: &mut Life, stale: u64, actions: &mut Vec<Action>) -> Result<Call, Broken> {
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
            FailureKind::Answer => Some(Situation::AnswerWhileRunning),
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

const HINTS: [FailureClass; 4] = [
    FailureClass::Unreachable,
    FailureClass::Unreachable,
    FailureClass::Timeout,
    FailureClass::Authentication,
];
