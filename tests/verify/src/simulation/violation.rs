//! The violations that a simulation can find.

use std::fmt;

use crate::invariants::Claim;

/// A claim that is false in a run, or a run that is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Violation {
    /// The invariant checker found it.
    Claim(Claim),
    /// Running, though no leader could have answered for longer than the bound plus the time for which an answer is in flight.
    StillRunning,
    /// Running after a definitive failure.
    NotImmediate,
    /// All faults have ended, and the service is not Running within the bound.
    NotConverged,
    /// All faults have ended, and a service that was Running is not Running any more.
    LeftRunning,
    /// One of several brokers is away, the bus works without it, and a service has a warning still.
    WarningStays,
    /// The bus has failed, and the service is Running beyond the bound.
    NotDetected,
    /// The service was shut down, and is not Stopped within the bound.
    NotStopped,
    /// A step with more actions than the rules allow.
    TooManyActions,
    /// Very many events at one instant.
    HotLoop,
    /// A valid configuration was rejected.
    ConfigRejected,
    /// The core panicked.
    Panicked,
    /// The same seed did not fail again.
    NotReproducible,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Claim(claim) => return write!(f, "{claim}"),
            Self::StillRunning => {
                "S2, by the state of the bus: Running, and the bus was not usable for longer than the bound."
            }
            Self::NotImmediate => "S3, by the state of the bus: Running after a definitive failure.",
            Self::NotConverged => "V1: all faults have ended, and the service is not Running within the bound.",
            Self::LeftRunning => "V8: the bus works, and a service that was Running is not Running any more.",
            Self::WarningStays => "partial: the bus works without one broker, and a service has a warning still.",
            Self::NotDetected => "V2: the bus has failed, and the service is Running beyond the bound.",
            Self::NotStopped => "V5: the service was shut down, and is not Stopped within the bound.",
            Self::TooManyActions => "S8: a step with more actions than the rules allow.",
            Self::HotLoop => "S8: very many events at one instant.",
            Self::ConfigRejected => "A valid configuration was rejected.",
            Self::Panicked => "The core panicked.",
            Self::NotReproducible => "The same seed did not fail again.",
        })
    }
}

/// A seed that failed.
#[derive(Debug, Clone)]
pub struct SeedFailure {
    /// The seed.
    pub seed: u64,
    /// The violation.
    pub violation: Violation,
    /// The number of events until then.
    pub events: u64,
    /// The last lines of the log, one for each event.
    pub log: Vec<String>,
}

impl fmt::Display for SeedFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.log {
            writeln!(f, "{line}")?;
        }
        writeln!(
            f,
            "seed {}, event {}: {}",
            self.seed, self.events, self.violation
        )?;
        let command = "cargo run --release -p livebus-verify -- simulate --log --seed";
        write!(f, "to repeat: {command} {}", self.seed)
    }
}

impl std::error::Error for SeedFailure {}
