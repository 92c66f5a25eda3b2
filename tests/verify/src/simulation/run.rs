//! The parts of a run: first there are faults, and no claim may break; then there are none, and every service must become Running;
//! then one broker fails, and every service must stay so; then the bus fails; at the end the services are shut down.

use livebus_core::{Event, FailureClass, OnSuspicion, Phase, Status};

use super::cluster::{Network, State};
use super::environment::{Environment, Occurrence};
use super::service::{NEVER, Service};
use super::summary::Situation;
use super::violation::Violation;

/// The maximum number of events in a part without faults: far more than needed.
const MAX_EVENTS: u64 = 1_000_000;
/// The number of events that is enough to see that Running stays.
const STABLE_EVENTS: u64 = 2_000;

impl Environment {
    /// Runs all parts. The first has this many events.
    pub(super) fn run(&mut self, events: u64) -> Result<(), Violation> {
        self.advance(NEVER, events)?;
        self.converge()?;
        self.stay_running()?;
        self.lose_one_broker()?;
        self.fail_bus()?;
        self.shut_down()
    }

    fn converge(&mut self) -> Result<(), Violation> {
        let began = self.clock;
        self.log.note(began, format_args!("all faults end"));
        self.heal()?;
        for service in self.services_by(|it| convergence_bound(it, self.rates.latency)) {
            let bound = convergence_bound(&self.services[service], self.rates.latency);
            self.advance_to(began + bound)?;
            let ends = began + nanos(self.services[service].config.shutdown_bound());
            let (clock, epoch) = (self.clock, self.epoch);
            let Some(instance) = &mut self.services[service].instance else {
                continue;
            };
            match instance.supervisor.phase() {
                Phase::Failed => self.summary.note(Situation::StayedFailed),
                Phase::Draining | Phase::Stopping | Phase::Stopped if clock < ends => {}
                Phase::Draining | Phase::Stopping | Phase::Stopped => {
                    return Err(Violation::NotStopped);
                }
                Phase::Starting
                | Phase::BackingOff
                | Phase::NotLive
                | Phase::Idle
                | Phase::Suspected
                | Phase::InFlight
                | Phase::RetryPending => {
                    let report = instance.supervisor.report();
                    if report.status != Status::Running {
                        return Err(Violation::NotConverged);
                    }
                    instance.must_run = true;
                    let since = nanos(report.since.saturating_duration_since(epoch));
                    self.summary.note(Situation::Converged);
                    self.summary
                        .recovery
                        .note(since.saturating_sub(began), bound);
                }
            }
        }
        Ok(())
    }

    fn heal(&mut self) -> Result<(), Violation> {
        self.healed = true;
        self.rates.end(self.timeout);
        self.forget_faults();
        self.cluster.heal();
        self.changed(true);
        let checks = |it: &Service| it.config.settings().on_suspicion == OnSuspicion::Check;
        if self.services.iter().all(checks) && self.rng.below(2) == 0 {
            // False suspicions go on: they are refuted, and change nothing.
            self.rates.false_suspicions = self.pace / self.rng.between(1, 8) + 1;
            self.rates.storm = 100_000;
            self.after(0, Occurrence::FalseSuspicion);
        }
        for service in 0..self.services.len() {
            if self.services[service].instance.is_some() {
                self.wake(service)?;
            } else {
                self.begin(service)?;
            }
        }
        Ok(())
    }

    fn stay_running(&mut self) -> Result<(), Violation> {
        let interval = |it: &Service| nanos(it.config.settings().live_interval);
        let max_interval = self.services.iter().map(interval).max().unwrap_or(0);
        self.advance(
            self.clock + max_interval * 20,
            self.summary.events + STABLE_EVENTS,
        )
    }

    /// One of several brokers fails, and those in sync shrink within the tolerance of every service: none may leave Running.
    fn lose_one_broker(&mut self) -> Result<(), Violation> {
        self.forget_faults();
        (self.rates.false_suspicions, self.rates.storm) = (0, 0);
        // From when those in sync shrink: a message that was sent before may still fail, then comes the next one.
        let latency = self.rates.latency;
        let noticed = |it: &Service| {
            let s = it.config.settings();
            nanos(s.liveness_timeout + s.not_live_interval.max(s.live_interval)) + latency * 64
        };
        let tolerance = |it: &Service| {
            let tolerance = nanos(it.config.settings().partial_tolerance);
            tolerance.saturating_sub(noticed(it))
        };
        let shrinks_after = self.services.iter().map(tolerance).min().unwrap_or(0);
        let only_checks = |it: &Service| it.config.settings().on_suspicion == OnSuspicion::Check;
        if !self.cluster.spares_one()
            || shrinks_after == 0
            || !self.services.iter().all(only_checks)
        {
            return Ok(());
        }
        let brokers = self.cluster.brokers() as u64;
        let broker = usize::try_from(self.rng.below(brokers)).unwrap_or(0);
        let state = self.rng.pick(&[State::Killed, State::Hung]);
        self.log
            .note(self.clock, format_args!("broker {broker}: {state:?}"));
        self.cluster.set(broker, state);
        self.changed(false);
        for service in 0..self.services.len() {
            for _ in 0..self.rng.below(4) {
                let delay = self.rng.below(shrinks_after);
                let what = Occurrence::Suspicion {
                    service,
                    class: FailureClass::BrokerUnreachable,
                    more: 0,
                };
                self.after(delay, what);
            }
        }
        let elected_after = self.rng.below(shrinks_after);
        self.after(elected_after, Occurrence::Election(broker));
        self.after(shrinks_after, Occurrence::InSync(broker));
        let noticed = self.services.iter().map(noticed).max().unwrap_or(0);
        self.advance_to(self.clock + shrinks_after + noticed)?;
        for service in &self.services {
            if let Some(instance) = service.instance.as_ref().filter(|it| it.must_run) {
                if instance.supervisor.report().warning.is_some() {
                    return Err(Violation::WarningStays);
                }
                self.summary.note(Situation::ServedWithoutOne);
            }
        }
        self.cluster.set(broker, State::Up);
        self.changed(true);
        Ok(())
    }

    fn fail_bus(&mut self) -> Result<(), Violation> {
        let began = self.clock;
        self.log.note(began, format_args!("the bus fails"));
        (self.rates.false_suspicions, self.rates.storm) = (0, 0);
        for instance in self
            .services
            .iter_mut()
            .filter_map(|it| it.instance.as_mut())
        {
            instance.must_run = false;
        }
        let flight = self.rates.latency * 6;
        let mut suspected_after = None;
        match self.rng.below(3) {
            0 => {
                self.cluster.network = Network::Refusing;
                // Everything in flight has arrived by then.
                let delay = flight * 2 + 1;
                suspected_after = Some(delay);
                for service in 0..self.services.len() {
                    let what = Occurrence::Suspicion {
                        service,
                        class: FailureClass::Unreachable,
                        more: 0,
                    };
                    self.after(delay, what);
                }
            }
            1 => self.cluster.network = Network::Silent,
            _ => self.cluster.refusal = Some(FailureClass::Authentication),
        }
        self.changed(false);
        let outage_bound = |it: &Service| {
            let bound = it.bound + flight;
            suspected_after.map_or(bound, |delay| bound.min(delay + suspicion_bound(it)))
        };
        for service in self.services_by(outage_bound) {
            let bound = outage_bound(&self.services[service]);
            self.advance_to(began + bound)?;
            let epoch = self.epoch;
            let Some(instance) = &self.services[service].instance else {
                continue;
            };
            let report = instance.supervisor.report();
            if report.status == Status::Running {
                return Err(Violation::NotDetected);
            }
            let since = nanos(report.since.saturating_duration_since(epoch));
            if since >= began {
                self.summary.note(Situation::OutageDetected);
                self.summary.outage.note(since - began, bound);
            }
        }
        let pause = |it: &Service| nanos(it.config.settings().not_live_interval_max);
        let pause = self.services.iter().map(pause).max().unwrap_or(0);
        self.advance(self.clock + pause * 3, self.summary.events + STABLE_EVENTS)
    }

    fn shut_down(&mut self) -> Result<(), Violation> {
        let began = self.clock;
        self.log.note(began, format_args!("shutdown"));
        self.rates.stop_hangs = 300_000;
        for service in 0..self.services.len() {
            let generation = self.services[service].generation;
            let event = Event::Shutdown;
            self.after(
                0,
                Occurrence::Input {
                    service,
                    generation,
                    event,
                },
            );
        }
        let bound = |it: &Service| nanos(it.config.shutdown_bound());
        for service in self.services_by(bound) {
            let bound = bound(&self.services[service]);
            self.advance_to(began + bound)?;
            let it = &self.services[service];
            if it.instance.is_some() {
                return Err(Violation::NotStopped);
            }
            if it.ended >= began {
                self.summary.note(Situation::Stopped);
                self.summary.shutdown.note(it.ended - began, bound);
            }
        }
        self.summary.nanos = u128::from(self.clock);
        Ok(())
    }

    /// Advances the time to exactly this instant.
    fn advance_to(&mut self, until: u64) -> Result<(), Violation> {
        self.advance(until, self.summary.events + MAX_EVENTS)?;
        if self.clock < until {
            return Err(Violation::HotLoop);
        }
        Ok(())
    }

    /// Returns the services in the order of a bound, the shortest first.
    fn services_by(&self, bound: impl Fn(&Service) -> u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.services.len()).collect();
        order.sort_by_key(|service| bound(&self.services[*service]));
        order
    }
}

/// The maximum time from the end of all faults to Running: everything in flight ends, then each operation happens once more.
fn convergence_bound(service: &Service, latency: u64) -> u64 {
    let s = service.config.settings();
    let starting = s.start_timeout + s.start_backoff.max;
    let losing = s.liveness_timeout + service.config.detection_bound();
    let proving = s.not_live_interval_max * (s.successes_to_ready + 2);
    let registering = s.registration_timeout + s.registration_backoff.max;
    nanos(starting + losing + proving + registering) + latency * 64
}

/// The maximum time from a suspicion that nothing refutes to `NotReady`.
fn suspicion_bound(service: &Service) -> u64 {
    let s = service.config.settings();
    nanos(s.suspicion_spacing + s.suspicion_timeout * 2)
}

fn nanos(it: std::time::Duration) -> u64 {
    u64::try_from(it.as_nanos()).unwrap_or(NEVER)
}
