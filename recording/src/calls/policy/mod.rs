//! What other limits, attempts and deadlines would have done with the calls of a recording.
//!
//! [`Analysis`] takes the lines of a replay. It reports how the calls ended, and learns of each attempt how its send was answered and which
//! replies came. With that it drives another `Calls` through the same inputs. Where the other one sends what the recording did not send,
//! nobody knows what would have come of it: it is assumed, counted, and said.

mod change;
mod facts;
mod report;
mod simulation;

use livebus_core::ConfigError;
use livebus_core::calls::{Calls, Config};
use livebus_runner::Entry;

use crate::calls::{CallerConfig, Content, Line, Replay};
use facts::Facts;
use simulation::simulate;

pub use change::Change;
pub use report::{Ended, NotSentCounts, Report, Unknown};

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
