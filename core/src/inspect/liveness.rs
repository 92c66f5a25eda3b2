//! A liveness from outside: its phase, its words, its canonical form.

use super::{Check, Degradation, InFlight, Live, Liveness, NotLive, State, Trigger};
use crate::config::Config;
#[cfg(feature = "__verify")]
use crate::inspect::canonical::{View, saturation};
use crate::inspect::phase::Phase;
use crate::inspect::words::{fields, variants};

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
            State::NotLive(not_live) => not_live.successes < config.settings().successes_to_ready,
            State::Live(_) => true,
        }
    }
}

fields!(Liveness { state });

variants!(State {
    1 => NotLive(not_live),
    2 => Live(live),
});

fields!(NotLive {
    newest_evidence,
    in_flight,
    sent,
    interval_end,
    has_proof,
    successes,
    failures,
    hint,
});

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
    2 => Suspected { hint, at, due },
    3 => InFlight(check),
    4 => RetryPending { failures, failure, unverified_since, due },
});

fields!(InFlight {
    id,
    unverified_since,
    deadline,
    failures,
    trigger,
});

variants!(Trigger {
    1 => Silence,
    2 => SilenceThenSuspicion(hint),
    3 => Suspicion(hint),
});

#[cfg(feature = "__verify")]
impl Liveness {
    pub(crate) fn canonical(&self, view: &mut View<'_>) -> Self {
        let state = match self.state {
            State::NotLive(not_live) => State::NotLive(not_live.canonical(view)),
            State::Live(live) => State::Live(live.canonical(view)),
        };
        Self { state }
    }
}

#[cfg(feature = "__verify")]
impl NotLive {
    fn canonical(self, view: &mut View<'_>) -> Self {
        let Self {
            newest_evidence,
            in_flight,
            sent,
            interval_end,
            has_proof,
            successes,
            failures,
            hint,
        } = self;
        // Evidence that is older than the bound is refused for that alone.
        let newest_evidence = match view.config.settings().recreate_after {
            Some(_) => newest_evidence,
            None => view.forget(newest_evidence, view.config.detection_bound()),
        };
        Self {
            newest_evidence: view.at(newest_evidence),
            sent: view.sent(sent, in_flight.is_some()),
            in_flight: in_flight.map(|id| view.id(id)),
            interval_end: view.at(interval_end),
            has_proof,
            successes,
            failures: failures.min(saturation(view.config.not_live_intervals()) - 1),
            hint,
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
            Self::Suspected { hint, at, due } => Self::Suspected {
                hint,
                at: view.at(at),
                due: view.at(due),
            },
            Self::InFlight(InFlight {
                id,
                unverified_since,
                deadline,
                failures,
                trigger,
            }) => Self::InFlight(InFlight {
                id: view.id(id),
                unverified_since: view.at(unverified_since),
                deadline: view.at(deadline),
                failures,
                trigger,
            }),
            Self::RetryPending {
                failures,
                failure,
                unverified_since,
                due,
            } => Self::RetryPending {
                failures,
                failure,
                unverified_since: view.at(unverified_since),
                due: view.at(due),
            },
        }
    }
}
