//! A scripted world: what the bus answers, and what happens when.

use std::time::{Duration, Instant};

use livebus_core::{
    Backoff, ClientId, Config, ConfigError, Event, Failure, Handler, LivenessId, RegistrationId,
    Settings, StopId,
};

/// All that a supervisor will meet, from its start at 0 on: a function of time and of what it asks, and of nothing else.
#[derive(Debug, Clone, PartialEq)]
pub struct Environment {
    pub(super) settings: Settings,
    pub(super) starts: Vec<Answer>,
    pub(super) liveness: Vec<Answer>,
    pub(super) stops: Vec<Answer>,
    pub(super) handlers: Vec<(Handler, Vec<Answer>)>,
    pub(super) occurrences: Vec<(Duration, Occurrence)>,
    pub(super) until: Duration,
}

/// How one operation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It hangs until it is given up.
    Never,
    /// It ends by itself, unless it was given up before.
    After {
        /// How long it takes, from the call on.
        takes: Duration,
        /// How much later the loop gets to run: the answer lies in its inbox meanwhile.
        delay: Duration,
        /// How it ends.
        outcome: Outcome,
    },
}

/// What an operation ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It returns this.
    Returns(Result<(), Failure>),
    /// It panics.
    Panics,
}

/// What happens by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occurrence {
    /// Ordinary traffic proves that the bus works.
    Live,
    /// The client library hints that the bus may be gone.
    Suspicion(Failure),
    /// The newest client is beyond repair.
    Lost(Failure),
    /// The client before the newest one is.
    LostBefore(Failure),
    /// The service calls for the shutdown.
    Shutdown,
    /// The service drops its handle.
    Dropped,
    /// The executor does not get to run for so long: neither the loop nor an operation. What happens meanwhile, other than
    /// [`Dropped`](Self::Dropped), is found when it is over.
    Blocked(Duration),
    /// Somebody asks whether the service is ready.
    ReadReadiness,
    /// A second supervision, of the same bus under the same name, after the first has ended.
    StartAgain,
    /// The core is told this, as no runner would.
    DirectInput(DirectInput),
}

/// What the core is told by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectInput {
    /// As of when, since the beginning; if not as of when it is told.
    pub as_of: Option<Duration>,
    /// What.
    pub input: Input,
}

/// Something that the core can be told, in a world whose clock begins at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The answer to a start.
    StartAnswered(ClientId, Result<(), Failure>),
    /// The answer to a liveness message.
    LivenessAnswered(LivenessId, Result<(), Failure>),
    /// The answer to a registration.
    RegistrationAnswered(RegistrationId, Result<(), Failure>),
    /// The answer to a stop.
    StopAnswered(StopId, Result<(), Failure>),
    /// Good news, seen then; if not when it is told.
    Live(Option<Duration>),
    /// Bad news.
    Suspicion(Failure),
    /// The loss of a client.
    Lost(ClientId, Failure),
    /// The call for the shutdown.
    Shutdown,
    /// What time it is.
    Time,
}

impl Environment {
    /// A bus that does at once what it is asked, under these settings.
    pub(super) fn new(settings: Settings) -> Self {
        let at_once = vec![Answer::After {
            takes: Duration::ZERO,
            delay: Duration::ZERO,
            outcome: Outcome::Returns(Ok(())),
        }];
        Self {
            settings: Settings {
                seed: Some(settings.seed.unwrap_or(7)),
                ..settings
            },
            starts: at_once.clone(),
            liveness: at_once.clone(),
            stops: at_once,
            handlers: Vec::new(),
            occurrences: Vec::new(),
            until: Duration::ZERO,
        }
    }

    /// The settings, but for the handlers.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What its supervisors are told once.
    pub(super) fn config(&self) -> Result<Config, ConfigError> {
        let handlers = self.handlers.iter().map(|(it, _)| it.clone()).collect();
        Config::new(Settings {
            handlers,
            ..self.settings.clone()
        })
    }

    /// Whether a loop finds several things at once when it wakes.
    pub(super) fn comes_at_once(&self) -> bool {
        let kinds = [&self.starts, &self.liveness, &self.stops];
        let handlers = self.handlers.iter().map(|(_, answers)| answers);
        let mut answers = kinds.into_iter().chain(handlers).flatten();
        answers.any(|it| matches!(it, Answer::After { delay, .. } if !delay.is_zero()))
            || self
                .occurrences
                .iter()
                .any(|(_, it)| matches!(it, Occurrence::Blocked(_)))
    }
}

impl Input {
    /// As an event, told at `at`; nothing when it is the time alone.
    pub(super) fn event(self, began: Instant, at: Instant) -> Option<Event> {
        Some(match self {
            Self::StartAnswered(id, result) => Event::StartAnswered { id, result },
            Self::LivenessAnswered(id, result) => Event::LivenessAnswered { id, result },
            Self::RegistrationAnswered(id, result) => Event::RegistrationAnswered { id, result },
            Self::StopAnswered(id, result) => Event::StopAnswered { id, result },
            Self::Live(seen) => Event::Live {
                at: seen.map_or(at, |seen| began + seen),
            },
            Self::Suspicion(failure) => Event::Suspicion(failure),
            Self::Lost(client, failure) => Event::ClientLost { client, failure },
            Self::Shutdown => Event::Shutdown,
            Self::Time => return None,
        })
    }
}

/// The default timings without jitter. A start 10,000, then 500, 1,000, 2,000 and so on until the next. Silence 5,000; a
/// liveness message 2,000, twice, 500 apart: bound 9,500. While not live each 1,000, 2,000, 4,000, 5,000. A suspicion 500,
/// at a distance of 200. Leaders may be missing for 15,000. Drain 5,000, stop 5,000.
#[must_use]
pub fn plain() -> Settings {
    let backoff = Backoff {
        jitter_percent: 0,
        ..Settings::default().start_backoff
    };
    Settings {
        start_backoff: backoff,
        registration_backoff: backoff,
        ..Settings::default()
    }
}

pub(super) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
