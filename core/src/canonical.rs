//! What a supervisor will do from here on, without what cannot matter to it: for whoever explores all states that there are.
//!
//! Time goes on, names are never used twice and counters count, so no state ever comes back. Yet the next operation is the
//! same whatever its name, a deadline is as far away whatever the clock says, and what happened long ago decides nothing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backoff::{Backoff, Jitter};
use crate::config::Config;
use crate::handlers::Registration;
use crate::ids::{ClientId, LivenessId, OpId, RegistrationId, StopId};
use crate::state::{InFlight, Live, Liveness, NotLive, Question, Standing, Started, State};
use crate::status::Report;
use crate::supervisor::Supervisor;

impl Supervisor {
    /// The one supervisor that stands for all those which go on like this one, at `epoch` for its newest instant; and what the
    /// operations that it knows are called here, in the order of their names there: 1, 2, 3.
    ///
    /// Both then do the same when they are told the same by these names and `epoch`, but for what only tells: `since`,
    /// `evidence` and `attempt` of a report, the `attempt` of an operation once its back-off has reached its longest delay, and
    /// [`stale_answers`](Self::stale_answers). Actions that were not polled are not taken along.
    ///
    /// The clock must have as much room before `epoch` as this supervisor looks back, which is a few years at most. An instant
    /// for which there is none counts as `epoch`: then the two do not go on alike, and nothing panics.
    #[must_use]
    pub fn canonical(&self, epoch: Instant) -> (Self, Vec<OpId>) {
        let mut view = View {
            config: &self.config,
            now: self.now,
            epoch,
            names: Vec::new(),
        };
        let settings = self.config.settings();
        let state = view.state(self.state);
        let registrations = self.registrations.iter().map(|it| view.registration(*it));
        let registrations = registrations.collect();
        let jitters = [settings.start_backoff, settings.registration_backoff];
        let supervisor = Self {
            config: Arc::clone(&self.config),
            state,
            registrations,
            // No room for any yet: millions of these wait for their turn.
            actions: VecDeque::new(),
            report: Report {
                since: epoch,
                evidence: None,
                attempt: 0,
                lease: self.report.lease.map(|lease| view.at(lease)),
                ..self.report
            },
            evidence: None,
            attempt: 0,
            // A drain that would be over by now is none.
            left_running: self
                .left_running
                .filter(|at| *at + settings.drain > self.now)
                .map(|at| view.at(at)),
            now: epoch,
            jitter: if jitters.iter().all(|it| it.jitter_percent == 0) {
                Jitter::new(0)
            } else {
                self.jitter.clone()
            },
            operations: view.names.len() as u64,
            stale_answers: 0,
        };
        (supervisor, view.names)
    }
}

/// One supervisor, seen from its newest instant.
struct View<'a> {
    config: &'a Config,
    now: Instant,
    epoch: Instant,
    names: Vec<OpId>,
}

impl View<'_> {
    fn state(&mut self, state: State) -> State {
        let start_backoff = self.config.settings().start_backoff;
        match state {
            State::Starting {
                id,
                attempt,
                deadline,
            } => State::Starting {
                id: ClientId::from_number(self.name(id)),
                attempt: saturated(attempt, start_backoff),
                deadline: self.at(deadline),
            },
            State::BackingOff { attempt, until } => State::BackingOff {
                attempt: saturated(attempt, start_backoff),
                until: self.at(until),
            },
            State::Started(Started {
                client,
                unproved,
                liveness,
            }) => State::Started(Started {
                client: ClientId::from_number(self.name(client)),
                unproved: saturated(unproved, start_backoff),
                liveness: match liveness {
                    Liveness::NotLive(not_live) => Liveness::NotLive(self.not_live(not_live)),
                    Liveness::Live(live) => Liveness::Live(self.live(live)),
                },
            }),
            State::Draining { until } => State::Draining {
                until: self.at(until),
            },
            State::Stopping { id, deadline } => State::Stopping {
                id: StopId::from_number(self.name(id)),
                deadline: self.at(deadline),
            },
            State::Stopped => State::Stopped,
            State::Failed => State::Failed,
        }
    }

    fn not_live(&mut self, not_live: NotLive) -> NotLive {
        let NotLive {
            newest,
            in_flight,
            sent,
            until,
            proved,
            successes,
            failures,
            hint,
        } = not_live;
        // Evidence that is older than the bound is refused for that alone.
        let newest = match self.config.settings().recreate_after {
            Some(_) => newest,
            None => self.forget(newest, self.config.detection_bound()),
        };
        NotLive {
            newest: self.at(newest),
            sent: self.sent(sent, in_flight.is_some()),
            in_flight: in_flight.map(|id| LivenessId::from_number(self.name(id))),
            until: self.at(until),
            proved,
            successes,
            failures: failures.min(saturation(self.config.not_live_intervals()) - 1),
            hint,
        }
    }

    fn live(&mut self, live: Live) -> Live {
        let Live {
            evidence,
            sent,
            standing,
            question,
        } = live;
        Live {
            evidence: self.at(evidence),
            sent: self.sent(sent, matches!(question, Question::InFlight(_))),
            standing: match standing {
                Standing::Clear => Standing::Clear,
                Standing::Warned(failure) => Standing::Warned(failure),
                // Evidence begins the tolerance anew.
                Standing::Partial { failure, since } => Standing::Partial {
                    failure,
                    since: self.at(since.max(evidence)),
                },
            },
            question: self.question(question),
        }
    }

    fn question(&mut self, question: Question) -> Question {
        match question {
            Question::Idle { due } => Question::Idle { due: self.at(due) },
            Question::Suspected { hint, at, due } => Question::Suspected {
                hint,
                at: self.at(at),
                due: self.at(due),
            },
            Question::InFlight(InFlight {
                id,
                unproved,
                deadline,
                failures,
                doubt,
            }) => Question::InFlight(InFlight {
                id: LivenessId::from_number(self.name(id)),
                unproved: self.at(unproved),
                deadline: self.at(deadline),
                failures,
                doubt,
            }),
            Question::RetryPending {
                failures,
                failure,
                unproved,
                due,
            } => Question::RetryPending {
                failures,
                failure,
                unproved: self.at(unproved),
                due: self.at(due),
            },
        }
    }

    fn registration(&mut self, registration: Registration) -> Registration {
        let backoff = self.config.settings().registration_backoff;
        match registration {
            Registration::Idle => Registration::Idle,
            Registration::Registering {
                id,
                attempt,
                deadline,
                failure,
            } => Registration::Registering {
                id: RegistrationId::from_number(self.name(id)),
                attempt: saturated(attempt, backoff),
                deadline: self.at(deadline),
                failure,
            },
            Registration::BackingOff {
                attempt,
                until,
                failure,
            } => Registration::BackingOff {
                attempt: saturated(attempt, backoff),
                until: self.at(until),
                failure,
            },
            Registration::Registered => Registration::Registered,
        }
    }

    /// When the newest liveness message was sent: while it is under way evidence is compared with it, afterwards only the
    /// distance to the next one counts from it.
    fn sent(&self, sent: Instant, under_way: bool) -> Instant {
        let settings = self.config.settings();
        let distance = settings.suspicion_spacing.max(settings.not_live_interval);
        self.at(if under_way {
            sent
        } else {
            self.forget(sent, distance)
        })
    }

    /// `at`, or whatever else is at least `age` ago.
    fn forget(&self, at: Instant, age: Duration) -> Instant {
        match self.now.checked_sub(age) {
            Some(long_ago) => at.max(long_ago),
            None => at,
        }
    }

    fn at(&self, at: Instant) -> Instant {
        let ago = self.now.saturating_duration_since(at);
        at.checked_duration_since(self.now).map_or_else(
            || self.epoch.checked_sub(ago).unwrap_or(self.epoch),
            |ahead| self.epoch + ahead,
        )
    }

    /// The number that this operation has here.
    fn name(&mut self, id: impl Into<OpId>) -> u64 {
        self.names.push(id.into());
        self.names.len() as u64
    }
}

/// The number of failures from which on the delay is its longest.
fn saturation(backoff: Backoff) -> u32 {
    (1..=32)
        .find(|failures| backoff.doubled(*failures) == backoff.doubled(u32::MAX))
        .unwrap_or(32)
}

fn saturated(attempt: u32, backoff: Backoff) -> u32 {
    attempt.min(saturation(backoff))
}
