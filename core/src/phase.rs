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
    Idle,
    /// The bus works; bad news came, and a liveness message is about to go out.
    Suspected,
    /// The bus worked; a liveness message is under way.
    InFlight,
    /// The bus worked; a liveness message failed ambiguously, and the next is about to go out.
    RetryPending,
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
        Self::Idle,
        Self::Suspected,
        Self::InFlight,
        Self::RetryPending,
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
            Self::Idle => "Idle",
            Self::Suspected => "Suspected",
            Self::InFlight => "InFlight",
            Self::RetryPending => "RetryPending",
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
                    Question::Idle { .. } => Phase::Idle,
                    Question::Suspected { .. } => Phase::Suspected,
                    Question::InFlight(_) => Phase::InFlight,
                    Question::RetryPending { .. } => Phase::RetryPending,
                },
            },
            State::Draining { .. } => Phase::Draining,
            State::Stopping { .. } => Phase::Stopping,
            State::Stopped => Phase::Stopped,
            State::Failed => Phase::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written out once more, so that a phase that is added does not compile until it is here and in `ALL`.
    const fn place(phase: Phase) -> usize {
        match phase {
            Phase::Starting => 0,
            Phase::BackingOff => 1,
            Phase::NotLive => 2,
            Phase::Idle => 3,
            Phase::Suspected => 4,
            Phase::InFlight => 5,
            Phase::RetryPending => 6,
            Phase::Draining => 7,
            Phase::Stopping => 8,
            Phase::Stopped => 9,
            Phase::Failed => 10,
        }
    }

    #[test]
    fn all_has_every_phase_once_in_order() {
        let places: Vec<usize> = Phase::ALL.into_iter().map(place).collect();
        assert_eq!(places, (0..=place(Phase::Failed)).collect::<Vec<_>>());
        assert!(Phase::ALL.is_sorted());
    }

    #[test]
    fn each_phase_has_a_name_of_its_own_which_is_that_of_its_variant() {
        let mut names: Vec<&str> = Phase::ALL.map(Phase::name).to_vec();
        for (phase, name) in Phase::ALL.into_iter().zip(&names) {
            assert_eq!(format!("{phase:?}"), *name);
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Phase::ALL.len());
    }

    #[test]
    fn a_phase_is_displayed_by_its_name_and_can_be_aligned() {
        assert_eq!(Phase::NotLive.to_string(), "NotLive");
        assert_eq!(format!("[{:>8}]", Phase::Idle), "[    Idle]");
    }
}
