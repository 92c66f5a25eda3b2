//! Liveness: whether the bus of one client works, judged by evidence, suspicions and liveness checks.
//!
//! The supervisor makes one [`Liveness`] for each client and gives it inputs; it returns what follows. Every deadline lives inside
//! the state that needs it.

use std::time::{Duration, Instant};

use crate::context::Context;
use crate::diagnosis::Diagnosis;
use crate::failure::{Failure, FailureClass, FailureKind, TIMED_OUT};
use crate::ids::{LivenessId, OperationIds};
use crate::settings::{OnSuspicion, RejectionPolicy};

/// The liveness of one client's bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Liveness {
    state: State,
    /// What the cause will say if the bus is not live: the most specific failure or suspicion that nothing has refuted.
    diagnosis: Option<Diagnosis>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum State {
    NotLive(NotLive),
    Live(Live),
}

/// Nothing proves that the bus works. There is one liveness message per interval, open until the interval ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct NotLive {
    /// Only evidence that is newer than this counts: the newest that did, or the instant at which the bus ceased to be live.
    only_evidence_after: Instant,
    /// The liveness message of this interval, while it is not answered.
    in_flight: Option<LivenessId>,
    /// When the newest liveness message was sent.
    sent: Instant,
    /// When this interval ends and the next liveness message goes out.
    interval_end: Instant,
    /// Whether this interval has brought evidence.
    has_proof: bool,
    streak: Streak,
}

/// How the newest intervals ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Streak {
    /// None that counts has ended since the client was started or the bus ceased to be live.
    None,
    /// This many in a row brought evidence.
    Successes(u32),
    /// This many in a row failed.
    Failures(u32),
}

/// The bus was proved to work, not long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Live {
    /// The newest evidence.
    evidence: Instant,
    /// When the newest liveness message was sent.
    sent: Instant,
    degradation: Degradation,
    check: Check,
}

/// What is wrong with a bus that is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Degradation {
    None,
    /// It answers, and rejects what the service asks for.
    Rejected(Failure),
    /// A part of it answers: the leaders of the checked partitions are missing, or wait for their replicas.
    Partial {
        failure: Failure,
        since: Instant,
    },
}

/// The check of a live bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Check {
    /// None is needed until `due`. Evidence moves that instant.
    Idle { due: Instant },
    /// A suspicion came at `at`: a liveness message goes out at `due` unless newer evidence comes first. Its outcome decides alone
    /// unless the suspicion was of a part of the bus only.
    Suspected {
        at: Instant,
        due: Instant,
        decides: bool,
    },
    /// A liveness message is in flight.
    InFlight(InFlight),
    /// A liveness message failed ambiguously. The next goes out at `due` unless evidence newer than `unverified_since` comes first.
    RetryPending {
        failures: u32,
        unverified_since: Instant,
        due: Instant,
    },
}

/// A liveness message in flight while the bus is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct InFlight {
    id: LivenessId,
    /// Evidence that is newer refutes what the message was sent for, so that its timeout means nothing: the instant of the suspicion or
    /// of the first message sent for silence.
    unverified_since: Instant,
    deadline: Instant,
    trigger: Trigger,
}

/// What a liveness message in flight was sent for, as far as nothing has refuted it, and what its timeout means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Trigger {
    /// Silence, or a suspicion of a part of the bus, after this many ambiguous failures in a row: a timeout is one more.
    Silence { failures: u32 },
    /// Silence, and a suspicion came after the message was sent: if the message times out, another one decides.
    SilenceThenSuspicion,
    /// A suspicion: the outcome of the message decides alone.
    Suspicion,
}

/// A liveness message to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LivenessMessage {
    pub(crate) id: LivenessId,
    pub(crate) deadline: Instant,
}

/// What an input leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Outcome {
    /// Nothing that others can see.
    Unchanged,
    /// There is newer evidence, and not yet enough of it.
    Evidence(Instant),
    /// The bus is live. Its [grant](Liveness::grant) may have changed.
    Live,
    /// The bus is not live: a liveness message, or what stands for its outcome, failed.
    NotLive(Failure),
    /// The bus is not live: the lease ended, and no check was made in time.
    Starved,
    /// The client is beyond repair.
    ClientLost(Failure),
    /// Nothing proved the client to be of use for `recreate_after`.
    ClientUseless,
}

/// What a live bus allows: to be Running until the lease ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) evidence: Instant,
    pub(crate) lease: Instant,
    pub(crate) warning: Option<Failure>,
}

/// The timers of a liveness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// Not live: nothing proved the client to be of use for too long.
    Recreation,
    /// Not live: the interval ends.
    IntervalEnd,
    /// Live: the lease ends without newer evidence.
    LeaseEnd,
    /// Live: that a part of the bus is missing is tolerated no longer.
    ToleranceEnd,
    /// Live: a liveness message is to be sent, or the one in flight times out.
    Check,
}

impl Liveness {
    /// Begins with a client that has no evidence yet, and sends the first liveness message. `diagnosis` is what is known of the bus
    /// through the client before it.
    pub(crate) fn start(
        diagnosis: Option<Diagnosis>,
        cx: Context<'_>,
        ids: &mut OperationIds,
    ) -> (Self, LivenessMessage) {
        let message = message_of_interval(Streak::None, cx, ids);
        let not_live = NotLive {
            only_evidence_after: cx.now,
            in_flight: Some(message.id),
            sent: cx.now,
            interval_end: message.deadline,
            has_proof: false,
            streak: Streak::None,
        };
        let state = State::NotLive(not_live);
        (Self { state, diagnosis }, message)
    }

    /// Takes evidence that was observed at `at`. Only evidence that is newer than what is known counts.
    pub(crate) fn on_evidence(&mut self, at: Instant, cx: Context<'_>) -> Outcome {
        match self.state {
            State::NotLive(not_live)
                if at > not_live.only_evidence_after
                    && at + cx.config.detection_bound() > cx.now =>
            {
                self.count_evidence(not_live, at, Degradation::None, cx)
            }
            State::Live(live) => self.extend_lease(live, at, cx),
            State::NotLive(_) => Outcome::Unchanged,
        }
    }

    /// Takes a suspicion. It decides nothing unless the settings say so: it brings the next check forward.
    pub(crate) fn on_suspicion(&mut self, suspicion: Failure, cx: Context<'_>) -> Outcome {
        let failure = self.diagnose(suspicion, cx);
        let State::Live(live) = self.state else {
            return Outcome::Unchanged;
        };
        match cx.settings().on_suspicion {
            OnSuspicion::Check => {
                let check = if suspicion.class.kind() == FailureKind::Partial {
                    live.check_after_partial_suspicion(cx)
                } else {
                    live.check_after_suspicion(cx)
                };
                self.state = State::Live(Live { check, ..live });
                Outcome::Unchanged
            }
            OnSuspicion::NotReady => {
                self.mark_not_live(live, live.check.open_message_at(cx.now), cx);
                Outcome::NotLive(failure)
            }
        }
    }

    /// Takes the answer to a liveness message; `None` if that message is not in flight.
    pub(crate) fn on_answer(
        &mut self,
        id: LivenessId,
        result: Result<(), Failure>,
        cx: Context<'_>,
    ) -> Option<Outcome> {
        match self.state {
            State::NotLive(not_live) if not_live.in_flight == Some(id) => {
                let answered = NotLive {
                    in_flight: None,
                    ..not_live
                };
                Some(self.answer_while_not_live(answered, result, cx))
            }
            State::Live(live) => match live.check {
                Check::InFlight(check) if check.id == id => Some(match result {
                    Ok(()) => self.check_succeeded(live, Degradation::None, cx),
                    Err(failure) => self.check_failed(live, check, failure, cx),
                }),
                Check::InFlight(_)
                | Check::Idle { .. }
                | Check::Suspected { .. }
                | Check::RetryPending { .. } => None,
            },
            State::NotLive(_) => None,
        }
    }

    /// Visits the timers of the current state with their instants. Of several that are due the first one fires.
    #[inline]
    pub(crate) fn visit_timers(&self, cx: Context<'_>, mut visit: impl FnMut(Instant, Timer)) {
        match &self.state {
            State::NotLive(not_live) => {
                if let Some(at) = not_live.recreate_at(cx) {
                    visit(at, Timer::Recreation);
                }
                visit(not_live.interval_end, Timer::IntervalEnd);
            }
            State::Live(live) => {
                visit(live.lease(cx), Timer::LeaseEnd);
                if let Some(at) = live.tolerance_end(cx) {
                    visit(at, Timer::ToleranceEnd);
                }
                visit(live.check.due(), Timer::Check);
            }
        }
    }

    /// Fires a timer that is due. Returns what to report, then what to send.
    pub(crate) fn on_timer(
        &mut self,
        timer: Timer,
        cx: Context<'_>,
        ids: &mut OperationIds,
    ) -> (Outcome, Option<LivenessMessage>) {
        match (self.state, timer) {
            (State::NotLive(_), Timer::Recreation) => (Outcome::ClientUseless, None),
            (State::NotLive(not_live), Timer::IntervalEnd) => {
                let is_failure = not_live.in_flight.is_some() && !not_live.has_proof;
                let (ended, outcome) = if is_failure {
                    (
                        not_live.failed(),
                        Outcome::NotLive(self.diagnose(TIMED_OUT, cx)),
                    )
                } else {
                    (not_live, Outcome::Unchanged)
                };
                (outcome, Some(self.next_interval(ended, cx, ids)))
            }
            (State::Live(live), Timer::LeaseEnd) => (self.lease_ended(live, cx), None),
            (State::Live(live), Timer::ToleranceEnd) => {
                let failure = self.diagnose(live.degradation.warning().unwrap_or(TIMED_OUT), cx);
                (self.expire(live, Outcome::NotLive(failure), cx), None)
            }
            (State::Live(live), Timer::Check) => match live.check {
                Check::Idle { .. } => {
                    let trigger = Trigger::Silence { failures: 0 };
                    self.send_check(live, cx.now, trigger, cx, ids)
                }
                Check::Suspected { at, decides, .. } => {
                    let trigger = if decides {
                        Trigger::Suspicion
                    } else {
                        Trigger::Silence { failures: 0 }
                    };
                    self.send_check(live, at, trigger, cx, ids)
                }
                Check::RetryPending {
                    failures,
                    unverified_since,
                    ..
                } => {
                    let trigger = Trigger::Silence { failures };
                    self.send_check(live, unverified_since, trigger, cx, ids)
                }
                Check::InFlight(check) => (self.check_failed(live, check, TIMED_OUT, cx), None),
            },
            // A timer fires in the state that it was derived from.
            (State::NotLive(_), Timer::LeaseEnd | Timer::ToleranceEnd | Timer::Check)
            | (State::Live(_), Timer::Recreation | Timer::IntervalEnd) => {
                (Outcome::Unchanged, None)
            }
        }
    }

    /// Returns what a live bus allows; `None` while it is not live.
    pub(crate) fn grant(&self, cx: Context<'_>) -> Option<Grant> {
        match self.state {
            State::NotLive(_) => None,
            State::Live(live) => Some(Grant {
                evidence: live.evidence,
                lease: live.lease(cx),
                warning: live.degradation.warning(),
            }),
        }
    }

    /// Returns whether evidence is awaited to make the bus live: whether it must reach the supervisor at once.
    pub(crate) const fn wants_evidence(&self) -> bool {
        match self.state {
            State::NotLive(not_live) => !not_live.has_proof,
            State::Live(_) => false,
        }
    }

    /// Returns what is known of the bus through this client.
    pub(crate) const fn diagnosis(&self) -> Option<Diagnosis> {
        self.diagnosis
    }

    /// Takes what a failure or a suspicion says of the bus. Returns the most specific that is known.
    fn diagnose(&mut self, newer: Failure, cx: Context<'_>) -> Failure {
        let known = match self.state {
            State::NotLive(_) => self.diagnosis,
            // While live it lasts until evidence refutes it, and without evidence the lease ends.
            State::Live(_) => self.diagnosis.map(|it| it.renewed(cx)),
        };
        let diagnosis = Diagnosis::updated(known, newer, cx);
        self.diagnosis = Some(diagnosis);
        diagnosis.failure()
    }
}

// While nothing proves that the bus works.
impl Liveness {
    fn answer_while_not_live(
        &mut self,
        answered: NotLive,
        result: Result<(), Failure>,
        cx: Context<'_>,
    ) -> Outcome {
        let failure = match result {
            Ok(()) => return self.count_evidence(answered, cx.now, Degradation::None, cx),
            Err(failure) if counts_as_alive(failure, cx) => {
                return self.count_evidence(answered, cx.now, Degradation::Rejected(failure), cx);
            }
            Err(failure) => failure,
        };
        if failure.class == FailureClass::ClientFatal {
            return Outcome::ClientLost(failure);
        }
        // The interval has its proof, so a timeout means nothing.
        if answered.has_proof && failure.class.kind() == FailureKind::Ambiguous {
            self.state = State::NotLive(answered);
            return Outcome::Unchanged;
        }
        self.state = State::NotLive(answered.failed());
        Outcome::NotLive(self.diagnose(failure, cx))
    }

    /// Counts evidence. Enough of it makes the bus live; a liveness message in flight goes on as its check.
    fn count_evidence(
        &mut self,
        not_live: NotLive,
        evidence: Instant,
        degradation: Degradation,
        cx: Context<'_>,
    ) -> Outcome {
        self.diagnosis = None;
        let settings = cx.settings();
        let successes = not_live.streak.successes() + u32::from(!not_live.has_proof);
        if successes < settings.successes_to_ready {
            self.state = State::NotLive(NotLive {
                only_evidence_after: evidence,
                has_proof: true,
                streak: Streak::of_successes(successes),
                ..not_live
            });
            return Outcome::Evidence(evidence);
        }
        let sent = not_live.sent;
        let check = match not_live.in_flight {
            Some(id) => Check::InFlight(InFlight {
                id,
                unverified_since: sent,
                deadline: not_live
                    .interval_end
                    .min(cx.now + settings.liveness_timeout),
                trigger: Trigger::Silence { failures: 0 },
            }),
            None => degradation.idle_check(evidence, sent, cx),
        };
        self.state = State::Live(Live {
            evidence,
            sent,
            degradation,
            check,
        });
        Outcome::Live
    }

    fn next_interval(
        &mut self,
        not_live: NotLive,
        cx: Context<'_>,
        ids: &mut OperationIds,
    ) -> LivenessMessage {
        let message = message_of_interval(not_live.streak, cx, ids);
        self.state = State::NotLive(NotLive {
            in_flight: Some(message.id),
            sent: cx.now,
            interval_end: message.deadline,
            has_proof: false,
            ..not_live
        });
        message
    }
}

impl NotLive {
    fn failed(self) -> Self {
        Self {
            streak: Streak::Failures(self.streak.failures().saturating_add(1)),
            ..self
        }
    }

    fn recreate_at(&self, cx: Context<'_>) -> Option<Instant> {
        let after = cx.settings().recreate_after;
        after.map(|after| self.only_evidence_after + after)
    }
}

// While the bus works.
impl Liveness {
    /// Sends a liveness message, since nothing has proved that the bus works after `unverified_since`.
    fn send_check(
        &mut self,
        live: Live,
        unverified_since: Instant,
        trigger: Trigger,
        cx: Context<'_>,
        ids: &mut OperationIds,
    ) -> (Outcome, Option<LivenessMessage>) {
        let settings = cx.settings();
        let timeout = match trigger {
            Trigger::Suspicion => live.suspicion_timeout(cx),
            Trigger::Silence { .. } | Trigger::SilenceThenSuspicion => settings.liveness_timeout,
        };
        let id = ids.next();
        let deadline = cx.now + timeout;
        self.state = State::Live(Live {
            sent: cx.now,
            check: Check::InFlight(InFlight {
                id,
                unverified_since,
                deadline,
                trigger,
            }),
            ..live
        });
        (Outcome::Unchanged, Some(LivenessMessage { id, deadline }))
    }

    /// Takes the success of the liveness message in flight.
    fn check_succeeded(
        &mut self,
        live: Live,
        degradation: Degradation,
        cx: Context<'_>,
    ) -> Outcome {
        self.diagnosis = None;
        self.state = State::Live(Live {
            evidence: cx.now,
            degradation,
            check: degradation.idle_check(cx.now, live.sent, cx),
            ..live
        });
        Outcome::Live
    }

    /// Takes evidence of ordinary traffic at `at`.
    fn extend_lease(&mut self, live: Live, at: Instant, cx: Context<'_>) -> Outcome {
        if at <= live.evidence {
            return Outcome::Unchanged;
        }
        if live.check.is_refuted_by(at) {
            self.diagnosis = None;
        }
        self.state = State::Live(Live {
            evidence: at,
            check: live.check_after_evidence(at, cx),
            ..live
        });
        Outcome::Live
    }

    /// Takes the failure or the timeout of the liveness message in flight.
    fn check_failed(
        &mut self,
        live: Live,
        check: InFlight,
        failure: Failure,
        cx: Context<'_>,
    ) -> Outcome {
        match failure.class.kind() {
            FailureKind::Definitive if failure.class == FailureClass::ClientFatal => {
                Outcome::ClientLost(failure)
            }
            FailureKind::Definitive => self.decide_not_live(live, failure, cx),
            FailureKind::Rejected if counts_as_alive(failure, cx) => {
                self.check_succeeded(live, Degradation::Rejected(failure), cx)
            }
            FailureKind::Rejected => self.decide_not_live(live, failure, cx),
            FailureKind::Partial => self.part_is_missing(live, failure, cx),
            FailureKind::Ambiguous => self.ambiguously_failed(live, check, failure, cx),
        }
    }

    fn part_is_missing(&mut self, live: Live, failure: Failure, cx: Context<'_>) -> Outcome {
        let since = match live.degradation {
            Degradation::Partial { since, .. } => since,
            Degradation::None | Degradation::Rejected(_) => cx.now,
        };
        let degradation = Degradation::Partial { failure, since };
        let degraded = Live {
            degradation,
            check: degradation.idle_check(live.evidence, live.sent, cx),
            ..live
        };
        if degraded.tolerance_end(cx).is_some_and(|end| end <= cx.now) {
            return self.decide_not_live(live, failure, cx);
        }
        // The check was answered, which settles what was suspected or failed before it.
        self.diagnosis = None;
        self.diagnose(failure, cx);
        self.state = State::Live(degraded);
        Outcome::Live
    }

    fn ambiguously_failed(
        &mut self,
        live: Live,
        check: InFlight,
        failure: Failure,
        cx: Context<'_>,
    ) -> Outcome {
        let settings = cx.settings();
        let is_enough = |failures| failures >= settings.failures_to_not_ready;
        let next = match check.trigger {
            _ if live.evidence > check.unverified_since => {
                let idle = live.degradation.idle_check(live.evidence, live.sent, cx);
                self.state = State::Live(Live {
                    check: idle,
                    ..live
                });
                return Outcome::Unchanged;
            }
            Trigger::Suspicion => return self.decide_not_live(live, failure, cx),
            Trigger::SilenceThenSuspicion if is_enough(1) => {
                return self.decide_not_live(live, failure, cx);
            }
            // The message was sent before the suspicion, and what ended before the suspicion may have lost it: the next one decides.
            Trigger::SilenceThenSuspicion => Check::Suspected {
                at: check.unverified_since,
                due: with_spacing(cx.now, live.sent, cx),
                decides: true,
            },
            Trigger::Silence { failures } if is_enough(failures.saturating_add(1)) => {
                return self.decide_not_live(live, failure, cx);
            }
            Trigger::Silence { failures } => Check::RetryPending {
                failures: failures.saturating_add(1),
                unverified_since: check.unverified_since,
                due: cx.now + settings.recheck_delay,
            },
        };
        self.diagnose(failure, cx);
        self.state = State::Live(Live {
            check: next,
            ..live
        });
        Outcome::Unchanged
    }

    /// Takes the end of the lease: Running was granted until now, whatever the check in flight will bring.
    ///
    /// With timers that fire on time the verdict of the last check comes at this very instant. With timers that fire late, the last
    /// check is cut short: the bound is kept, a timeout need not be.
    fn lease_ended(&mut self, live: Live, cx: Context<'_>) -> Outcome {
        let outcome = match live.check {
            Check::InFlight(check) if live.evidence <= check.unverified_since => {
                Outcome::NotLive(self.diagnose(TIMED_OUT, cx))
            }
            Check::RetryPending { .. } => Outcome::NotLive(self.diagnose(TIMED_OUT, cx)),
            Check::InFlight(_) | Check::Idle { .. } | Check::Suspected { .. } => Outcome::Starved,
        };
        self.expire(live, outcome, cx)
    }

    /// Ends Live without an answer. The liveness message in flight, if there is one, stays open.
    fn expire(&mut self, live: Live, outcome: Outcome, cx: Context<'_>) -> Outcome {
        self.mark_not_live(live, live.check.open_message_at(cx.now), cx);
        outcome
    }

    /// Ends Live by the outcome of a liveness message, which is over.
    fn decide_not_live(&mut self, live: Live, failure: Failure, cx: Context<'_>) -> Outcome {
        let failure = self.diagnose(failure, cx);
        self.mark_not_live(live, None, cx);
        Outcome::NotLive(failure)
    }

    /// Ends Live. A liveness message that is still `open` stays so until its deadline, but for one interval at most; else the
    /// next one goes out as soon as the interval allows.
    fn mark_not_live(&mut self, live: Live, open: Option<InFlight>, cx: Context<'_>) {
        let interval = cx.settings().not_live_interval;
        self.diagnosis = self.diagnosis.map(|it| it.renewed(cx));
        self.state = State::NotLive(NotLive {
            only_evidence_after: cx.now,
            in_flight: open.map(|check| check.id),
            sent: live.sent,
            interval_end: match open {
                Some(check) => check.deadline.min(cx.now + interval),
                None => cx.now.max(live.sent + interval),
            },
            has_proof: false,
            streak: Streak::None,
        });
    }
}

impl Streak {
    /// An interval that failed after its evidence and then brought more counts neither way.
    const fn of_successes(successes: u32) -> Self {
        match successes {
            0 => Self::None,
            1.. => Self::Successes(successes),
        }
    }

    const fn successes(self) -> u32 {
        match self {
            Self::Successes(successes) => successes,
            Self::None | Self::Failures(_) => 0,
        }
    }

    const fn failures(self) -> u32 {
        match self {
            Self::Failures(failures) => failures,
            Self::None | Self::Successes(_) => 0,
        }
    }
}

impl Live {
    /// Until when Running may be granted on the newest evidence.
    fn lease(&self, cx: Context<'_>) -> Instant {
        match self.degradation {
            Degradation::None | Degradation::Rejected(_) => {
                self.evidence + cx.config.detection_bound()
            }
            Degradation::Partial { .. } => self.evidence + cx.config.partial_detection_bound(),
        }
    }

    /// When it is tolerated no longer that a part of the bus is missing. Evidence restarts the tolerance.
    fn tolerance_end(&self, cx: Context<'_>) -> Option<Instant> {
        match self.degradation {
            Degradation::None | Degradation::Rejected(_) => None,
            Degradation::Partial { since, .. } => {
                Some(since.max(self.evidence) + cx.settings().partial_tolerance)
            }
        }
    }

    /// Returns how long a liveness message may take that a suspicion sends, or that is in flight when one comes.
    ///
    /// A bus of which a part is missing is known to answer late: its leaders wait for their replicas before they say so.
    fn suspicion_timeout(&self, cx: Context<'_>) -> Duration {
        match self.degradation {
            Degradation::None | Degradation::Rejected(_) => cx.settings().suspicion_timeout,
            Degradation::Partial { .. } => cx.settings().liveness_timeout,
        }
    }

    fn check_after_evidence(&self, at: Instant, cx: Context<'_>) -> Check {
        let idle = self.degradation.idle_check(at, self.sent, cx);
        match self.check {
            Check::Idle { due } => match self.degradation {
                Degradation::None => idle,
                Degradation::Rejected(_) | Degradation::Partial { .. } => Check::Idle { due },
            },
            check if !check.is_refuted_by(at) => check,
            Check::Suspected { .. } | Check::RetryPending { .. } => idle,
            Check::InFlight(check) => Check::InFlight(InFlight {
                trigger: Trigger::Silence { failures: 0 },
                ..check
            }),
        }
    }

    fn check_after_suspicion(&self, cx: Context<'_>) -> Check {
        match self.check {
            Check::Idle { due }
            | Check::RetryPending { due, .. }
            | Check::Suspected { due, .. } => Check::Suspected {
                at: cx.now,
                due: due.min(with_spacing(cx.now, self.sent, cx)),
                decides: true,
            },
            Check::InFlight(check) => Check::InFlight(InFlight {
                unverified_since: cx.now,
                deadline: check.deadline.min(cx.now + self.suspicion_timeout(cx)),
                trigger: match check.trigger {
                    Trigger::Silence { .. } | Trigger::SilenceThenSuspicion => {
                        Trigger::SilenceThenSuspicion
                    }
                    Trigger::Suspicion => Trigger::Suspicion,
                },
                ..check
            }),
        }
    }

    /// Brings the check of an idle bus forward, and nothing else: that a part of the bus is missing does not say that it is dead.
    fn check_after_partial_suspicion(&self, cx: Context<'_>) -> Check {
        match self.check {
            Check::Idle { due } => Check::Suspected {
                at: cx.now,
                due: due.min(with_spacing(cx.now, self.sent, cx)),
                decides: false,
            },
            check @ (Check::Suspected { .. } | Check::InFlight(_) | Check::RetryPending { .. }) => {
                check
            }
        }
    }
}

impl Degradation {
    const fn warning(self) -> Option<Failure> {
        match self {
            Self::None => None,
            Self::Rejected(failure) | Self::Partial { failure, .. } => Some(failure),
        }
    }

    /// Returns the next check after `evidence`, if the newest liveness message was `sent` then.
    ///
    /// While something is wrong that only a liveness message can show to be over, evidence of ordinary traffic does not delay it.
    fn idle_check(self, evidence: Instant, sent: Instant, cx: Context<'_>) -> Check {
        let settings = cx.settings();
        let due = match self {
            // Without the spacing, evidence that arrives late would make a check due right after a message that is not answered yet.
            Self::None => with_spacing(evidence + settings.live_interval, sent, cx),
            Self::Rejected(_) => cx.now + settings.live_interval,
            Self::Partial { .. } => cx.now + settings.not_live_interval,
        };
        Check::Idle { due }
    }
}

impl Check {
    /// Returns when a liveness message is to be sent, or the one in flight times out.
    const fn due(&self) -> Instant {
        match *self {
            Self::Idle { due } | Self::Suspected { due, .. } | Self::RetryPending { due, .. } => {
                due
            }
            Self::InFlight(check) => check.deadline,
        }
    }

    /// Returns whether evidence from `at`, which is newer than any before it, proves the bus to work after what the check is for.
    fn is_refuted_by(&self, at: Instant) -> bool {
        match *self {
            Self::Idle { .. } => true,
            Self::Suspected { at: since, .. }
            | Self::RetryPending {
                unverified_since: since,
                ..
            }
            | Self::InFlight(InFlight {
                unverified_since: since,
                ..
            }) => at > since,
        }
    }

    /// Returns the liveness message in flight whose deadline is after `now`.
    fn open_message_at(self, now: Instant) -> Option<InFlight> {
        match self {
            Self::InFlight(check) => Some(check).filter(|check| check.deadline > now),
            Self::Idle { .. } | Self::Suspected { .. } | Self::RetryPending { .. } => None,
        }
    }
}

/// Returns the liveness message of the interval after `streak`. It is open until the interval ends.
fn message_of_interval(streak: Streak, cx: Context<'_>, ids: &mut OperationIds) -> LivenessMessage {
    let intervals = cx.config.not_live_intervals();
    LivenessMessage {
        id: ids.next(),
        deadline: cx.now + intervals.doubled(streak.failures().saturating_add(1)),
    }
}

/// Returns `due`, or the end of `suspicion_spacing` after the newest message was `sent` if that is later.
fn with_spacing(due: Instant, sent: Instant, cx: Context<'_>) -> Instant {
    due.max(sent + cx.settings().suspicion_spacing)
}

/// Returns whether this failure proves that the bus works.
fn counts_as_alive(failure: Failure, cx: Context<'_>) -> bool {
    failure.class.kind() == FailureKind::Rejected
        && cx.settings().on_rejection == RejectionPolicy::Live
}

#[path = "inspect/liveness.rs"]
mod inspect;
