//! Executes actions: operations, and how the bus answers them.

use livebus_core::{Action, Event, Failure, FailureClass, FailureKind, LivenessId, Status};

use super::cluster::State;
use super::environment::{Environment, Occurrence};
use super::service::Round;
use super::summary::Situation;

impl Environment {
    pub(super) fn execute(&mut self, service: usize, action: &Action) {
        match *action {
            Action::Start { id, deadline, .. } => {
                let (fails, hangs) = (self.rates.start_fails, self.rates.start_hangs);
                let result = self.outcome(fails, hangs);
                if let Some(result) = result {
                    let event = Event::StartAnswered { id, result };
                    self.answer(service, event, self.nanos(deadline));
                }
            }
            Action::RegisterHandler { id, deadline, .. } => {
                let rates = &self.rates;
                let (fails, hangs) = (rates.registration_fails, rates.registration_hangs);
                if let Some(result) = self.outcome(fails, hangs) {
                    let event = Event::RegistrationAnswered { id, result };
                    self.answer(service, event, self.nanos(deadline));
                }
            }
            Action::Stop { id, deadline } => {
                let hangs = self.rates.stop_hangs;
                if let Some(result) = self.outcome(hangs / 2, hangs) {
                    let event = Event::StopAnswered { id, result };
                    self.answer(service, event, self.nanos(deadline));
                }
            }
            Action::SendLiveness { id, deadline } => {
                let deadline = self.nanos(deadline);
                if let Some(instance) = &mut self.services[service].instance {
                    instance.round = Some(Round {
                        id,
                        deadline,
                        is_open: true,
                    });
                }
                self.attempt(service, true);
            }
            Action::DiscardClient { client } => {
                if let Some(instance) = &mut self.services[service].instance
                    && instance.client == Some(client)
                {
                    (instance.client, instance.round) = (None, None);
                }
            }
            Action::SetStatus(report) if report.status == Status::Failed => {
                // Someone notices it in the end, and shuts the service down.
                let generation = self.services[service].generation;
                let delay = self.rng.around(self.pace * 4);
                let event = Event::Shutdown;
                let what = Occurrence::Input {
                    service,
                    generation,
                    event,
                };
                if !self.healed {
                    self.after(delay, what);
                }
            }
            // A discarded registration may still be answered.
            Action::DiscardRegistration { .. } | Action::SetStatus(_) | Action::Renew { .. } => {}
        }
    }

    /// Returns the result of an operation that is not a liveness message. `None`: it never ends.
    fn outcome(&mut self, fails: u64, hangs: u64) -> Option<Result<(), Failure>> {
        if self.rng.per_million(hangs) {
            None
        } else if self.rng.per_million(fails) {
            Some(Err(self.rng.pick(&FailureClass::ALL).into()))
        } else {
            Some(Ok(()))
        }
    }

    /// Schedules an answer after about the usual time, or late.
    fn answer(&mut self, service: usize, event: Event, deadline: u64) {
        let delay = self.rng.around(self.rates.latency);
        self.answer_after(service, event, deadline, delay);
    }

    fn answer_after(&mut self, service: usize, event: Event, deadline: u64, delay: u64) {
        let generation = self.services[service].generation;
        let what = Occurrence::Input {
            service,
            generation,
            event,
        };
        let mut at = self.clock + delay;
        if self.rng.per_million(self.rates.late) {
            at = deadline + self.rng.around(self.rates.latency);
        } else if self.rng.per_million(self.rates.at_deadline) {
            self.summary.note(Situation::AnswerAtDeadline);
            at = (deadline + self.rng.between(0, 2)).saturating_sub(1);
            at = at.max(self.clock);
        }
        if at < deadline && is_proof(&event) {
            self.flight = self.flight.max(at - self.clock);
        }
        self.at(at, what);
        if self.rng.per_million(self.rates.duplicated) {
            let again = self.rng.below(self.pace);
            self.at(at + again, what);
        }
    }
}

// Rounds: a record to each of the leaders; one acknowledgement is enough.
impl Environment {
    /// Sends the records. Answers with the first acknowledgement, or with a failure when all have failed; otherwise the round stays
    /// open.
    fn attempt(&mut self, service: usize, first: bool) {
        let Some(round) = self.round(service) else {
            return;
        };
        let (targets, count) = self.cluster.targets();
        let reply = self.cluster.answer();
        let mut acknowledged: Option<u64> = None;
        let mut failed: Option<(u64, FailureClass)> = None;
        let mut silent = false;
        for broker in &targets[..count] {
            let mean = match self.cluster.seen(*broker) {
                State::Up => self.rates.latency,
                State::Slow => self.rates.slow,
                State::Killed if self.rng.per_million(self.rates.fails_fast) => {
                    failed = failed.or(Some((self.rates.latency, FailureClass::Unreachable)));
                    continue;
                }
                // The record waits for the broker to come back.
                State::Killed | State::Hung => {
                    silent = true;
                    continue;
                }
            };
            if self.rng.per_million(self.rates.lost) {
                silent = true;
                continue;
            }
            let delay = self.rng.around(mean);
            let failing = reply.is_ok() && self.rng.per_million(self.rates.failing);
            let reply = if failing {
                Err(self.rng.pick(&FailureClass::ALL))
            } else {
                reply
            };
            match reply {
                // The leader waits for its replicas before it says so.
                Err(FailureClass::ReplicasSilent) if !failing => silent = true,
                Ok(()) => {
                    acknowledged = Some(acknowledged.map_or(delay, |it| it.min(delay)));
                }
                Err(class) => {
                    let later = failed.map_or(delay, |(it, _)| it.max(delay));
                    failed = Some((later, class));
                }
            }
        }
        let (delay, result) = match (acknowledged, failed) {
            (Some(delay), _) => (delay, Ok(())),
            (None, Some((delay, class))) if !silent => (delay, Err(class.into())),
            (None, _) => {
                if first {
                    self.summary.note(Situation::RoundParked);
                    let half = (round.deadline - self.clock) / 2;
                    let (generation, id) = (self.services[service].generation, round.id);
                    self.after(
                        half,
                        Occurrence::HalfTime {
                            service,
                            generation,
                            id,
                        },
                    );
                }
                return;
            }
        };
        self.close_round(service);
        let id = round.id;
        let event = Event::LivenessAnswered { id, result };
        self.answer_after(service, event, round.deadline, delay);
    }

    /// Sends the records of open rounds again soon, because the bus has improved.
    pub(super) fn retry_all(&mut self) {
        for service in 0..self.services.len() {
            if let Some(Round { id, .. }) = self.round(service) {
                let generation = self.services[service].generation;
                let delay = self.rng.around(self.rates.latency);
                self.after(
                    delay,
                    Occurrence::Retry {
                        service,
                        generation,
                        id,
                    },
                );
            }
        }
    }

    pub(super) fn retry(&mut self, service: usize, generation: u32, id: LivenessId) {
        let same = self.services[service].generation == generation;
        if same && self.round(service).is_some_and(|round| round.id == id) {
            self.attempt(service, false);
        }
    }

    /// No leader has answered. A leader may wait for its replicas; if another broker answers, only the leaders are missing.
    pub(super) fn half_time(&mut self, service: usize, generation: u32, id: LivenessId) {
        let waiting = self.round(service).filter(|round| round.id == id);
        let Some(round) = waiting.filter(|_| self.services[service].generation == generation)
        else {
            return;
        };
        let left = round.deadline - self.clock;
        let class = if self.cluster.waits_for_replicas() {
            self.summary.note(Situation::RoundReplicasSilent);
            FailureClass::ReplicasSilent
        } else if self.cluster.another_answers() {
            self.summary.note(Situation::RoundLeaderless);
            FailureClass::NoLeader
        } else if self.rng.below(2) == 0 {
            self.rng
                .pick(&[FailureClass::Timeout, FailureClass::Unreachable])
        } else {
            // There is no answer before the deadline.
            return;
        };
        let result = Err(class.into());
        let event = Event::LivenessAnswered { id, result };
        // It arrives some time before the deadline; a leader that comes back earlier answers first.
        let delay = left - left * 2 / 5;
        self.answer_after(service, event, round.deadline, delay);
    }

    /// Returns the round in flight, if it has no answer yet.
    fn round(&self, service: usize) -> Option<Round> {
        let instance = self.services[service].instance.as_ref()?;
        instance
            .round
            .filter(|round| round.is_open && round.deadline > self.clock)
    }

    fn close_round(&mut self, service: usize) {
        if let Some(instance) = &mut self.services[service].instance
            && let Some(round) = &mut instance.round
        {
            round.is_open = false;
        }
    }
}

/// Returns whether an answer proves that the bus worked. In flight, it may keep a service Running after the bus has failed.
fn is_proof(event: &Event) -> bool {
    match event {
        Event::LivenessAnswered { result, .. } => {
            let proves = |failure: Failure| failure.class.kind() == FailureKind::Rejected;
            result.err().is_none_or(proves)
        }
        Event::StartAnswered { .. }
        | Event::RegistrationAnswered { .. }
        | Event::HandlerHealth { .. }
        | Event::StopAnswered { .. }
        | Event::Live { .. }
        | Event::Suspicion(_)
        | Event::ClientLost { .. }
        | Event::Shutdown => false,
    }
}
