//! Liveness: whether the bus of one client works, judged by evidence, suspicions and liveness checks.
//!
//! The supervisor makes one [`Liveness`] for each client and gives it inputs; it returns what follows. Every deadline lives inside
//! the state that needs it.

use std::time::Instant;

use crate::context::Context;
use crate::failure::{Failure, FailureClass, FailureKind, TIMED_OUT};
use crate::ids::{LivenessId, OperationIds};
use crate::settings::{OnSuspicion, RejectionPolicy};
use crate::status::Cause;

/// The liveness of one client's bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Liveness {
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum State {
    NotLive(NotLive),
    Live(Live),
}

/// Nothing proves that the bus works. There is one liveness message per interval, open until the interval ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct NotLive {
    /// The newest evidence that counted, or the instant at which the bus ceased to be live. Only newer evidence counts.
    newest_evidence: Instant,
    /// The liveness message of this interval, while it is not answered.
    in_flight: Option<LivenessId>,
    /// When the newest liveness message was sent.
    sent: Instant,
    /// When this interval ends and the next liveness message goes out.
    interval_end: Instant,
    /// Whether this interval has brought evidence.
    has_proof: bool,
    /// Intervals in a row that brought evidence.
    successes: u32,
    /// Intervals in a row that brought none.
    failures: u32,
    /// The most specific suspicion since the newest evidence: a better cause than a timeout.
    hint: Option<Failure>,
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
    /// The leaders of the checked partitions are missing; other brokers answer.
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
    /// A suspicion came at `at`: a liveness message goes out at `due` unless newer evidence comes first.
    Suspected {
        hint: Failure,
        at: Instant,
        due: Instant,
    },
    /// A liveness message is in flight.
    InFlight(InFlight),
    /// A liveness message failed ambiguously. The next goes out at `due` unless evidence newer than `unverified_since` comes first.
    RetryPending {
        failures: u32,
        failure: Failure,
        unverified_since: Instant,
        due: Instant,
    },
}

/// A liveness message in flight while the bus is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct InFlight {
    id: LivenessId,
    /// Evidence that is newer refutes what the message was sent for, so that its timeout means nothing.
    unverified_since: Instant,
    deadline: Instant,
    /// Ambiguous failures in a row before this message.
    failures: u32,
    trigger: Trigger,
}

/// Why a liveness message was sent, and whether a suspicion came since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Trigger {
    /// Silence.
    Silence,
    /// Silence, and then a suspicion came: if the message times out, another one decides.
    SilenceThenSuspicion(Failure),
    /// A suspicion: the outcome of the message decides alone.
    Suspicion(Failure),
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
    /// The bus is not live, for this cause.
    NotLive(Cause),
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

/// A timer of a liveness.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timer(Due);

/// What is due, with the state that it was derived from.
#[derive(Debug, Clone, Copy)]
enum Due {
    /// Nothing proved the client to be of use for too long.
    Recreation,
    /// The interval of a bus that is not live ends.
    IntervalEnd(NotLive),
    /// The lease ends without newer evidence.
    LeaseEnd(Live),
    /// Missing leaders are tolerated no longer.
    PartialToleranceEnd(Live, Failure),
    /// Silence lasted too long: a liveness message goes out.
    SilenceEnd(Live),
    /// A liveness message goes out for a suspicion that came at this instant.
    SuspicionCheck(Live, Failure, Instant),
    /// A liveness message goes out after this many ambiguous failures, the first of which was sent for silence since this instant.
    Retry(Live, u32, Instant),
    /// The liveness message in flight times out.
    CheckTimeout(Live, InFlight),
}

impl Liveness {
    /// Begins with a client that nothing has proved yet, and sends the first liveness message.
    pub(crate) fn start(cx: Context<'_>, ids: &mut OperationIds) -> (Self, LivenessMessage) {
        let message = message_of_interval(0, cx, ids);
        let not_live = NotLive {
            newest_evidence: cx.now,
            in_flight: Some(message.id),
            sent: cx.now,
            interval_end: message.deadline,
            has_proof: false,
            successes: 0,
            failures: 0,
            hint: None,
        };
        let state = State::NotLive(not_live);
        (Self { state }, message)
    }

    /// Takes evidence that was observed at `at`. Only evidence that is newer than what is known counts.
    pub(crate) fn on_evidence(&mut self, at: Instant, cx: Context<'_>) -> Outcome {
        match self.state {
            State::NotLive(not_live)
                if at > not_live.newest_evidence && at + cx.config.detection_bound() > cx.now =>
            {
                self.prove(not_live, at, Degradation::None, cx)
            }
            State::Live(live) if at > live.evidence => self.renew(live, at, cx),
            State::NotLive(_) | State::Live(_) => Outcome::Unchanged,
        }
    }

    /// Takes a suspicion. It decides nothing unless the settings say so: it brings the next check forward.
    pub(crate) fn on_suspicion(&mut self, hint: Failure, cx: Context<'_>) -> Outcome {
        match self.state {
            State::NotLive(not_live) => {
                let hint = not_live.hint.map_or(hint, |old| old.most_specific(hint));
                self.state = State::NotLive(NotLive {
                    hint: Some(hint),
                    ..not_live
                });
                Outcome::Unchanged
            }
            State::Live(live) => match cx.settings().on_suspicion {
                OnSuspicion::Check => self.suspect(live, hint, cx),
                OnSuspicion::NotReady => {
                    let hint = live.check.hint_with(hint);
                    self.mark_not_live(live, live.check.open_at(cx.now), Some(hint), cx);
                    Outcome::NotLive(Cause::LivenessFailed(hint))
                }
            },
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
                    Ok(()) => self.confirm(live, Degradation::None, cx),
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

    /// Returns the timers with their instants. Of several that are due the first one fires.
    pub(crate) fn timers(&self, cx: Context<'_>) -> impl Iterator<Item = (Instant, Timer)> + use<> {
        let timers = match self.state {
            State::NotLive(not_live) => [
                not_live.recreate_at(cx).map(|at| (at, Due::Recreation)),
                Some((not_live.interval_end, Due::IntervalEnd(not_live))),
                None,
            ],
            State::Live(live) => [
                Some((live.lease(cx), Due::LeaseEnd(live))),
                live.partial_end(cx)
                    .map(|(at, failure)| (at, Due::PartialToleranceEnd(live, failure))),
                Some(live.check_timer()),
            ],
        };
        timers
            .into_iter()
            .flatten()
            .map(|(at, due)| (at, Timer(due)))
    }

    /// Fires a timer that is due. Returns what to report, then what to send.
    pub(crate) fn on_timer(
        &mut self,
        Timer(due): Timer,
        cx: Context<'_>,
        ids: &mut OperationIds,
    ) -> (Outcome, Option<LivenessMessage>) {
        match due {
            Due::Recreation => (Outcome::ClientUseless, None),
            Due::IntervalEnd(not_live) if not_live.in_flight.is_some() && !not_live.has_proof => {
                let (failed, outcome) = not_live.failed(TIMED_OUT);
                (outcome, Some(self.next_interval(failed, cx, ids)))
            }
            Due::IntervalEnd(not_live) => {
                let message = self.next_interval(not_live, cx, ids);
                (Outcome::Unchanged, Some(message))
            }
            Due::LeaseEnd(live) => (self.lease_ended(live, cx), None),
            Due::PartialToleranceEnd(live, failure) => {
                let cause = Cause::LivenessFailed(failure);
                (self.expire(live, cause, cx), None)
            }
            Due::SilenceEnd(live) => self.send_check(live, cx.now, 0, Trigger::Silence, cx, ids),
            Due::SuspicionCheck(live, hint, at) => {
                self.send_check(live, at, 0, Trigger::Suspicion(hint), cx, ids)
            }
            Due::Retry(live, failures, since) => {
                self.send_check(live, since, failures, Trigger::Silence, cx, ids)
            }
            Due::CheckTimeout(live, check) => (self.check_failed(live, check, TIMED_OUT, cx), None),
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

    /// Returns whether evidence would change more than the lease.
    pub(crate) const fn wants_evidence(&self) -> bool {
        match self.state {
            State::NotLive(not_live) => !not_live.has_proof,
            State::Live(_) => false,
        }
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
            Ok(()) => return self.prove(answered, cx.now, Degradation::None, cx),
            Err(failure) if counts_as_alive(failure, cx) => {
                return self.prove(answered, cx.now, Degradation::Rejected(failure), cx);
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
        let (failed, outcome) = answered.failed(failure);
        self.state = State::NotLive(failed);
        outcome
    }

    /// Counts evidence. Enough of it makes the bus live; a liveness message in flight goes on as its check.
    fn prove(
        &mut self,
        not_live: NotLive,
        evidence: Instant,
        degradation: Degradation,
        cx: Context<'_>,
    ) -> Outcome {
        let settings = cx.settings();
        let successes = not_live.successes + u32::from(!not_live.has_proof);
        if successes < settings.successes_to_ready {
            self.state = State::NotLive(NotLive {
                newest_evidence: evidence,
                hint: None,
                has_proof: true,
                successes,
                failures: 0,
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
                failures: 0,
                trigger: Trigger::Silence,
            }),
            None => degradation.idle(evidence, sent, cx),
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
        let message = message_of_interval(not_live.failures, cx, ids);
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
    fn failed(self, failure: Failure) -> (Self, Outcome) {
        let reason = self
            .hint
            .map_or(failure, |hint| hint.most_specific(failure));
        let failed = Self {
            successes: 0,
            failures: self.failures.saturating_add(1),
            ..self
        };
        (failed, Outcome::NotLive(Cause::LivenessFailed(reason)))
    }

    fn recreate_at(&self, cx: Context<'_>) -> Option<Instant> {
        let after = cx.settings().recreate_after;
        after.map(|after| self.newest_evidence + after)
    }
}

/// The liveness message of an interval after `failures` intervals in a row without evidence: open until the interval ends.
fn message_of_interval(failures: u32, cx: Context<'_>, ids: &mut OperationIds) -> LivenessMessage {
    let interval = cx
        .config
        .not_live_intervals()
        .doubled(failures.saturating_add(1));
    LivenessMessage {
        id: ids.next(),
        deadline: cx.now + interval,
    }
}

// While the bus works.
impl Liveness {
    /// Sends a liveness message, since nothing has proved that the bus works after `unverified_since`.
    fn send_check(
        &mut self,
        live: Live,
        unverified_since: Instant,
        failures: u32,
        trigger: Trigger,
        cx: Context<'_>,
        ids: &mut OperationIds,
    ) -> (Outcome, Option<LivenessMessage>) {
        let settings = cx.settings();
        let timeout = match trigger {
            Trigger::Suspicion(_) => settings.suspicion_timeout,
            Trigger::Silence | Trigger::SilenceThenSuspicion(_) => settings.liveness_timeout,
        };
        let id = ids.next();
        let deadline = cx.now + timeout;
        self.state = State::Live(Live {
            sent: cx.now,
            check: Check::InFlight(InFlight {
                id,
                unverified_since,
                deadline,
                failures,
                trigger,
            }),
            ..live
        });
        (Outcome::Unchanged, Some(LivenessMessage { id, deadline }))
    }

    /// The answer to the liveness message in flight proves that the bus works.
    fn confirm(&mut self, live: Live, degradation: Degradation, cx: Context<'_>) -> Outcome {
        self.state = State::Live(Live {
            evidence: cx.now,
            degradation,
            check: degradation.idle(cx.now, live.sent, cx),
            ..live
        });
        Outcome::Live
    }

    /// Ordinary traffic at `at` proves that the bus works.
    fn renew(&mut self, live: Live, at: Instant, cx: Context<'_>) -> Outcome {
        let idle = live.degradation.idle(at, live.sent, cx);
        let check = match live.check {
            Check::Idle { due } => match live.degradation {
                Degradation::None => idle,
                Degradation::Rejected(_) | Degradation::Partial { .. } => Check::Idle { due },
            },
            Check::Suspected { at: suspected, .. } if at > suspected => idle,
            Check::RetryPending {
                unverified_since, ..
            } if at > unverified_since => idle,
            Check::InFlight(check) if at > check.unverified_since => Check::InFlight(InFlight {
                failures: 0,
                trigger: Trigger::Silence,
                ..check
            }),
            check @ (Check::Suspected { .. } | Check::RetryPending { .. } | Check::InFlight(_)) => {
                check
            }
        };
        self.state = State::Live(Live {
            evidence: at,
            check,
            ..live
        });
        Outcome::Live
    }

    fn suspect(&mut self, live: Live, hint: Failure, cx: Context<'_>) -> Outcome {
        let hint = live.check.hint_with(hint);
        let check = match live.check {
            Check::Idle { due }
            | Check::RetryPending { due, .. }
            | Check::Suspected { due, .. } => Check::Suspected {
                hint,
                at: cx.now,
                due: due.min(spaced(cx.now, live.sent, cx)),
            },
            Check::InFlight(check) => Check::InFlight(InFlight {
                unverified_since: cx.now,
                deadline: check.deadline.min(cx.now + cx.settings().suspicion_timeout),
                failures: 0,
                trigger: match check.trigger {
                    Trigger::Silence | Trigger::SilenceThenSuspicion(_) => {
                        Trigger::SilenceThenSuspicion(hint)
                    }
                    Trigger::Suspicion(_) => Trigger::Suspicion(hint),
                },
                ..check
            }),
        };
        self.state = State::Live(Live { check, ..live });
        Outcome::Unchanged
    }

    /// The liveness message in flight failed, or timed out.
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
                self.confirm(live, Degradation::Rejected(failure), cx)
            }
            FailureKind::Rejected => self.decide_not_live(live, failure, cx),
            FailureKind::Partial => self.leaders_missing(live, failure, cx),
            FailureKind::Ambiguous => self.ambiguously_failed(live, check, failure, cx),
        }
    }

    fn leaders_missing(&mut self, live: Live, failure: Failure, cx: Context<'_>) -> Outcome {
        let since = match live.degradation {
            Degradation::Partial { since, .. } => since,
            Degradation::None | Degradation::Rejected(_) => cx.now,
        };
        let degradation = Degradation::Partial { failure, since };
        let degraded = Live {
            degradation,
            check: degradation.idle(live.evidence, live.sent, cx),
            ..live
        };
        if degraded
            .partial_end(cx)
            .is_some_and(|(end, _)| end <= cx.now)
        {
            return self.decide_not_live(live, failure, cx);
        }
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
        let failures = check.failures.saturating_add(1);
        let is_enough = failures >= settings.failures_to_not_ready;
        let next = if live.evidence > check.unverified_since {
            live.degradation.idle(live.evidence, live.sent, cx)
        } else {
            match check.trigger {
                Trigger::Suspicion(hint) => {
                    let failure = hint.most_specific(failure);
                    return self.decide_not_live(live, failure, cx);
                }
                Trigger::SilenceThenSuspicion(hint) if is_enough => {
                    let failure = hint.most_specific(failure);
                    return self.decide_not_live(live, failure, cx);
                }
                Trigger::Silence if is_enough => {
                    return self.decide_not_live(live, failure, cx);
                }
                // It was sent before the suspicion, and what ended before the suspicion may have lost it: the next one decides.
                Trigger::SilenceThenSuspicion(hint) => Check::Suspected {
                    hint,
                    at: check.unverified_since,
                    due: spaced(cx.now, live.sent, cx),
                },
                Trigger::Silence => Check::RetryPending {
                    failures,
                    failure,
                    unverified_since: check.unverified_since,
                    due: cx.now + settings.recheck_delay,
                },
            }
        };
        self.state = State::Live(Live {
            check: next,
            ..live
        });
        Outcome::Unchanged
    }

    /// Running was granted until now and not longer, whatever the check in flight will bring.
    ///
    /// With timers that fire on time the verdict of the last check comes at this very instant. With timers that fire late, the last
    /// check is cut short: the bound is kept, a timeout need not be.
    fn lease_ended(&mut self, live: Live, cx: Context<'_>) -> Outcome {
        let cause = match live.check {
            Check::InFlight(check) if live.evidence <= check.unverified_since => {
                Cause::LivenessFailed(check.trigger.hint().unwrap_or(TIMED_OUT))
            }
            Check::RetryPending { failure, .. } => Cause::LivenessFailed(failure),
            Check::InFlight(_) | Check::Idle { .. } | Check::Suspected { .. } => Cause::Starved,
        };
        self.expire(live, cause, cx)
    }

    /// Ends Live without an answer. The liveness message in flight, if there is one, stays open.
    fn expire(&mut self, live: Live, cause: Cause, cx: Context<'_>) -> Outcome {
        self.mark_not_live(live, live.check.open_at(cx.now), live.check.hint(), cx);
        Outcome::NotLive(cause)
    }

    /// Ends Live by the outcome of a liveness message, which is over.
    fn decide_not_live(&mut self, live: Live, failure: Failure, cx: Context<'_>) -> Outcome {
        self.mark_not_live(live, None, live.check.hint(), cx);
        Outcome::NotLive(Cause::LivenessFailed(failure))
    }

    /// Ends Live. A liveness message that is still `open` has one interval more; else the next one goes out as soon as the interval
    /// allows.
    fn mark_not_live(
        &mut self,
        live: Live,
        open: Option<InFlight>,
        hint: Option<Failure>,
        cx: Context<'_>,
    ) {
        let interval = cx.settings().not_live_interval;
        self.state = State::NotLive(NotLive {
            newest_evidence: cx.now,
            in_flight: open.map(|check| check.id),
            sent: live.sent,
            interval_end: match open {
                Some(check) => check.deadline.min(cx.now + interval),
                None => cx.now.max(live.sent + interval),
            },
            has_proof: false,
            successes: 0,
            failures: 0,
            hint,
        });
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

    /// When missing leaders are tolerated no longer, and the failure that says so. Evidence restarts the tolerance.
    fn partial_end(&self, cx: Context<'_>) -> Option<(Instant, Failure)> {
        match self.degradation {
            Degradation::None | Degradation::Rejected(_) => None,
            Degradation::Partial { failure, since } => {
                let from = since.max(self.evidence);
                Some((from + cx.settings().partial_tolerance, failure))
            }
        }
    }

    fn check_timer(self) -> (Instant, Due) {
        match self.check {
            Check::Idle { due } => (due, Due::SilenceEnd(self)),
            Check::Suspected { hint, at, due } => (due, Due::SuspicionCheck(self, hint, at)),
            Check::InFlight(check) => (check.deadline, Due::CheckTimeout(self, check)),
            Check::RetryPending {
                failures,
                unverified_since,
                due,
                ..
            } => (due, Due::Retry(self, failures, unverified_since)),
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

    /// The check after the newest `evidence`, when the newest message was `sent`.
    ///
    /// While something is wrong that only a liveness message can show to be over, evidence of ordinary traffic does not delay it.
    fn idle(self, evidence: Instant, sent: Instant, cx: Context<'_>) -> Check {
        let settings = cx.settings();
        let due = match self {
            // Evidence that arrives late may make a check due at once, right after a message that is not answered yet.
            Self::None => spaced(evidence + settings.live_interval, sent, cx),
            Self::Rejected(_) => cx.now + settings.live_interval,
            Self::Partial { .. } => cx.now + settings.not_live_interval,
        };
        Check::Idle { due }
    }
}

impl Check {
    /// The most specific suspicion that nothing has refuted.
    const fn hint(&self) -> Option<Failure> {
        match *self {
            Self::Suspected { hint, .. } => Some(hint),
            Self::InFlight(check) => check.trigger.hint(),
            Self::Idle { .. } | Self::RetryPending { .. } => None,
        }
    }

    /// The same, with one more suspicion.
    fn hint_with(&self, newer: Failure) -> Failure {
        self.hint().map_or(newer, |old| old.most_specific(newer))
    }

    /// The liveness message that is in flight and not overdue at `now`.
    fn open_at(self, now: Instant) -> Option<InFlight> {
        match self {
            Self::InFlight(check) => Some(check).filter(|check| check.deadline > now),
            Self::Idle { .. } | Self::Suspected { .. } | Self::RetryPending { .. } => None,
        }
    }
}

impl Trigger {
    const fn hint(self) -> Option<Failure> {
        match self {
            Self::Silence => None,
            Self::SilenceThenSuspicion(hint) | Self::Suspicion(hint) => Some(hint),
        }
    }
}

/// `due`, or later if the newest message was `sent` less than `suspicion_spacing` before.
fn spaced(due: Instant, sent: Instant, cx: Context<'_>) -> Instant {
    due.max(sent + cx.settings().suspicion_spacing)
}

/// Whether this failure proves that the bus lives.
fn counts_as_alive(failure: Failure, cx: Context<'_>) -> bool {
    failure.class.kind() == FailureKind::Rejected
        && cx.settings().on_rejection == RejectionPolicy::Live
}

#[path = "inspect/liveness.rs"]
mod inspect;
