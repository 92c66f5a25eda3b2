//! The runner's loop: what wakes it, in which order it tells what came, and until when it waits.

use livebus_core::{ClientId, Event, Failure, FailureClass, LivenessId, RegistrationId, StopId};

use super::broken::Broken;
use super::service::{Life, NEVER};
use super::step::poll;
use super::summary::{Situation, action_kind};
use super::world::{What, World};
use crate::watch::{Claim, Seen};

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
            let delay = self.rng.around(self.rates.life);
            let what = What::Told {
                service,
                life: number,
                event: Event::Shutdown,
            };
            self.after(delay, what);
            // Who waits for an end asks for it again.
            let again = self.rng.around(self.timeout * 2);
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
            let delay = self.rng.between(1, self.rates.latency * 2);
            let more = more - 1;
            self.after(delay, What::Hint { service, more });
        }
        let class = self.rng.pick(&HINTS);
        let Some(life) = &mut self.services[service].life else {
            return Ok(());
        };
        let hint = Failure::from(class);
        life.suspicion = Some(life.suspicion.map_or(hint, |old| old.most_specific(hint)));
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
        if self.rng.per_million(self.rates.old_news) {
            // True, and perhaps long ago.
            let (since, until) = self.cluster.usable(now);
            let ago = self.rng.pick(&[self.timeout, self.pace * 2]);
            let from = since.max(until.saturating_sub(ago));
            let at = self.rng.between(from, until);
            self.summary.note(Situation::OldNews);
            let at = self.instant(at);
            self.step(service, now, Some(Event::Live { at }))?;
        }
        if self.rng.per_million(self.rates.alien) {
            // One that never was, or the start that was answered long ago.
            let unknown = self.rng.pick(&[0, u64::MAX]);
            let life = self.services[service].life.as_ref();
            let client = life.and_then(|life| life.client);
            let client = client.filter(|_| now.is_multiple_of(2));
            let number = client.map_or(unknown, ClientId::number);
            let result = Err(self.rng.pick(&FailureClass::ALL).into());
            let event = self.rng.pick(&[
                Event::StartAnswered {
                    id: ClientId::from_number(number),
                    result,
                },
                Event::LivenessAnswered {
                    id: LivenessId::from_number(number),
                    result,
                },
                Event::RegistrationAnswered {
                    id: RegistrationId::from_number(number),
                    result,
                },
                Event::StopAnswered {
                    id: StopId::from_number(number),
                    result,
                },
            ]);
            self.step_in_time(service, now, event)?;
        }
        if self.rng.per_million(self.rates.clock_back) {
            let back = self.rng.below(self.pace);
            self.summary.note(Situation::ClockBack);
            self.step(service, now.saturating_sub(back), None)?;
        }
        if self.rng.per_million(self.rates.wakes_early) {
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
        let gap = self.rng.below(self.rates.traffic * 2);
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
        if timer != NEVER && self.rng.per_million(self.rates.timer_late) {
            timer += self.rng.between(1, self.pace / 8);
        }
        let mut asleep = 0;
        if self.rng.per_million(self.rates.sleeps) {
            self.summary.note(Situation::Slept);
            asleep = self.clock + self.rng.around(self.rates.sleep);
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
            self.clock + self.rng.around(self.rates.traffic)
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
            let delay = self.rng.around(self.pace / 4);
            self.after(delay, What::Begin(service));
        }
    }
}

const HINTS: [FailureClass; 4] = [
    FailureClass::Unreachable,
    FailureClass::Unreachable,
    FailureClass::Timeout,
    FailureClass::Authentication,
];
