//! A scripted environment: what the bus answers, and what happens when.

use std::time::{Duration, Instant};

use livebus_core::{
    Backoff, ClientId, Config, ConfigError, Event, Failure, Handler, LivenessId, RegistrationId,
    Settings, StopId,
};

/// Everything that a supervisor will meet from its start at 0 on. It depends on the time and on the actions of the supervisor
/// only.
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
    /// It hangs until it is dropped.
    Never,
    /// It ends on its own, unless it was dropped before.
    After {
        /// How long it takes from the call.
        takes: Duration,
        /// How much later the loop runs: until then the answer waits in its inbox.
        delay: Duration,
        /// How it ends.
        outcome: Outcome,
    },
}

/// The result of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It returns this.
    Returns(Result<(), Failure>),
    /// It panics.
    Panics,
}

/// Something that happens independently of the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occurrence {
    /// Ordinary traffic proves that the bus works.
    Live,
    /// The client library hints that the bus may be gone.
    Suspicion(Failure),
    /// The newest client is lost.
    Lost(Failure),
    /// The client before the newest one is lost.
    LostBefore(Failure),
    /// The service requests the shutdown.
    Shutdown,
    /// The service drops its handle.
    Dropped,
    /// The executor is blocked for this long: neither the loop nor an operation runs. The loop finds what happened in that
    /// time when it runs again. [`Dropped`](Self::Dropped) cannot happen in that time.
    Blocked(Duration),
    /// The readiness of the service is read.
    ReadReadiness,
    /// A second supervision of the same bus starts, under the same name, after the first has ended.
    StartAgain,
    /// The core receives an input that no runner would deliver.
    DirectInput(DirectInput),
}

/// An input that the core receives directly, without a runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectInput {
    /// The instant of the input, since the beginning; by default the instant at which it is delivered.
    pub as_of: Option<Duration>,
    /// The input.
    pub input: Input,
}

/// An input of the core, in an environment whose clock begins at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The answer to a start.
    StartAnswered(ClientId, Result<(), Failure>),
    /// The answer to a liveness message.
    LivenessAnswered(LivenessId, Result<(), Failure>),
    /// The answer to a registration.
    RegistrationAnswered(RegistrationId, Result<(), Failure>),
    /// What a registered handler reports about itself.
    HandlerHealth(RegistrationId, Result<(), Failure>),
    /// The answer to a stop.
    StopAnswered(StopId, Result<(), Failure>),
    /// Evidence, observed at this time since the beginning; by default when it is delivered.
    Live(Option<Duration>),
    /// A suspicion.
    Suspicion(Failure),
    /// The loss of a client.
    Lost(ClientId, Failure),
    /// The request for the shutdown.
    Shutdown,
    /// The time alone.
    Time,
}

impl Environment {
    /// A bus on which every operation succeeds at once, under these settings.
    pub(super) fn new(mut settings: Settings) -> Self {
        settings.seed.get_or_insert(7);
        let at_once = vec![Answer::After {
            takes: Duration::ZERO,
            delay: Duration::ZERO,
            outcome: Outcome::Returns(Ok(())),
        }];
        Self {
            settings,
            starts: at_once.clone(),
            liveness: at_once.clone(),
            stops: at_once,
            handlers: Vec::new(),
            occurrences: Vec::new(),
            until: Duration::ZERO,
        }
    }

    /// Returns the settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the configuration of its supervisors.
    pub(super) fn config(&self) -> Result<Config, ConfigError> {
        let handlers = self.handlers.iter().map(|(it, _)| it.clone()).collect();
        Config::new(self.settings.clone())?.with_handlers(handlers)
    }

    /// Returns whether a loop may find several inputs at once when it wakes.
    pub(super) fn has_simultaneous_inputs(&self) -> bool {
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
    /// Returns the event of this input, delivered at `at`; `None` when it is the time alone.
    pub(super) fn event(self, began: Instant, at: Instant) -> Option<Event> {
        Some(match self {
            Self::StartAnswered(id, result) => Event::StartAnswered { id, result },
            Self::LivenessAnswered(id, result) => Event::LivenessAnswered { id, result },
            Self::RegistrationAnswered(id, result) => Event::RegistrationAnswered { id, result },
            Self::HandlerHealth(id, result) => Event::HandlerHealth { id, result },
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

/// Returns the default settings without jitter.
///
/// In milliseconds: a start may take 10,000; the back-off after it is 500, 1,000, 2,000 and so on. A liveness message is sent
/// after 5,000 of silence and may take 2,000; two are sent, 500 apart, so the detection bound is 9,500. While the bus is not
/// live, one is sent after 1,000, 2,000, 4,000, 5,000. A liveness message that a suspicion sends may take 500; two of them are
/// at least 200 apart. Leaders may be missing for 15,000. The drain takes 5,000, the stop may take 5,000.
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
