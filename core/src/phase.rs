//! Where a supervisor stands, in one word: for people, pictures, and tests that must reach everything.

use std::fmt;

use crate::state::{Liveness, Question, State};
use crate::supervisor::Supervisor;

/// Where a supervisor stands, in one word. The status says what that means for the service; this says what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// A start is under way.
    Starting,
    /// There is no client; another start comes after a back-off.
    BackingOff,
    /// There is a client, and nothing proves that its bus works.
    NotLive,
    /// The bus works, and nobody asks.
    Quiet,
    /// The bus works; bad news came, and a liveness message is about to go out.
    Suspected,
    /// The bus worked; a liveness message is under way.
    Asking,
    /// The bus worked; a liveness message failed ambiguously, and the next is about to go out.
    Rechecking,
    /// Shutting down: not ready, and nothing closed yet.
    Draining,
    /// Shutting down: everything is being closed.
    Stopping,
    /// The end.
    Stopped,
    /// Given up; only a shutdown leads on.
    Failed,
}

impl Phase {
    /// Every phase, in the order of their declaration.
    pub const ALL: [Self; 11] = [
        Self::Starting,
        Self::BackingOff,
        Self::NotLive,
        Self::Quiet,
        Self::Suspected,
        Self::Asking,
        Self::Rechecking,
        Self::Draining,
        Self::Stopping,
        Self::Stopped,
        Self::Failed,
    ];

    /// A stable name for logs and pictures.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "Starting",
            Self::BackingOff => "BackingOff",
            Self::NotLive => "NotLive",
            Self::Quiet => "Quiet",
            Self::Suspected => "Suspected",
            Self::Asking => "Asking",
            Self::Rechecking => "Rechecking",
            Self::Draining => "Draining",
            Self::Stopping => "Stopping",
            Self::Stopped => "Stopped",
            Self::Failed => "Failed",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Supervisor {
    /// Where it stands, in one word.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match self.state {
            State::Starting { .. } => Phase::Starting,
            State::BackingOff { .. } => Phase::BackingOff,
            State::Started(started) => match started.liveness {
                Liveness::NotLive(_) => Phase::NotLive,
                Liveness::Live(live) => match live.question {
                    Question::Quiet { .. } => Phase::Quiet,
                    Question::Suspected { .. } => Phase::Suspected,
                    Question::Asking(_) => Phase::Asking,
                    Question::Rechecking { .. } => Phase::Rechecking,
                },
            },
            State::Draining { .. } => Phase::Draining,
            State::Stopping { .. } => Phase::Stopping,
            State::Stopped => Phase::Stopped,
            State::Failed => Phase::Failed,
        }
    }
}
