//! How a simulation fails.

use std::fmt;

use crate::watch::Claim;

/// What is false.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Broken {
    /// The watch says so.
    Claim(Claim),
    /// Running, though no leader could have answered for longer than the bound and the time that answers are under way.
    StillRunning,
    /// Running after a definitive failure was told.
    NotAtOnce,
    /// All faults have ended, and it is not Running within the bound.
    NotConverged,
    /// All faults have ended, it was Running, and is not any more.
    LeftRunning,
    /// Everything died, and it is Running beyond the bound.
    NotDetected,
    /// It was shut down, and is not Stopped within the bound.
    NotStopped,
    /// A step with more actions than any rule asks for.
    TooManyActions,
    /// Very much happens, and time does not pass.
    HotLoop,
    /// A configuration that is valid was refused.
    ConfigRefused,
    /// The core panicked.
    Panicked,
    /// The same seed, played again, did not fail again.
    NotTheSame,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Claim(claim) => return write!(f, "{claim}"),
            Self::StillRunning => {
                "S2, as the world sees it: Running, and the bus was not usable for longer than the bound."
            }
            Self::NotAtOnce => "S3, as the world sees it: Running after a definitive failure.",
            Self::NotConverged => "V1: all faults have ended, and it is not Running within the bound.",
            Self::LeftRunning => "V8: the bus works, it was Running, and is not any more.",
            Self::NotDetected => "V2: everything died, and it is Running beyond the bound.",
            Self::NotStopped => "V5: it was shut down, and is not Stopped within the bound.",
            Self::TooManyActions => "S8: a step with more actions than any rule asks for.",
            Self::HotLoop => "S8: very much happens, and time does not pass.",
            Self::ConfigRefused => "A configuration that is valid was refused.",
            Self::Panicked => "The core panicked.",
            Self::NotTheSame => "The same seed, played again, did not fail again.",
        })
    }
}

/// A seed that failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What is false.
    pub broken: Broken,
    /// After how many events.
    pub events: u64,
    /// The last lines of the log, one for each event.
    pub log: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.log {
            writeln!(f, "{line}")?;
        }
        writeln!(
            f,
            "seed {}, event {}: {}",
            self.seed, self.events, self.broken
        )?;
        let again = "cargo run --release -p livebus-verify -- simulate --log --seed";
        write!(f, "again: {again} {}", self.seed)
    }
}

impl std::error::Error for Failure {}
