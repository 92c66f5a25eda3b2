//! The phase of a supervisor: its state in one word, for people, figures, and tests that must reach every state.

use std::fmt;

/// The state of a supervisor in one word. The status says what that means for the service; this says what the supervisor does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// A start is in flight.
    Starting,
    /// There is no client; another start comes after a back-off.
    BackingOff,
    /// There is a client, and nothing proves that its bus works.
    NotLive,
    /// The bus works, and no check is needed yet.
    Idle,
    /// The bus works; a suspicion came, and a liveness message is about to go out.
    Suspected,
    /// The bus worked; a liveness message is in flight.
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

    /// A stable name for logs and figures.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Written out once more, so that a phase that is added does not compile until it is here and in `ALL`.
    const fn index(phase: Phase) -> usize {
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
        let indices: Vec<usize> = Phase::ALL.into_iter().map(index).collect();
        assert_eq!(indices, (0..=index(Phase::Failed)).collect::<Vec<_>>());
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
