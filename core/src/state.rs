//! Where a supervisor stands. Every deadline lives inside the variant that needs it.

use std::time::Instant;

use crate::config::Config;
use crate::failure::Failure;
use crate::ids::{ClientId, LivenessId, StopId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// A start is under way.
    Starting {
        id: ClientId,
        attempt: u32,
        deadline: Instant,
    },
    /// There is no client; start number `attempt` comes at `until`.
    BackingOff { attempt: u32, until: Instant },
    /// There is a client.
    Started(Started),
    /// Not ready on purpose, so that whoever sends us work sees it before anything closes.
    Draining { until: Instant },
    /// Everything is being closed.
    Stopping { id: StopId, deadline: Instant },
    /// The end.
    Stopped,
    /// Given up; only a shutdown leads on.
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Started {
    /// The id of the start that made the client.
    pub(crate) client: ClientId,
    /// Starts in a row that proved nothing, this one included until it does.
    pub(crate) unproved: u32,
    pub(crate) liveness: Liveness,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Liveness {
    NotLive(NotLive),
    Live(Live),
}

/// Nothing proves that the bus works. One liveness message per interval, open until the interval ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NotLive {
    /// Evidence must be newer than this to count: the newest that has, or when there ceased to be any.
    pub(crate) newest: Instant,
    /// The liveness message of this interval, while it is not answered.
    pub(crate) in_flight: Option<LivenessId>,
    /// When the newest liveness message was sent.
    pub(crate) sent: Instant,
    /// The end of this interval, when the next liveness message goes out.
    pub(crate) until: Instant,
    /// Whether this interval brought its proof already.
    pub(crate) proved: bool,
    /// Intervals in a row that brought proof.
    pub(crate) successes: u32,
    /// Intervals in a row that brought none.
    pub(crate) failures: u32,
    /// The most telling bad news since anything was proved: a better reason than "timeout".
    pub(crate) hint: Option<Failure>,
}

/// The bus was proved to work, not long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Live {
    /// The newest proof.
    pub(crate) evidence: Instant,
    /// When the newest liveness message was sent.
    pub(crate) sent: Instant,
    pub(crate) standing: Standing,
    pub(crate) question: Question,
}

/// Whether a live bus lives as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Standing {
    Clear,
    /// It answers, and refuses for a reason of ours.
    Warned(Failure),
    /// The leaders asked are missing, other brokers answer.
    Partial {
        failure: Failure,
        since: Instant,
    },
}

/// How the question "does it still work?" stands while live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    /// Nobody asks; the next liveness message is due at `due` unless evidence comes first.
    Idle { due: Instant },
    /// Bad news came at `at`: a liveness message goes out at `due` unless newer evidence comes first.
    Suspected {
        hint: Failure,
        at: Instant,
        due: Instant,
    },
    /// A liveness message is under way.
    InFlight(InFlight),
    /// It failed ambiguously; asked again at `due` unless evidence newer than `unproved` comes first.
    RetryPending {
        failures: u32,
        failure: Failure,
        unproved: Instant,
        due: Instant,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct InFlight {
    pub(crate) id: LivenessId,
    /// Evidence that is newer makes its timeout meaningless: it refutes what the message was sent for.
    pub(crate) unproved: Instant,
    pub(crate) deadline: Instant,
    /// Ambiguous failures in a row before this one.
    pub(crate) failures: u32,
    pub(crate) doubt: Doubt,
}

/// What bad news has to do with the liveness message under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Doubt {
    /// Silence sent it, and nothing came since.
    None,
    /// The bad news came while it was under way: when it fails, another one decides.
    CameLater(Failure),
    /// The bad news sent it: its outcome decides alone.
    SentIt(Failure),
}

impl State {
    /// When time alone will change something.
    pub(crate) fn deadline(&self, config: &Config) -> Option<Instant> {
        match self {
            Self::Starting { deadline, .. } | Self::Stopping { deadline, .. } => Some(*deadline),
            Self::BackingOff { until, .. } | Self::Draining { until } => Some(*until),
            Self::Started(started) => Some(started.liveness.deadline(config)),
            Self::Stopped | Self::Failed => None,
        }
    }
}

impl Liveness {
    fn deadline(&self, config: &Config) -> Instant {
        match self {
            Self::NotLive(not_live) => not_live
                .recreate_at(config)
                .map_or(not_live.until, |at| at.min(not_live.until)),
            Self::Live(live) => {
                let earliest = live.lease(config).min(live.question.deadline());
                live.partial_end(config)
                    .map_or(earliest, |end| earliest.min(end))
            }
        }
    }
}

impl NotLive {
    /// When the client is replaced because nothing proves that it is of any use.
    pub(crate) fn recreate_at(&self, config: &Config) -> Option<Instant> {
        config
            .settings()
            .recreate_after
            .map(|after| self.newest + after)
    }
}

impl Live {
    /// Until when Running may be granted on the newest proof.
    pub(crate) fn lease(&self, config: &Config) -> Instant {
        match self.standing {
            Standing::Clear | Standing::Warned(_) => self.evidence + config.detection_bound(),
            Standing::Partial { .. } => self.evidence + config.partial_detection_bound(),
        }
    }

    /// When missing leaders are tolerated no longer. Evidence begins the tolerance anew.
    pub(crate) fn partial_end(&self, config: &Config) -> Option<Instant> {
        match self.standing {
            Standing::Clear | Standing::Warned(_) => None,
            Standing::Partial { since, .. } => {
                Some(since.max(self.evidence) + config.settings().partial_tolerance)
            }
        }
    }

    /// When the next liveness message is due, if nothing happens.
    ///
    /// While something is wrong that only a liveness message can show to be mended, ordinary evidence does not delay it.
    pub(crate) fn next_due(&self, now: Instant, config: &Config) -> Instant {
        let settings = config.settings();
        match self.standing {
            Standing::Clear => {
                // Evidence that was told late may be due at once, right after a message that nobody answered yet.
                self.spaced(self.evidence + settings.live_interval, config)
            }
            Standing::Warned(_) => now + settings.live_interval,
            Standing::Partial { .. } => now + settings.not_live_interval,
        }
    }

    /// `due`, or as much later as the newest liveness message demands.
    pub(crate) fn spaced(&self, due: Instant, config: &Config) -> Instant {
        due.max(self.sent + config.settings().suspicion_spacing)
    }
}

impl Standing {
    pub(crate) const fn warning(&self) -> Option<Failure> {
        match *self {
            Self::Clear => None,
            Self::Warned(failure) | Self::Partial { failure, .. } => Some(failure),
        }
    }
}

impl Question {
    /// The most telling bad news that nothing has refuted.
    pub(crate) const fn hint(&self) -> Option<Failure> {
        match *self {
            Self::Suspected { hint, .. } => Some(hint),
            Self::InFlight(asking) => asking.doubt.hint(),
            Self::Idle { .. } | Self::RetryPending { .. } => None,
        }
    }

    /// The same, with one more piece of it.
    pub(crate) fn hint_with(&self, newer: Failure) -> Failure {
        self.hint().map_or(newer, |old| old.most_specific(newer))
    }

    const fn deadline(&self) -> Instant {
        match *self {
            Self::Idle { due } | Self::Suspected { due, .. } | Self::RetryPending { due, .. } => {
                due
            }
            Self::InFlight(asking) => asking.deadline,
        }
    }
}

impl Doubt {
    pub(crate) const fn hint(self) -> Option<Failure> {
        match self {
            Self::None => None,
            Self::CameLater(hint) | Self::SentIt(hint) => Some(hint),
        }
    }
}
