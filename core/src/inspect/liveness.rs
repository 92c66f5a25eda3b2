//! A liveness from outside: its phase, its words, its canonical form.

use super::{Check, Degradation, InFlight, Live, Liveness, NotLive, State, Streak, Trigger};
use crate::config::Config;
#[cfg(feature = "__verify")]
use crate::context::Context;
#[cfg(feature = "__verify")]
use crate::inspect::canonical::{View, saturation};
use crate::inspect::phase::Phase;
use crate::inspect::words::{Reader, Word, Words, fields, variants};

impl Liveness {
    pub(crate) const fn phase(&self) -> Phase {
        match self.state {
            State::NotLive(_) => Phase::NotLive,
            State::Live(live) => match live.check {
                Check::Idle { .. } => Phase::Idle,
                Check::Suspected { .. } => Phase::Suspected,
                Check::InFlight(_) => Phase::InFlight,
                Check::RetryPending { .. } => Phase::RetryPending,
            },
        }
    }

    /// Returns whether no counter overflows, however long it goes on.
    pub(crate) fn counters_fit(&self, config: &Config) -> bool {
        match self.state {
            State::NotLive(not_live) => {
                not_live.streak.successes() < config.settings().successes_to_ready
            }
            State::Live(_) => true,
        }
    }
}

fields!(Liveness { state, diagnosis });

variants!(State {
    1 => NotLive(not_live),
    2 => Live(live),
});

fields!(NotLive {
    only_evidence_after,
    in_flight,
    sent,
    interval_end,
    has_proof,
    streak,
});

/// Two words: the successes in a row and the failures in a row, one of which is zero.
impl Word for Streak {
    fn put(&self, to: &mut Words) {
        self.successes().put(to);
        self.failures().put(to);
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        match (Word::take(from)?, Word::take(from)?) {
            (0, 0) => Some(Self::None),
            (successes, 0) => Some(Self::Successes(successes)),
            (0, failures) => Some(Self::Failures(failures)),
            (1.., 1..) => None,
        }
    }
}

fields!(Live {
    evidence,
    sent,
    degradation,
    check,
});

variants!(Degradation {
    1 => None,
    2 => Rejected(failure),
    3 => Partial { failure, since },
});

variants!(Check {
    1 => Idle { due },
    2 => Suspected { at, due, decides },
    3 => InFlight(check),
    4 => RetryPending { failures, unverified_since, due },
});

fields!(InFlight {
    id,
    unverified_since,
    deadline,
    trigger,
});

/// The ambiguous failures in a row, which are zero but for silence; then a number for the variant.
impl Word for Trigger {
    fn put(&self, to: &mut Words) {
        let (failures, variant) = match *self {
            Self::Silence { failures } => (failures, 1_u32),
            Self::SilenceThenSuspicion => (0, 2),
            Self::Suspicion => (0, 3),
        };
        failures.put(to);
        variant.put(to);
    }

    fn take(from: &mut Reader<'_>) -> Option<Self> {
        let (failures, variant): (u32, u32) = (Word::take(from)?, Word::take(from)?);
        match (failures, variant) {
            (failures, 1) => Some(Self::Silence { failures }),
            (0, 2) => Some(Self::SilenceThenSuspicion),
            (0, 3) => Some(Self::Suspicion),
            (_, _) => None,
        }
    }
}

#[cfg(feature = "__verify")]
impl Liveness {
    pub(crate) fn canonical(&self, view: &mut View<'_>) -> Self {
        // While live its age does not matter.
        let known = match self.state {
            State::NotLive(_) => self.diagnosis,
            State::Live(_) => self
                .diagnosis
                .map(|it| it.renewed(Context::new(view.now, view.config))),
        };
        let diagnosis = known.and_then(|it| it.canonical(view));
        let state = match self.state {
            State::NotLive(not_live) => State::NotLive(not_live.canonical(view)),
            State::Live(live) => State::Live(live.canonical(view)),
        };
        Self { state, diagnosis }
    }
}

#[cfg(feature = "__verify")]
impl NotLive {
    fn canonical(self, view: &mut View<'_>) -> Self {
        let Self {
            only_evidence_after,
            in_flight,
            sent,
            interval_end,
            has_proof,
            streak,
        } = self;
        // Evidence that is older than the bound is refused for that alone.
        let only_evidence_after = match view.config.settings().recreate_after {
            Some(_) => only_evidence_after,
            None => view.forget(only_evidence_after, view.config.detection_bound()),
        };
        Self {
            only_evidence_after: view.at(only_evidence_after),
            sent: view.sent(sent, in_flight.is_some()),
            in_flight: in_flight.map(|id| view.id(id)),
            interval_end: view.at(interval_end),
            has_proof,
            streak: match streak {
                Streak::Failures(failures) => {
                    let max = saturation(view.config.not_live_intervals()) - 1;
                    // With one interval for all numbers of failures none of them matters.
                    if max == 0 {
                        Streak::None
                    } else {
                        Streak::Failures(failures.min(max))
                    }
                }
                Streak::None | Streak::Successes(_) => streak,
            },
        }
    }
}

#[cfg(feature = "__verify")]
impl Live {
    fn canonical(self, view: &mut View<'_>) -> Self {
        let Self {
            evidence,
            sent,
            degradation,
            check,
        } = self;
        Self {
            evidence: view.at(evidence),
            sent: view.sent(sent, matches!(check, Check::InFlight(_))),
            degradation: match degradation {
                Degradation::None => Degradation::None,
                Degradation::Rejected(failure) => Degradation::Rejected(failure),
                // Evidence restarts the tolerance.
                Degradation::Partial { failure, since } => Degradation::Partial {
                    failure,
                    since: view.at(since.max(evidence)),
                },
            },
            check: check.canonical(view),
        }
    }
}

#[cfg(feature = "__verify")]
impl Check {
    fn canonical(self, view: &mut View<'_>) -> Self {
        match self {
            Self::Idle { due } => Self::Idle { due: view.at(due) },
            Self::Suspected { at, due, decides } => Self::Suspected {
                at: view.at(at),
                due: view.at(due),
                decides,
            },
            Self::InFlight(InFlight {
                id,
                unverified_since,
                deadline,
                trigger,
            }) => Self::InFlight(InFlight {
                id: view.id(id),
                unverified_since: view.at(unverified_since),
                deadline: view.at(deadline),
                trigger,
            }),
            Self::RetryPending {
                failures,
                unverified_since,
                due,
            } => Self::RetryPending {
                failures,
                unverified_since: view.at(unverified_since),
                due: view.at(due),
            },
        }
    }
}
