//! What another policy would have done with the inputs of a recording.
//!
//! [`Analysis`] takes the lines of a replay. It reports what became of the records, and learns how each call of the function ended and how
//! long it took. With that it drives another dispatcher through the same inputs of the consumer. Where the other one calls the function
//! though the recording does not, nobody knows how that would have ended: it is assumed, counted, and said.

mod calls;
mod report;
mod simulation;
mod tracker;

use std::time::Instant;

use livebus_core::ConfigError;
use livebus_core::dispatch::{Config, Dispatcher, Order, Settings, Then};

use crate::dispatch::{Content, Line, Replay};
use crate::epoch::Epoch;
use calls::Calls;
use livebus_runner::Entry;
pub use report::{Fate, Report, Unknown};
use simulation::simulate;
use tracker::Tracker;

/// What is different from the policy of a recording. What is `None` stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Change {
    /// What follows the last retry, of every class of failures.
    pub then: Option<Then>,
    /// How often the function is called again, after failures of every class.
    pub retries: Option<u32>,
    /// Which records wait for which.
    pub order: Option<Order>,
    /// Runs in flight at once.
    pub runs: Option<u32>,
}

impl Change {
    /// Returns the configuration with the change.
    ///
    /// # Errors
    ///
    /// When it would be invalid.
    pub fn apply(&self, config: &Config) -> Result<Config, ConfigError> {
        let mut settings: Settings = config.settings().clone();
        for policy in [
            &mut settings.transient,
            &mut settings.permanent,
            &mut settings.timed_out,
            &mut settings.panicked,
        ] {
            policy.then = self.then.unwrap_or(policy.then);
            policy.retries = self.retries.unwrap_or(policy.retries);
        }
        settings.order = self.order.unwrap_or(settings.order);
        settings.limits.runs = self.runs.unwrap_or(settings.limits.runs);
        Config::new(settings)
    }
}

/// Learns from the lines of a replay what became of the records.
#[derive(Debug, Clone)]
pub struct Analysis {
    config: Config,
    epoch: Epoch,
    start: Dispatcher,
    calls: Calls,
    tracker: Tracker,
    newest: Instant,
    /// The dispatcher after the newest line.
    last: Dispatcher,
    continues: bool,
}

impl Analysis {
    /// Begins with the replay, before it runs.
    #[must_use]
    pub fn new<R>(replay: &Replay<R>) -> Self {
        let header = replay.header();
        let start = replay.machine();
        let config = header.config.config.clone();
        let newest = header
            .start_state
            .as_ref()
            .and_then(|start| replay.epoch().instant(start.ns));
        Self {
            calls: Calls::default(),
            tracker: Tracker::new(config.settings().clone(), start),
            config,
            epoch: replay.epoch(),
            start: start.clone(),
            newest: newest.unwrap_or(replay.epoch().began()),
            last: start.clone(),
            continues: header.start_state.is_some(),
        }
    }

    /// Takes the next line, with the dispatcher as it is after it: what `Replay::run_with` calls back with.
    pub fn add(&mut self, line: &Line, dispatcher: &Dispatcher) {
        self.newest = self.newest.max(line.at);
        match &line.content {
            Content::Entry(Entry::Event(event)) => {
                self.calls.on_event(line.at, event, &self.tracker);
                self.tracker.on_event(self.newest, event.event());
            }
            Content::Entry(Entry::Action(action)) => {
                self.calls.on_action(line.at, action);
                self.tracker.on_action(self.newest, action);
            }
            Content::Entry(Entry::Timeout) | Content::End(_) => {}
        }
        self.tracker
            .note_oldest(self.newest, dispatcher.oldest_arrival());
        let is_last = matches!(
            line.content,
            Content::End(_) | Content::Entry(Entry::Event(_) | Entry::Timeout)
        );
        if is_last {
            self.last.clone_from(dispatcher);
        }
    }

    /// Returns what became of the records.
    #[must_use]
    pub fn report(&self) -> Report {
        self.tracker
            .report(self.newest, &self.start, &self.last, Unknown::default())
    }

    /// Returns whether another policy can be tried: not with a file that continues another one, since how the calls before it ended is
    /// not known.
    #[must_use]
    pub const fn can_simulate(&self) -> bool {
        !self.continues
    }

    /// Returns what a dispatcher with another configuration would have done with the same inputs, until the end of the recording.
    #[must_use]
    pub fn simulate(&self, config: &Config) -> Report {
        simulate(config, self.epoch.began(), self.newest, &self.calls)
    }

    /// Returns the configuration of the recording.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }
}
