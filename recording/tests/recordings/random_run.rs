//! Random runs from a seed, with all inputs of a supervisor, and with clocks that go back.

use std::time::{Duration, Instant};

use fastrand::Rng;
use livebus_core::{
    Action, ClientId, Config, Event, Failure, FailureClass, Handler, LivenessId, OnClientLost,
    OnSuspicion, OpId, RejectionPolicy, Settings, Supervisor,
};
use livebus_runner::{ObservedSupervisor, Observer};

/// Random numbers, the same for the same seed.
pub(crate) struct Numbers(Rng);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.u64(..)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0.usize(..n)
    }

    fn failure(&mut self) -> Failure {
        let class = match self.below(3) {
            // Classes that lead to warnings.
            0 => [FailureClass::TopicMissing, FailureClass::NoLeader][self.below(2)],
            _ => FailureClass::ALL[self.below(FailureClass::ALL.len())],
        };
        match self.below(2) {
            0 => Failure::new(class),
            _ => Failure::with_code(class, -195),
        }
    }

    fn result(&mut self) -> Result<(), Failure> {
        if self.below(4) > 0 {
            Ok(())
        } else {
            Err(self.failure())
        }
    }

    fn millis(&mut self, n: usize) -> Duration {
        Duration::from_micros(self.0.u64(..n as u64 * 1_000))
    }
}

/// Returns a configuration with random policies.
pub(crate) fn config(seed: u64) -> Config {
    let mut numbers = Numbers::new(seed);
    let handlers = (0..numbers.below(4)).map(|n| match n {
        1 => Handler::optional("optional"),
        _ => Handler::required(format!("handler {n}")),
    });
    let mut settings = Settings {
        seed: Some(seed),
        ..match numbers.below(4) {
            0 => Settings::default(),
            1 => Settings::as_in_voltha(),
            _ => Settings::fast(),
        }
    };
    settings.successes_to_ready = [1, 1, 2][numbers.below(3)];
    settings.on_suspicion = [OnSuspicion::Check, OnSuspicion::NotReady][numbers.below(2)];
    settings.on_rejection = [RejectionPolicy::Live, RejectionPolicy::NotLive][numbers.below(2)];
    settings.on_client_lost = [OnClientLost::Recreate, OnClientLost::Fail][numbers.below(4) / 3];
    settings.recreate_after = [None, Some(Duration::from_secs(7))][numbers.below(2)];
    let config = Config::new(settings).and_then(|it| it.with_handlers(handlers.collect()));
    config.expect("valid by construction")
}

/// A supervisor that is recorded, with the operations in flight.
pub(crate) struct RandomRun {
    pub(crate) supervisor: ObservedSupervisor,
    numbers: Numbers,
    clock: Instant,
    open: Vec<OpId>,
    client: ClientId,
    /// One in `shutdowns` candidate steps is a shutdown.
    shutdowns: usize,
}

impl RandomRun {
    pub(crate) fn new(seed: u64, began: Instant, observer: Box<dyn Observer>) -> Self {
        let supervisor = Supervisor::new(config(seed), began);
        let mut run = Self {
            supervisor: ObservedSupervisor::new(supervisor, began, vec![observer]),
            numbers: Numbers::new(!seed),
            clock: began,
            open: Vec::new(),
            client: ClientId::from_number(0),
            shutdowns: 100,
        };
        run.drain();
        run
    }

    /// Returns a run without a shutdown.
    pub(crate) fn without_shutdown(seed: u64, began: Instant, observer: Box<dyn Observer>) -> Self {
        Self {
            shutdowns: usize::MAX,
            ..Self::new(seed, began, observer)
        }
    }

    /// Runs `steps` steps.
    pub(crate) fn run(mut self, steps: usize) -> Self {
        for _ in 0..steps {
            self.step();
        }
        self.drain();
        self
    }

    /// Shuts the supervisor down.
    pub(crate) fn stop(mut self) {
        self.supervisor.handle_event(self.clock, Event::Shutdown);
        self.drain();
        while let Some(due) = self.supervisor.poll_timeout() {
            self.supervisor.handle_timeout(due);
            self.drain();
        }
        assert!(self.supervisor.is_stopped());
    }

    /// Runs one iteration of a loop: some events, each at its own instant, then the time, then, usually, the actions.
    pub(crate) fn step(&mut self) {
        let now = self.later();
        for _ in 0..self.numbers.below(3) {
            let at = match self.numbers.below(4) {
                0 => now.checked_sub(self.numbers.millis(50)).unwrap_or(now),
                _ => now,
            };
            let event = self.event(at);
            self.supervisor.handle_event(at, event);
        }
        self.supervisor.handle_timeout(now);
        if self.numbers.below(16) > 0 {
            self.drain();
        }
    }

    fn later(&mut self) -> Instant {
        let due = self.supervisor.poll_timeout().unwrap_or(self.clock);
        let now = match self.numbers.below(8) {
            0 => self.clock,
            1 => due + self.numbers.millis(20_000),
            2 | 3 => self.clock + self.numbers.millis(300),
            4 => self
                .clock
                .checked_sub(self.numbers.millis(100))
                .unwrap_or(self.clock),
            _ => due,
        };
        self.clock = self.clock.max(now);
        now
    }

    fn event(&mut self, at: Instant) -> Event {
        match self.numbers.below(16) {
            0 => Event::Suspicion(self.numbers.failure()),
            1 if self.numbers.below(4) == 0 => Event::ClientLost {
                client: self.client,
                failure: self.numbers.failure(),
            },
            2 if self.numbers.below(self.shutdowns) == 0 => Event::Shutdown,
            3 => Event::LivenessAnswered {
                id: LivenessId::from_number(self.numbers.next()),
                result: Ok(()),
            },
            4..=6 => Event::Live {
                at: at.checked_sub(self.numbers.millis(50)).unwrap_or(at),
            },
            _ if self.open.is_empty() => Event::Live { at },
            _ => {
                let index = self.numbers.below(self.open.len());
                let id = self.open.swap_remove(index);
                answer(id, self.numbers.result())
            }
        }
    }

    fn drain(&mut self) {
        while let Some(action) = self.supervisor.poll_action() {
            match action {
                Action::Start { id, .. } => {
                    self.client = id;
                    self.open.push(id.into());
                }
                Action::SendLiveness { id, .. } => self.open.push(id.into()),
                Action::RegisterHandler { id, .. } => self.open.push(id.into()),
                Action::Stop { id, .. } => self.open.push(id.into()),
                Action::DiscardClient { .. }
                | Action::DiscardRegistration { .. }
                | Action::SetStatus(_)
                | Action::Renew { .. } => {}
            }
        }
    }
}

/// Returns the event that answers this operation.
fn answer(operation: OpId, result: Result<(), Failure>) -> Event {
    match operation {
        OpId::Client(id) => Event::StartAnswered { id, result },
        OpId::Liveness(id) => Event::LivenessAnswered { id, result },
        OpId::Registration(id) => Event::RegistrationAnswered { id, result },
        OpId::Stop(id) => Event::StopAnswered { id, result },
    }
}
