//! The rules of a started client's bus: when to ask whether it works, and what an answer, bad news and silence mean.
//!
//! `transition.rs` says which event in which state leads here.

use std::time::Instant;

use crate::action::Action;
use crate::failure::{Failure, FailureClass, FailureKind};
use crate::ids::LivenessId;
use crate::settings::RejectionPolicy;
use crate::state::{Doubt, InFlight, Live, Liveness, NotLive, Question, Standing, Started, State};
use crate::status::{Cause, Status};
use crate::supervisor::Supervisor;

// The bus while nothing proves that it works.
impl Supervisor {
    pub(crate) fn ask_while_not_live(&mut self, started: Started, not_live: NotLive) {
        let id = LivenessId::from_number(self.next_number());
        let intervals = self.config.not_live_intervals();
        let interval = intervals.doubled(not_live.failures.saturating_add(1));
        let deadline = self.now + interval;
        let asking = NotLive {
            in_flight: Some(id),
            sent: self.now,
            until: deadline,
            proved: false,
            ..not_live
        };
        self.set_liveness(started, Liveness::NotLive(asking));
        self.actions
            .push_back(Action::SendLiveness { id, deadline });
    }

    pub(crate) fn not_live_answered(
        &mut self,
        started: Started,
        not_live: NotLive,
        result: Result<(), Failure>,
    ) {
        let answered = NotLive {
            in_flight: None,
            ..not_live
        };
        let now = self.now;
        match result.map_err(|failure| (failure, self.takes_for_live(failure))) {
            Ok(()) => self.not_live_proved(started, answered, now, Standing::Clear),
            Err((failure, true)) => {
                self.not_live_proved(started, answered, now, Standing::Warned(failure));
            }
            Err((failure, false)) if failure.class == FailureClass::ClientFatal => {
                self.client_lost(started, failure);
            }
            // Its interval has had its proof, so a timeout means nothing.
            Err((failure, false))
                if answered.proved && failure.class.kind() == FailureKind::Ambiguous =>
            {
                self.set_liveness(started, Liveness::NotLive(answered));
            }
            Err((failure, false)) => {
                let failed = self.not_live_failed(answered, failure);
                self.set_liveness(started, Liveness::NotLive(failed));
            }
        }
    }

    pub(crate) fn not_live_failed(&mut self, not_live: NotLive, failure: Failure) -> NotLive {
        let reason = not_live
            .hint
            .map_or(failure, |hint| hint.most_specific(failure));
        self.set_status(Status::NotReady, Cause::LivenessFailed(reason));
        NotLive {
            successes: 0,
            failures: not_live.failures.saturating_add(1),
            ..not_live
        }
    }

    pub(crate) fn not_live_proved(
        &mut self,
        started: Started,
        not_live: NotLive,
        evidence: Instant,
        standing: Standing,
    ) {
        let successes = not_live.successes + u32::from(!not_live.proved);
        let settings = self.config.settings();
        if successes < settings.successes_to_ready {
            self.evidence = Some(evidence);
            let proved = NotLive {
                newest: evidence,
                hint: None,
                proved: true,
                successes,
                failures: 0,
                ..not_live
            };
            return self.set_liveness(started, Liveness::NotLive(proved));
        }
        let mut live = Live {
            evidence,
            sent: not_live.sent,
            standing,
            question: Question::Idle { due: evidence },
        };
        live.question = match not_live.in_flight {
            Some(id) => Question::InFlight(InFlight {
                id,
                unproved: not_live.sent,
                deadline: not_live.until.min(self.now + settings.liveness_timeout),
                failures: 0,
                doubt: Doubt::None,
            }),
            None => Question::Idle {
                due: live.next_due(self.now, &self.config),
            },
        };
        self.state = State::Started(Started {
            unproved: 0,
            liveness: Liveness::Live(live),
            ..started
        });
        self.settle();
    }
}

// The bus while it works.
impl Supervisor {
    /// Asks, because nothing has proved that the bus works since `unproved`: the silence, the bad news, or the first of
    /// the liveness messages that failed.
    pub(crate) fn ask_while_live(
        &mut self,
        started: Started,
        live: Live,
        unproved: Instant,
        failures: u32,
        doubt: Doubt,
    ) {
        let id = LivenessId::from_number(self.next_number());
        let settings = self.config.settings();
        let timeout = match doubt {
            Doubt::SentIt(_) => settings.suspicion_timeout,
            Doubt::None | Doubt::CameLater(_) => settings.liveness_timeout,
        };
        let deadline = self.now + timeout;
        let asking = Live {
            sent: self.now,
            question: Question::InFlight(InFlight {
                id,
                unproved,
                deadline,
                failures,
                doubt,
            }),
            ..live
        };
        self.set_liveness(started, Liveness::Live(asking));
        self.actions
            .push_back(Action::SendLiveness { id, deadline });
    }

    /// A liveness message was answered, in whatever way proves that the bus lives.
    pub(crate) fn proved(&mut self, started: Started, live: Live, standing: Standing) {
        let mut live = Live {
            evidence: self.now,
            standing,
            ..live
        };
        live.question = Question::Idle {
            due: live.next_due(self.now, &self.config),
        };
        self.set_liveness(started, Liveness::Live(live));
        self.settle();
    }

    /// Ordinary traffic proved it, at `at`.
    pub(crate) fn heard(&mut self, started: Started, live: Live, at: Instant) {
        let mut live = Live {
            evidence: at,
            ..live
        };
        let quiet = Question::Idle {
            due: live.next_due(self.now, &self.config),
        };
        live.question = match live.question {
            Question::Idle { due } => match live.standing {
                Standing::Clear => quiet,
                Standing::Warned(_) | Standing::Partial { .. } => Question::Idle { due },
            },
            Question::Suspected { at: suspected, .. } if at > suspected => quiet,
            Question::RetryPending { unproved, .. } if at > unproved => quiet,
            Question::InFlight(asking) if at > asking.unproved => Question::InFlight(InFlight {
                failures: 0,
                doubt: Doubt::None,
                ..asking
            }),
            question @ (Question::Suspected { .. }
            | Question::RetryPending { .. }
            | Question::InFlight(_)) => question,
        };
        self.set_liveness(started, Liveness::Live(live));
        self.settle();
    }

    pub(crate) fn suspect(&mut self, started: Started, live: Live, hint: Failure) {
        let now = self.now;
        let settings = self.config.settings();
        let soonest = live.spaced(now, &self.config);
        let hint = live.question.hint_with(hint);
        let question = match live.question {
            Question::Idle { due }
            | Question::RetryPending { due, .. }
            | Question::Suspected { due, .. } => Question::Suspected {
                hint,
                at: now,
                due: due.min(soonest),
            },
            Question::InFlight(asking) => Question::InFlight(InFlight {
                unproved: now,
                deadline: asking.deadline.min(now + settings.suspicion_timeout),
                failures: 0,
                doubt: match asking.doubt {
                    Doubt::None | Doubt::CameLater(_) => Doubt::CameLater(hint),
                    Doubt::SentIt(_) => Doubt::SentIt(hint),
                },
                ..asking
            }),
        };
        self.set_liveness(started, Liveness::Live(Live { question, ..live }));
    }

    /// The liveness message under way failed, or is overdue.
    pub(crate) fn live_failed(
        &mut self,
        started: Started,
        live: Live,
        asking: InFlight,
        failure: Failure,
    ) {
        match failure.class.kind() {
            FailureKind::Definitive if failure.class == FailureClass::ClientFatal => {
                self.client_lost(started, failure);
            }
            FailureKind::Definitive => self.lose_answered(started, live, failure),
            FailureKind::Rejected if self.takes_for_live(failure) => {
                self.proved(started, live, Standing::Warned(failure));
            }
            FailureKind::Rejected => self.lose_answered(started, live, failure),
            FailureKind::Partial => self.leaders_missing(started, live, failure),
            FailureKind::Ambiguous => self.ambiguously_failed(started, live, asking, failure),
        }
    }

    pub(crate) fn leaders_missing(&mut self, started: Started, live: Live, failure: Failure) {
        let since = match live.standing {
            Standing::Partial { since, .. } => since,
            Standing::Clear | Standing::Warned(_) => self.now,
        };
        let mut live = Live {
            standing: Standing::Partial { failure, since },
            ..live
        };
        if live
            .partial_end(&self.config)
            .is_some_and(|end| end <= self.now)
        {
            return self.lose_answered(started, live, failure);
        }
        live.question = Question::Idle {
            due: live.next_due(self.now, &self.config),
        };
        self.set_liveness(started, Liveness::Live(live));
        self.settle();
    }

    pub(crate) fn ambiguously_failed(
        &mut self,
        started: Started,
        mut live: Live,
        asking: InFlight,
        failure: Failure,
    ) {
        if live.evidence > asking.unproved {
            live.question = Question::Idle {
                due: live.next_due(self.now, &self.config),
            };
            return self.set_liveness(started, Liveness::Live(live));
        }
        let failures = asking.failures.saturating_add(1);
        let enough = self.config.settings().failures_to_not_ready;
        match asking.doubt {
            Doubt::SentIt(hint) => self.lose_answered(started, live, hint.most_specific(failure)),
            Doubt::CameLater(hint) if failures >= enough => {
                self.lose_answered(started, live, hint.most_specific(failure));
            }
            Doubt::None if failures >= enough => self.lose_answered(started, live, failure),
            // It was asked before the bad news, and may have been lost to what ended before it: one that is asked now decides.
            Doubt::CameLater(hint) => {
                live.question = Question::Suspected {
                    hint,
                    at: asking.unproved,
                    due: live.spaced(self.now, &self.config),
                };
                self.set_liveness(started, Liveness::Live(live));
            }
            Doubt::None => {
                live.question = Question::RetryPending {
                    failures,
                    failure,
                    unproved: asking.unproved,
                    due: self.now + self.config.settings().recheck_delay,
                };
                self.set_liveness(started, Liveness::Live(live));
            }
        }
    }

    /// Not live any more, after a liveness message that is over.
    pub(crate) fn lose_answered(&mut self, started: Started, live: Live, failure: Failure) {
        let hint = live.question.hint();
        let answered = Live {
            question: Question::Idle { due: self.now },
            ..live
        };
        self.lose(started, answered, Cause::LivenessFailed(failure), hint);
    }

    /// Not live any more. A liveness message that is still under way has one interval more; else the next one goes out as
    /// soon as the interval allows.
    pub(crate) fn lose(
        &mut self,
        started: Started,
        live: Live,
        cause: Cause,
        hint: Option<Failure>,
    ) {
        self.set_status(Status::NotReady, cause);
        let now = self.now;
        let interval = self.config.settings().not_live_interval;
        let not_live = NotLive {
            sent: live.sent,
            until: now.max(live.sent + interval),
            hint,
            ..NotLive::since(now)
        };
        let not_live = match live.question {
            Question::InFlight(asking) if asking.deadline > now => NotLive {
                in_flight: Some(asking.id),
                until: asking.deadline.min(now + interval),
                ..not_live
            },
            Question::InFlight(_)
            | Question::Idle { .. }
            | Question::Suspected { .. }
            | Question::RetryPending { .. } => not_live,
        };
        self.set_liveness(started, Liveness::NotLive(not_live));
    }
}

impl Supervisor {
    pub(crate) fn set_liveness(&mut self, started: Started, liveness: Liveness) {
        self.state = State::Started(Started {
            liveness,
            ..started
        });
    }

    /// Whether this failure proves that the bus lives.
    pub(crate) fn takes_for_live(&self, failure: Failure) -> bool {
        failure.class.kind() == FailureKind::Rejected
            && self.config.settings().on_rejection == RejectionPolicy::Live
    }
}

impl NotLive {
    /// Nothing was asked yet; the first liveness message is due at once.
    pub(crate) const fn since(now: Instant) -> Self {
        Self {
            newest: now,
            in_flight: None,
            sent: now,
            until: now,
            proved: false,
            successes: 0,
            failures: 0,
            hint: None,
        }
    }
}
