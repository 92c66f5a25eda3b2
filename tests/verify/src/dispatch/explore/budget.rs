//! What the environment of a model may still do.

/// How often the environment may do what it could do forever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Ticks.
    pub ticks: u8,
    /// Ends of processes.
    pub crashes: u8,
    /// Revocations.
    pub revocations: u8,
    /// Losses of partitions.
    pub losses: u8,
    /// Losses of clients.
    pub client_losses: u8,
    /// Failures of functions.
    pub failures: u8,
    /// Failures of commits.
    pub failed_commits: u8,
    /// Commits of which only one position is taken.
    pub failed_positions: u8,
    /// Dead letters that cannot be written.
    pub failed_letters: u8,
    /// Times that the bus cannot be used.
    pub outages: u8,
    /// Shutdowns.
    pub shutdowns: u8,
    /// Functions found pending.
    pub pending: u8,
    /// Functions that return records or are cancelled by the runner.
    pub returns: u8,
    /// Removals.
    pub removals: u8,
    /// Records that are others by now.
    pub changes: u8,
    /// Losses that come with a tick.
    pub late_losses: u8,
}
