//! What other limits, attempts and deadlines would have done with the calls of a recording.
//!
//! [`Analysis`] takes the lines of a replay. It reports how the calls ended, and learns of each attempt how its send was answered and which
//! replies came. With that it drives another `Calls` through the same inputs. Where the other one sends what the recording did not send,
//! nobody knows what would have come of it: it is assumed, counted, and said.

mod facts;
mod report;
mod simulation;

use std::time::{Duration, Instant};

use livebus_core::ConfigError;
use livebus_core::calls::{Calls, Config, Settings};

use crate::calls::{CallerConfig, Content, Line, Replay};
use facts::Facts;
use livebus_runner::Entry;
pub use report::{Ended, NotSentCounts, Report, Unknown};
use simulation::simulate;

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
    fn deadline(&self, now: Instant, deadline: Instant) -> Instant {
        let earliest = self.min_time.and_then(|time| now.checked_add(time));
        let latest = self.max_time.and_then(|time| now.checked_add(time));
        let deadline = earliest.map_or(deadline, |earliest| deadline.max(earliest));
        latest.map_or(deadline, |latest| deadline.min(latest))
    }
}

/// Takes the lines of a replay, and reports what became of the calls.
#[derive(Debug)]
pub struct Analysis {
    config: CallerConfig,
    is_whole: bool,
    facts: Facts,
}

impl Analysis {
    /// Begins with the first line of a recording.
    #[must_use]
    pub fn new<R>(replay: &Replay<R>) -> Self {
        let header = replay.header();
        Self {
            config: header.config.clone(),
            is_whole: header.start_state.is_none(),
            facts: Facts::new(replay.epoch().began()),
        }
    }

    /// Takes a line, and the calls as they are after it.
    pub fn add(&mut self, line: &Line, calls: &Calls) {
        match &line.content {
            Content::Entry(Entry::Event(event)) => self.facts.on_event(line.at, *event),
            Content::Entry(Entry::Timeout) => self.facts.on_timeout(line.at),
            Content::Entry(Entry::Action(action)) => self.facts.on_action(*action),
            Content::End(_) => {}
        }
        self.facts.report.take(calls);
    }

    /// Returns what became of the calls in the recording.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.facts.report
    }

    /// Returns the configuration of the recording.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config.config
    }

    /// Returns whether the recording begins with its `Calls`. One that continues an earlier file does not say what the calls in flight did
    /// before.
    #[must_use]
    pub const fn can_simulate(&self) -> bool {
        self.is_whole
    }

    /// Returns what would have become of the calls.
    ///
    /// # Errors
    ///
    /// When the change gives settings that are invalid.
    pub fn simulate(&self, change: &Change) -> Result<Report, ConfigError> {
        let config = change.apply(self.config())?;
        Ok(simulate(&self.facts, self.config.identity, config, change))
    }
}
