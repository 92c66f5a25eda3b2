//! Every transition: each event in each state, and what time alone does.
//!
//! No arm is a wildcard. An event that means nothing in a state is ignored by an arm that says so, and a new state or
//! event does not compile until someone has decided.

use std::time::Instant;

use crate::action::Action;
use crate::event::Event;
use crate::failure::{Failure, TIMED_OUT};
use crate::handlers::{Registration, handler_id};
use crate::ids::{ClientId, LivenessId, RegistrationId, StopId};
use crate::settings::{OnClientLost, OnSuspicion};
use crate::state::{Doubt, InFlight, Live, Liveness, NotLive, Question, Standing, Started, State};
use crate::status::{Cause, Report, Status};
use crate::supervisor::Supervisor;

// What happens.
impl Supervisor {
    pub(crate) fn transition(&mut self, event: Event) {
        match event {
            Event::StartAnswered { id, result } => self.on_start_answered(id, result),
            Event::LivenessAnswered { id, result } => self.on_liveness_answered(id, result),
            Event::RegistrationAnswered { id, result } => self.on_registration_answered(id, result),
            Event::StopAnswered { id, result } => self.on_stop_answered(id, result),
            Event::Live { at } => self.on_live(at.min(self.now)),
            Event::Suspicion(hint) => self.on_suspicion(hint),
            Event::ClientLost { client, failure } => self.on_client_lost(client, failure),
            Event::Shutdown => self.on_shutdown(),
        }
    }

    fn on_start_answered(&mut self, answered: ClientId, result: Result<(), Failure>) {
        match self.state {
            State::Starting { id, attempt, .. } if id == answered => match result {
                Ok(()) => self.started(id, attempt),
                Err(failure) => self.start_failed(attempt, failure),
            },
            State::Starting { .. }
            | State::BackingOff { .. }
            | State::Started(_)
            | State::Draining { .. }
            | State::Stopping { .. }
            | State::Stopped
            | State::Failed => self.ignore_stale(),
        }
    }

    fn on_liveness_answered(&mut self, answered: LivenessId, result: Result<(), Failure>) {
        match self.state {
            State::Started(started) => match started.liveness {
                Liveness::NotLive(not_live) if not_live.in_flight == Some(answered) => {
                    self.not_live_answered(started, not_live, result);
                }
                Liveness::Live(live) => match live.question {
                    Question::InFlight(asking) if asking.id == answered => match result {
                        Ok(()) => self.proved(started, live, Standing::Clear),
                        Err(failure) => self.live_failed(started, live, asking, failure),
                    },
                    Question::InFlight(_)
                    | Question::Idle { .. }
                    | Question::Suspected { .. }
                    | Question::RetryPending { .. } => self.ignore_stale(),
                },
                Liveness::NotLive(_) => self.ignore_stale(),
            },
            State::Starting { .. }
            | State::BackingOff { .. }
            | State::Draining { .. }
            | State::Stopping { .. }
            | State::Stopped
            | State::Failed => self.ignore_stale(),
        }
    }

    fn on_registration_answered(&mut self, answered: RegistrationId, result: Result<(), Failure>) {
        let in_flight =
            self.registrations
                .iter()
                .enumerate()
                .find_map(|(index, slot)| match *slot {
                    Registration::Registering { id, attempt, .. } if id == answered => {
                        Some((index, attempt))
                    }
                    Registration::Registering { .. }
                    | Registration::Idle
                    | Registration::BackingOff { .. }
                    | Registration::Registered => None,
                });
        match (in_flight, result) {
            (None, Ok(()) | Err(_)) => self.ignore_stale(),
            (Some((index, _)), Ok(())) => {
                self.registrations[index] = Registration::Registered;
                self.settle();
            }
            (Some((index, attempt)), Err(failure)) => {
                self.registration_failed(index, attempt, failure);
            }
        }
    }

    fn on_stop_answered(&mut self, answered: StopId, result: Result<(), Failure>) {
        match self.state {
            State::Stopping { id, .. } if id == answered => self.stopped(match result {
                Ok(()) => Cause::ShutDown,
                Err(_) => Cause::ForcedStop,
            }),
            State::Stopping { .. }
            | State::Starting { .. }
            | State::BackingOff { .. }
            | State::Started(_)
            | State::Draining { .. }
            | State::Stopped
            | State::Failed => self.ignore_stale(),
        }
    }

    fn on_live(&mut self, at: Instant) {
        match self.state {
            State::Started(started) => match started.liveness {
                Liveness::NotLive(not_live)
                    if at > not_live.newest && at + self.config.detection_bound() > self.now =>
                {
                    self.not_live_proved(started, not_live, at, Standing::Clear);
                }
                Liveness::Live(live) if at > live.evidence => self.heard(started, live, at),
                // Old news, or too old to grant anything.
                Liveness::NotLive(_) | Liveness::Live(_) => {}
            },
            // Evidence of a client that is not there, or not wanted, any more.
            State::Starting { .. }
            | State::BackingOff { .. }
            | State::Draining { .. }
            | State::Stopping { .. }
            | State::Stopped
            | State::Failed => {}
        }
    }

    fn on_suspicion(&mut self, hint: Failure) {
        match self.state {
            State::Started(started) => match started.liveness {
                Liveness::NotLive(not_live) => self.set_liveness(
                    started,
                    Liveness::NotLive(NotLive {
                        hint: Some(not_live.hint.map_or(hint, |old| old.most_specific(hint))),
                        ..not_live
                    }),
                ),
                Liveness::Live(live) => match self.config.settings().on_suspicion {
                    OnSuspicion::Check => self.suspect(started, live, hint),
                    OnSuspicion::NotReady => {
                        let hint = live.question.hint_with(hint);
                        self.lose(started, live, Cause::LivenessFailed(hint), Some(hint));
                    }
                },
            },
            // There is nothing to doubt.
            State::Starting { .. }
            | State::BackingOff { .. }
            | State::Draining { .. }
            | State::Stopping { .. }
            | State::Stopped
            | State::Failed => {}
        }
    }

    fn on_client_lost(&mut self, client: ClientId, failure: Failure) {
        match self.state {
            State::Started(started) if started.client == client => {
                self.client_lost(started, failure);
            }
            State::Starting { .. }
            | State::BackingOff { .. }
            | State::Started(_)
            | State::Draining { .. }
            | State::Stopping { .. }
            | State::Stopped
            | State::Failed => self.ignore_stale(),
        }
    }

    fn on_shutdown(&mut self) {
        match self.state {
            State::Starting { .. }
            | State::BackingOff { .. }
            | State::Started(_)
            | State::Failed => {
                self.set_status(Status::NotReady, Cause::ShuttingDown);
                self.give_up_registrations();
                // The drain counts from when it could be seen that we are not ready; who never was needs none.
                let seen = self
                    .left_running
                    .map(|at| at + self.config.settings().drain);
                self.state = State::Draining {
                    until: seen.unwrap_or(self.now),
                };
            }
            // It is on its way.
            State::Draining { .. } | State::Stopping { .. } | State::Stopped => {}
        }
    }
}

// What time alone does.
impl Supervisor {
    /// Fires one thing that is due at `self.now`.
    pub(crate) fn fire(&mut self) {
        let now = self.now;
        if let Some(index) = self
            .registrations
            .iter()
            .position(|slot| slot.deadline().is_some_and(|due| due <= now))
        {
            return self.registration_due(index);
        }
        match self.state {
            State::Starting {
                id: client,
                attempt,
                ..
            } => {
                self.start_failed(attempt, TIMED_OUT);
                self.actions.push_back(Action::DiscardClient { client });
            }
            State::BackingOff { attempt, .. } => self.start(attempt),
            State::Started(started) => match started.liveness {
                Liveness::NotLive(not_live) => self.not_live_due(started, not_live),
                Liveness::Live(live) => self.live_due(started, live),
            },
            State::Draining { .. } => {
                let id = StopId::from_number(self.next_number());
                let deadline = now + self.config.settings().stop_timeout;
                self.state = State::Stopping { id, deadline };
                self.actions.push_back(Action::Stop { id, deadline });
            }
            State::Stopping { .. } => self.stopped(Cause::ForcedStop),
            // Neither has a deadline.
            State::Stopped | State::Failed => {}
        }
    }

    fn not_live_due(&mut self, started: Started, not_live: NotLive) {
        if not_live
            .recreate_at(&self.config)
            .is_some_and(|at| at <= self.now)
        {
            self.give_up_client(started);
        } else if not_live.in_flight.is_some() && !not_live.proved {
            let failed = self.not_live_failed(not_live, TIMED_OUT);
            self.ask_while_not_live(started, failed);
        } else {
            self.ask_while_not_live(started, not_live);
        }
    }

    fn live_due(&mut self, started: Started, live: Live) {
        let now = self.now;
        if live.lease(&self.config) <= now {
            self.lease_ran_out(started, live);
        } else if live.partial_end(&self.config).is_some_and(|end| end <= now) {
            let failure = live.standing.warning().unwrap_or(TIMED_OUT);
            let hint = live.question.hint();
            self.lose(started, live, Cause::LivenessFailed(failure), hint);
        } else {
            match live.question {
                Question::Idle { .. } => self.ask_while_live(started, live, now, 0, Doubt::None),
                Question::Suspected { hint, at, .. } => {
                    self.ask_while_live(started, live, at, 0, Doubt::SentIt(hint));
                }
                Question::RetryPending {
                    failures, unproved, ..
                } => {
                    self.ask_while_live(started, live, unproved, failures, Doubt::None);
                }
                Question::InFlight(asking) => self.live_failed(started, live, asking, TIMED_OUT),
            }
        }
    }

    /// Running was promised until now and not longer, whatever the question under way will bring.
    ///
    /// With timers that fire on time the last verdict comes at this very instant; with timers that fire
    /// late, the last question is what is cut short. The bound is a promise, a timeout is not.
    fn lease_ran_out(&mut self, started: Started, live: Live) {
        let cause = match live.question {
            Question::InFlight(InFlight {
                unproved, doubt, ..
            }) if live.evidence <= unproved => {
                Cause::LivenessFailed(doubt.hint().unwrap_or(TIMED_OUT))
            }
            Question::RetryPending { failure, .. } => Cause::LivenessFailed(failure),
            Question::InFlight(_) | Question::Idle { .. } | Question::Suspected { .. } => {
                Cause::Starved
            }
        };
        self.lose(started, live, cause, live.question.hint());
    }
}

// The client: start, loss, end.
impl Supervisor {
    fn start(&mut self, attempt: u32) {
        let id = ClientId::from_number(self.next_number());
        let deadline = self.now + self.config.settings().start_timeout;
        self.attempt = attempt;
        self.state = State::Starting {
            id,
            attempt,
            deadline,
        };
        self.actions.push_back(Action::Start {
            id,
            attempt,
            deadline,
        });
    }

    fn start_failed(&mut self, attempt: u32, failure: Failure) {
        self.set_status(Status::NotReady, Cause::StartFailed(failure));
        self.back_off(attempt);
    }

    /// Waits before the next start, after `unproved` starts in a row that proved nothing.
    fn back_off(&mut self, unproved: u32) {
        let backoff = self.config.settings().start_backoff;
        let delay = backoff.delay(unproved, &mut self.jitter);
        self.state = State::BackingOff {
            attempt: unproved.saturating_add(1),
            until: self.now + delay,
        };
    }

    fn started(&mut self, client: ClientId, attempt: u32) {
        if self.report.status == Status::NotReady {
            self.set_status(Status::NotReady, Cause::Starting);
        }
        let now = self.now;
        self.ask_while_not_live(
            Started {
                client,
                unproved: attempt,
                liveness: Liveness::NotLive(NotLive::since(now)),
            },
            NotLive::since(now),
        );
        for index in 0..self.registrations.len() {
            self.register(index, 1, None);
        }
    }

    pub(crate) fn client_lost(&mut self, started: Started, failure: Failure) {
        match self.config.settings().on_client_lost {
            OnClientLost::Recreate => {
                self.set_status(Status::NotReady, Cause::ClientLost(failure));
                self.give_up_client(started);
            }
            OnClientLost::Fail => {
                self.set_status(Status::Failed, Cause::ClientLost(failure));
                self.discard_client(started);
                self.state = State::Failed;
            }
        }
    }

    /// Discards the client and starts another, after the back-off.
    fn give_up_client(&mut self, started: Started) {
        self.discard_client(started);
        self.back_off(started.unproved);
    }

    fn discard_client(&mut self, started: Started) {
        self.give_up_registrations();
        self.actions.push_back(Action::DiscardClient {
            client: started.client,
        });
    }

    fn stopped(&mut self, cause: Cause) {
        self.state = State::Stopped;
        self.set_status(Status::Stopped, cause);
    }
}

// What it all means.
impl Supervisor {
    /// Reports what follows from a live bus and its handlers: Running, or what is still missing.
    pub(crate) fn settle(&mut self) {
        let State::Started(Started {
            liveness: Liveness::Live(live),
            ..
        }) = self.state
        else {
            return;
        };
        self.evidence = Some(live.evidence);
        let handlers = &self.config.settings().handlers;
        let mut missing = self
            .registrations
            .iter()
            .zip(handlers)
            .enumerate()
            .filter(|(_, (slot, handler))| handler.required && **slot != Registration::Registered)
            .map(|(index, (slot, _))| slot.failure().map(|failure| (index, failure)))
            .peekable();
        if missing.peek().is_none() {
            return self.set_running(&live);
        }
        match missing.flatten().next() {
            Some((index, failure)) => {
                let cause = Cause::HandlerFailed(handler_id(index), failure);
                self.set_status(Status::NotReady, cause);
            }
            None if self.report.status == Status::NotReady => {
                self.set_status(Status::NotReady, Cause::Starting);
            }
            None => {}
        }
    }

    fn set_running(&mut self, live: &Live) {
        let running = Report {
            status: Status::Running,
            cause: Cause::Evidence,
            warning: live.standing.warning(),
            evidence: Some(live.evidence),
            lease: Some(live.lease(&self.config)),
            ..self.report
        };
        if !self.set_report(running) && self.report.lease != running.lease {
            self.report.evidence = running.evidence;
            self.report.lease = running.lease;
            self.actions.push_back(Action::Renew {
                evidence: live.evidence,
                lease: live.lease(&self.config),
            });
        }
    }
}
