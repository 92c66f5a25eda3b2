//! The phases of a seed: first everything goes wrong, and no claim may break; then nothing does, and all must come right;
//! then everything dies, and at last the services are shut down.

use livebus_core::{Event, OnSuspicion, Phase, Status};

use super::broken::Broken;
use super::cluster::Network;
use super::service::{NEVER, Service};
use super::summary::Situation;
use super::world::{What, World};

/// How many events a phase without faults may have: far more than any needs.
const MOST_EVENTS: u64 = 1_000_000;
/// How many events are enough to see that Running stays.
const CALM: u64 = 2_000;

impl World {
    /// Runs all of it. The first phase has so many events.
    pub(super) fn run(&mut self, events: u64) -> Result<(), Broken> {
        self.advance(NEVER, events)?;
        self.converge()?;
        self.stay_calm()?;
        self.die()?;
        self.shut_down()
    }

    fn converge(&mut self) -> Result<(), Broken> {
        let began = self.clock;
        self.log.note(began, format_args!("all faults end"));
        self.heal()?;
        for service in self.by(|it| convergence_bound(it, self.rates.latency)) {
            let bound = convergence_bound(&self.services[service], self.rates.latency);
            self.pass_until(began + bound)?;
            let ends = began + nanos(self.services[service].config.shutdown_bound());
            let (clock, epoch) = (self.clock, self.epoch);
            let Some(life) = &mut self.services[service].life else {
                continue;
            };
            match life.supervisor.phase() {
                Phase::Failed => self.summary.note(Situation::StayedFailed),
                Phase::Draining | Phase::Stopping | Phase::Stopped if clock < ends => {}
                Phase::Draining | Phase::Stopping | Phase::Stopped => {
                    return Err(Broken::NotStopped);
                }
                Phase::Starting
                | Phase::BackingOff
                | Phase::NotLive
                | Phase::Idle
                | Phase::Suspected
                | Phase::InFlight
                | Phase::RetryPending => {
                    let report = life.supervisor.report();
                    if report.status != Status::Running {
                        return Err(Broken::NotConverged);
                    }
                    life.must_run = true;
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

    fn heal(&mut self) -> Result<(), Broken> {
        self.healed = true;
        self.rates.end(self.timeout);
        self.forget_faults();
        self.cluster.heal();
        self.changed(true);
        let asks = |it: &Service| it.config.settings().on_suspicion == OnSuspicion::Check;
        if self.services.iter().all(asks) && self.rng.below(2) == 0 {
            // False hints go on: they are refuted, and change nothing.
            self.rates.false_hints = self.pace / self.rng.between(1, 8) + 1;
            self.rates.storm = 100_000;
            self.after(0, What::FalseHint);
        }
        for service in 0..self.services.len() {
            if self.services[service].life.is_some() {
                self.wake(service)?;
            } else {
                self.begin(service)?;
            }
        }
        Ok(())
    }

    fn stay_calm(&mut self) -> Result<(), Broken> {
        let longest = |it: &Service| nanos(it.config.settings().live_interval);
        let longest = self.services.iter().map(longest).max().unwrap_or(0);
        self.advance(self.clock + longest * 20, self.summary.events + CALM)
    }

    fn die(&mut self) -> Result<(), Broken> {
        let began = self.clock;
        self.log.note(began, format_args!("everything dies"));
        (self.rates.false_hints, self.rates.storm) = (0, 0);
        for life in self.services.iter_mut().filter_map(|it| it.life.as_mut()) {
            life.must_run = false;
        }
        let flight = self.rates.latency * 6;
        let mut hinted = None;
        match self.rng.below(3) {
            0 => {
                self.cluster.network = Network::Refusing;
                // Whatever was under way has arrived by then.
                let told = flight * 2 + 1;
                hinted = Some(told);
                for service in 0..self.services.len() {
                    self.after(told, What::Hint { service, more: 0 });
                }
            }
            1 => self.cluster.network = Network::Silent,
            _ => self.cluster.refusal = Some(livebus_core::FailureClass::Authentication),
        }
        self.changed(false);
        let dies = |it: &Service| {
            let bound = it.bound + flight;
            hinted.map_or(bound, |told| bound.min(told + suspicion_bound(it)))
        };
        for service in self.by(dies) {
            let bound = dies(&self.services[service]);
            self.pass_until(began + bound)?;
            let epoch = self.epoch;
            let Some(life) = &self.services[service].life else {
                continue;
            };
            let report = life.supervisor.report();
            if report.status == Status::Running {
                return Err(Broken::NotDetected);
            }
            let since = nanos(report.since.saturating_duration_since(epoch));
            if since >= began {
                self.summary.note(Situation::Detected);
                self.summary.death.note(since - began, bound);
            }
        }
        let pause = |it: &Service| nanos(it.config.settings().not_live_interval_max);
        let pause = self.services.iter().map(pause).max().unwrap_or(0);
        self.advance(self.clock + pause * 3, self.summary.events + CALM)
    }

    fn shut_down(&mut self) -> Result<(), Broken> {
        let began = self.clock;
        self.log.note(began, format_args!("the end"));
        self.rates.stop_hangs = 300_000;
        for service in 0..self.services.len() {
            let life = self.services[service].lives;
            let event = Event::Shutdown;
            self.after(
                0,
                What::Told {
                    service,
                    life,
                    event,
                },
            );
        }
        let bound = |it: &Service| nanos(it.config.shutdown_bound());
        for service in self.by(bound) {
            let bound = bound(&self.services[service]);
            self.pass_until(began + bound)?;
            let it = &self.services[service];
            if it.life.is_some() {
                return Err(Broken::NotStopped);
            }
            if it.ended >= began {
                self.summary.note(Situation::Stopped);
                self.summary.shutdown.note(it.ended - began, bound);
            }
        }
        self.summary.nanos = u128::from(self.clock);
        Ok(())
    }

    /// Lets time pass, all of it.
    fn pass_until(&mut self, until: u64) -> Result<(), Broken> {
        self.advance(until, self.summary.events + MOST_EVENTS)?;
        if self.clock < until {
            return Err(Broken::HotLoop);
        }
        Ok(())
    }

    /// The services, those with the shortest of something first.
    fn by(&self, bound: impl Fn(&Service) -> u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.services.len()).collect();
        order.sort_by_key(|service| bound(&self.services[*service]));
        order
    }
}

/// From the end of all faults to Running: what is under way comes to its end, then one more of everything.
fn convergence_bound(service: &Service, latency: u64) -> u64 {
    let s = service.config.settings();
    let starting = s.start_timeout + s.start_backoff.max;
    let losing = s.liveness_timeout + service.config.detection_bound();
    let proving = s.not_live_interval_max * (s.successes_to_ready + 2);
    let registering = s.registration_timeout + s.registration_backoff.max;
    nanos(starting + losing + proving + registering) + latency * 64
}

/// From a hint that nothing refutes to `NotReady`.
fn suspicion_bound(service: &Service) -> u64 {
    let s = service.config.settings();
    nanos(s.suspicion_spacing + s.suspicion_timeout * 2)
}

fn nanos(it: std::time::Duration) -> u64 {
    u64::try_from(it.as_nanos()).unwrap_or(NEVER)
}
