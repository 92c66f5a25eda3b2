//! Another policy for the calls of a recording.

use std::time::{Duration, Instant};

use livebus_core::ConfigError;
use livebus_core::calls::{Config, Settings};

/// What is different from the recording. What is `None` stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Change {
    /// Calls in flight.
    pub calls: Option<u32>,
    /// Bytes of their requests.
    pub bytes: Option<u64>,
    /// How often the request of an idempotent call is sent at most.
    pub attempts: Option<u32>,
    /// How long an idempotent call waits for the reply before it sends the next request.
    pub attempt_timeout: Option<Duration>,
    /// How long each call may take at least: its deadline is not earlier.
    pub min_time: Option<Duration>,
    /// How long each call may take at most: its deadline is not later. It decides where both contradict each other.
    pub max_time: Option<Duration>,
}

impl Change {
    /// Returns the configuration with the change.
    ///
    /// # Errors
    ///
    /// When it would be invalid.
    pub fn apply(&self, config: &Config) -> Result<Config, ConfigError> {
        let mut settings: Settings = config.settings().clone();
        let limits = &mut settings.limits;
        limits.calls = self.calls.unwrap_or(limits.calls);
        limits.bytes = self.bytes.unwrap_or(limits.bytes);
        settings.attempts = self.attempts.unwrap_or(settings.attempts);
        settings.attempt_timeout = self.attempt_timeout.unwrap_or(settings.attempt_timeout);
        Config::new(settings)
    }

    /// Returns the deadline of a call that comes at `now`.
    pub(super) fn deadline(&self, now: Instant, deadline: Instant) -> Instant {
        let earliest = self.min_time.and_then(|time| now.checked_add(time));
        let latest = self.max_time.and_then(|time| now.checked_add(time));
        let deadline = earliest.map_or(deadline, |earliest| deadline.max(earliest));
        latest.map_or(deadline, |latest| deadline.min(latest))
    }
}
