//! The settings of a callee.

use std::time::Duration;

use crate::config::{self, ConfigError};

/// The settings of a [`Callee`](crate::calls::Callee), before they are checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CalleeSettings {
    /// How much older than its deadline a request may be and still runs: for the skew of clocks.
    pub tolerance: Duration,
    /// How many replies are kept for each partition, for the idempotency keys of their requests.
    pub old_replies: u32,
    /// Whether the position of a request is acknowledged before it runs. A crash then loses a request instead of repeating it, and each
    /// request waits for a commit.
    pub at_most_once: bool,
    /// How many records of a partition an earlier owner may have begun that are fetched again, as
    /// [`max_duplicates`](crate::dispatch::Config::max_duplicates) of the dispatcher has it.
    pub max_duplicates: u32,
}

impl Default for CalleeSettings {
    fn default() -> Self {
        Self {
            tolerance: Duration::from_secs(1),
            old_replies: 1_000,
            at_most_once: false,
            max_duplicates: 100_000,
        }
    }
}

/// Settings that were checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CalleeConfig {
    settings: CalleeSettings,
}

impl CalleeConfig {
    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for a tolerance that is too long.
    pub fn new(settings: CalleeSettings) -> Result<Self, ConfigError> {
        config::not_too_long("tolerance", settings.tolerance)?;
        Ok(Self { settings })
    }

    /// The settings, as they were checked.
    #[must_use]
    pub const fn settings(&self) -> &CalleeSettings {
        &self.settings
    }
}
