//! A scripted world: what the bus answers, and what happens when.

use std::time::Duration;

use livebus_runner::{Backoff, Failure, FailureClass, Handler, Settings};

/// All that a supervisor will meet, from its start at 0 on: a function of time and of what it asks, and of nothing else.
#[derive(Debug, Clone)]
pub struct World {
    pub(super) settings: Settings,
    pub(super) starts: Vec<Answer>,
    pub(super) liveness: Vec<Answer>,
    pub(super) stops: Vec<Answer>,
    pub(super) handlers: Vec<(Handler, Vec<Answer>)>,
    pub(super) happenings: Vec<(Duration, Happening)>,
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
        lies: Duration,
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
pub enum Happening {
    /// Ordinary traffic proves that the bus works.
    Live,
    /// The client library hints that the bus may be gone.
    Suspicion(FailureClass),
    /// The newest client is beyond repair.
    Lost(FailureClass),
    /// The client before the newest one is.
    LostBefore(FailureClass),
    /// The service calls for the shutdown.
    Shutdown,
    /// The service drops its handle.
    Dropped,
    /// The executor does not get to run for so long: neither the loop nor an operation. What happens meanwhile, other than
    /// [`Dropped`](Self::Dropped), is found when it is over.
    Blocked(Duration),
    /// Somebody asks whether the service is ready.
    Look,
    /// A second supervision, of the same bus under the same name, after the first has ended.
    StartAgain,
}

impl World {
    /// A bus that does at once what it is asked, under these settings; their handlers come by [`handler`](Self::handler).
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let at_once = vec![Answer::ok(0)];
        Self {
            settings: Settings {
                seed: Some(settings.seed.unwrap_or(7)),
                ..settings
            },
            starts: at_once.clone(),
            liveness: at_once.clone(),
            stops: at_once,
            handlers: Vec::new(),
            happenings: Vec::new(),
            until: Duration::ZERO,
        }
    }

    /// What the starts are answered, one after the other. The last answer stands for all that follow, here as below.
    #[must_use]
    pub fn starts(self, answers: impl Into<Vec<Answer>>) -> Self {
        Self {
            starts: answers.into(),
            ..self
        }
    }

    /// What the liveness messages are answered.
    #[must_use]
    pub fn liveness(self, answers: impl Into<Vec<Answer>>) -> Self {
        Self {
            liveness: answers.into(),
            ..self
        }
    }

    /// What the stops are answered.
    #[must_use]
    pub fn stops(self, answers: impl Into<Vec<Answer>>) -> Self {
        Self {
            stops: answers.into(),
            ..self
        }
    }

    /// One more handler, and what its registrations are answered.
    #[must_use]
    pub fn handler(mut self, handler: Handler, answers: impl Into<Vec<Answer>>) -> Self {
        self.handlers.push((handler, answers.into()));
        self
    }

    /// This happens at `at` milliseconds: not before the happening that was added last, and after it.
    #[must_use]
    pub fn at(mut self, at: u64, happening: Happening) -> Self {
        self.happenings.push((ms(at), happening));
        self
    }

    /// This happens `times` times, each `every` milliseconds, from `from` milliseconds on.
    #[must_use]
    pub fn each(self, times: u64, from: u64, every: u64, happening: Happening) -> Self {
        (0..times).fold(self, |world, n| world.at(from + n * every, happening))
    }

    /// The story ends at `until` milliseconds, with all that is due then.
    #[must_use]
    pub fn until(self, until: u64) -> Self {
        Self {
            until: ms(until),
            ..self
        }
    }

    /// Whether a loop finds several things at once when it wakes.
    pub(super) fn comes_at_once(&self) -> bool {
        let kinds = [&self.starts, &self.liveness, &self.stops];
        let handlers = self.handlers.iter().map(|(_, answers)| answers);
        let mut answers = kinds.into_iter().chain(handlers).flatten();
        answers.any(|it| matches!(it, Answer::After { lies, .. } if !lies.is_zero()))
            || self
                .happenings
                .iter()
                .any(|(_, it)| matches!(it, Happening::Blocked(_)))
    }
}

impl Answer {
    /// It succeeds after `takes` milliseconds.
    #[must_use]
    pub const fn ok(takes: u64) -> Self {
        Self::after(takes, Outcome::Returns(Ok(())))
    }

    /// It fails after `takes` milliseconds.
    #[must_use]
    pub const fn failure(takes: u64, class: FailureClass) -> Self {
        Self::after(takes, Outcome::Returns(Err(Failure::new(class))))
    }

    /// It panics after `takes` milliseconds.
    #[must_use]
    pub const fn panic(takes: u64) -> Self {
        Self::after(takes, Outcome::Panics)
    }

    /// The same, but the loop is held up for `lies` milliseconds while the answer lies in its inbox.
    #[must_use]
    pub const fn lies(self, lies: u64) -> Self {
        match self {
            Self::Never => self,
            Self::After { takes, outcome, .. } => Self::After {
                takes,
                lies: ms(lies),
                outcome,
            },
        }
    }

    const fn after(takes: u64, outcome: Outcome) -> Self {
        Self::After {
            takes: ms(takes),
            lies: Duration::ZERO,
            outcome,
        }
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
