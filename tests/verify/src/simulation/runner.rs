//! The loop of the runner: what wakes it, the order in which it delivers inputs, and how long it waits.

use livebus_core::{ClientId, Event, Failure, FailureClass, LivenessId, RegistrationId, StopId};

use super::environment::{Environment, Occurrence, SUSPICIONS};
use super::service::{Instance, NEVER};
use super::step::poll;
use super::summary::{Situation, action_kind};
use super::violation::Violation;
use crate::invariants::{Claim, Step};
use crate::rng::MILLION;

impl Environment {
    pub(super) fn begin(&mut self, service: usize) -> Result<(), Violation> {
        let now = self.instant(self.clock);
        let generation = self.services[service].begin(now, self.clock);
        self.summary.note(Situation::Started);
        let Some(instance) = &mut self.services[service].instance else {
            return Ok(());
        };
        let mut actions = std::mem::take(&mut self.actions);
        let effects = poll(instance, 0, &mut actions)?;
        let checked = Step {
            now,
            event: None,
            actions: &actions,
            supervisor: &instance.supervisor,
            effects,
        };
        instance
            .invariants
            .check_step(&checked)
            .map_err(Violation::Claim)?;
        self.log
            .line(self.clock, service, None, &actions, &instance.supervisor, 0);
        for action in &actions {
            self.summary.actions[action_kind(action)] += 1;
            self.execute(service, action);
        }
        self.actions = actions;
        if self.rates.lifetime > 0 && !self.healed {
            let delay = self.rng.around(self.rates.lifetime);
            let what = Occurrence::Input {
                service,
                generation,
                event: Event::Shutdown,
            };
            self.after(delay, what);
            // The shutdown is requested twice.
            let again = self.rng.around(self.timeout * 2);
            self.after(delay + again, what);
        }
        self.schedule_wake(service);
        Ok(())
    }

    /// Puts an event into the inbox of a supervisor.
    pub(super) fn deliver(
        &mut self,
        service: usize,
        generation: u32,
        event: Event,
    ) -> Result<(), Violation> {
        let it = &mut self.services[service];
        let Some(instance) = it.instance.as_mut().filter(|_| it.generation == generation) else {
            return Ok(());
        };
        instance.inbox.push((self.clock, event));
        if instance.asleep > 0 {
            return Ok(());
        }
        self.wake(service)
    }

    /// The client library reports a suspicion. Of several that the runner has not read yet, the most specific is kept.
    pub(super) fn on_suspicion(
        &mut self,
        service: usize,
        class: FailureClass,
        more: u64,
    ) -> Result<(), Violation> {
        if more > 0 {
            let delay = self.rng.between(1, self.rates.latency * 2);
            let what = Occurrence::Suspicion {
                service,
                class: self.rng.pick(&SUSPICIONS),
                more: more - 1,
            };
            self.after(delay, what);
        }
        let Some(instance) = &mut self.services[service].instance else {
            return Ok(());
        };
        let suspicion = Failure::from(class);
        instance.suspicion = Some(
            instance
                .suspicion
                .map_or(suspicion, |old| old.most_specific(suspicion)),
        );
        if instance.asleep > 0 {
            return Ok(());
        }
        self.wake(service)
    }

    /// The runner wakes: it delivers evidence, then the inbox, then a suspicion, then the time.
    pub(super) fn wake(&mut self, service: usize) -> Result<(), Violation> {
        self.check_reader(service)?;
        let now = self.clock;
        let observed = self.observe(service);
        let Some(instance) = &mut self.services[service].instance else {
            return Ok(());
        };
        instance.asleep = 0;
        let mut inbox = std::mem::take(&mut instance.inbox);
        let suspicion = instance.suspicion.take();
        if let Some(at) = observed {
            self.summary.note(Situation::Coalesced);
            let instant = self.instant(at);
            self.step(service, at, Some(Event::Live { at: instant }))?;
        }
        for (at, event) in inbox.drain(..) {
            self.step_in_time(service, at, event)?;
        }
        if let Some(suspicion) = suspicion {
            self.step_in_time(service, now, Event::Suspicion(suspicion))?;
        }
        self.unusual_inputs(service)?;
        if self.is_due(service, now) {
            self.step(service, now, None)?;
        }
        if let Some(instance) = &mut self.services[service].instance {
            instance.inbox = inbox;
        }
        self.schedule_wake(service);
        Ok(())
    }

    /// Lets time pass in a call of its own before the event, and checks that one call does the same.
    fn step_in_time(&mut self, service: usize, at: u64, event: Event) -> Result<(), Violation> {
        if !self.is_due(service, at) {
            return self.step(service, at, Some(event));
        }
        let instance = self.services[service].instance.as_ref();
        let at_once = instance.map(|instance| {
            let mut twin = instance.supervisor.clone();
            twin.handle_event(self.instant(at), event);
            while twin.poll_action().is_some() {}
            twin
        });
        self.step(service, at, None)?;
        self.step(service, at, Some(event))?;
        let instance = self.services[service].instance.as_ref();
        if instance.map(|instance| &instance.supervisor) != at_once.as_ref() {
            return Err(Violation::Claim(Claim::TimePassesFirst));
        }
        Ok(())
    }

    fn is_due(&self, service: usize, at: u64) -> bool {
        let at = self.instant(at);
        self.services[service]
            .instance
            .as_ref()
            .is_some_and(|instance| {
                let due = instance.supervisor.poll_timeout();
                due.is_some_and(|due| due <= at.max(instance.now))
            })
    }

    /// Delivers inputs that a correct runner and bus rarely produce, and that must do no harm.
    fn unusual_inputs(&mut self, service: usize) -> Result<(), Violation> {
        let now = self.clock;
        if self.rng.per_million(self.rates.old_evidence) {
            // Evidence that is true, and perhaps old.
            let (since, until) = self.cluster.usable(now);
            let ago = self.rng.pick(&[self.timeout, self.pace * 2]);
            let from = since.max(until.saturating_sub(ago));
            let at = self.rng.between(from, until);
            self.summary.note(Situation::OldEvidence);
            let at = self.instant(at);
            self.step(service, now, Some(Event::Live { at }))?;
        }
        if self.rng.per_million(self.rates.unknown_answers) {
            // An operation that never existed, or a start that was answered long ago.
            let unknown = self.rng.pick(&[0, u64::MAX]);
            let instance = self.services[service].instance.as_ref();
            let client = instance.and_then(|instance| instance.client);
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
                Event::HandlerHealth {
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
        self.report_handlers(service, now)?;
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

    /// Lets a registered handler report. One that fails works again in the end.
    fn report_handlers(&mut self, service: usize, now: u64) -> Result<(), Violation> {
        let instance = self.services[service].instance.as_ref();
        let handlers: Vec<_> = instance
            .into_iter()
            .flat_map(|instance| instance.invariants.health())
            .collect();
        for (id, fails) in handlers {
            let result = if fails
                && (self.rates.handler_reports == 0 || self.handler_rng.per_million(MILLION / 4))
            {
                Ok(())
            } else if self.handler_rng.per_million(self.rates.handler_reports) {
                Err(self.handler_rng.pick(&FailureClass::ALL).into())
            } else {
                continue;
            };
            self.step_in_time(service, now, Event::HandlerHealth { id, result })?;
        }
        Ok(())
    }

    /// Returns the newest evidence of ordinary traffic that the runner has not read yet.
    fn observe(&mut self, service: usize) -> Option<u64> {
        if self.rates.traffic == 0 {
            return None;
        }
        let now = self.clock;
        let (since, until) = self.cluster.usable(now);
        let gap = self.rng.below(self.rates.traffic * 2);
        let instance = self.services[service].instance.as_mut()?;
        // Older evidence was read before.
        let looked = std::mem::replace(&mut instance.looked, now);
        let at = if instance.traffic <= now {
            now
        } else {
            let latest = now.min(until + self.rates.latency);
            latest.checked_sub(gap)?
        };
        (at > looked && at >= since).then_some(at)
    }

    /// Decides when the runner wakes next, and by what.
    fn schedule_wake(&mut self, service: usize) {
        let epoch_nanos = |env: &Self, instance: &Instance| {
            let due = instance.supervisor.poll_timeout();
            due.map_or(NEVER, |due| env.nanos(due))
        };
        let Some(instance) = &self.services[service].instance else {
            return;
        };
        if instance.supervisor.is_stopped() {
            return self.end(service);
        }
        let mut timer = epoch_nanos(self, instance);
        let wants = instance.supervisor.wants_evidence();
        if timer != NEVER && self.rng.per_million(self.rates.timer_late) {
            timer += self.rng.between(1, self.pace / 8);
        }
        let mut asleep = 0;
        if self.rng.per_million(self.rates.sleeps) {
            self.summary.note(Situation::Slept);
            asleep = self.clock + self.rng.around(self.rates.sleep);
        }
        let traffic = self.traffic(wants);
        if let Some(instance) = &mut self.services[service].instance {
            instance.timer = timer.max(self.clock);
            instance.traffic = traffic;
            instance.asleep = asleep;
        }
    }

    fn traffic(&mut self, wanted: bool) -> u64 {
        if wanted && self.rates.traffic > 0 && self.cluster.is_usable() {
            self.clock + self.rng.around(self.rates.traffic)
        } else {
            NEVER
        }
    }

    /// Draws the next traffic of every service, after the bus became usable or unusable.
    pub(super) fn restart_traffic(&mut self) {
        for service in 0..self.services.len() {
            let wants = self.services[service]
                .instance
                .as_ref()
                .is_some_and(|instance| instance.supervisor.wants_evidence());
            let traffic = self.traffic(wants);
            if let Some(instance) = &mut self.services[service].instance {
                instance.traffic = traffic;
            }
        }
    }

    /// The supervisor has stopped: the service gets another one some time later.
    fn end(&mut self, service: usize) {
        self.services[service].instance = None;
        self.services[service].ended = self.clock;
        if !self.healed {
            let delay = self.rng.around(self.pace / 4);
            self.after(delay, Occurrence::Begin(service));
        }
    }
}
