//! A case: settings, handlers and a script, which are a pure function of a seed and a number.

use livebus_core::{Config, ConfigError, Handler, Settings};

use super::script::Step;
use super::{script, settings};
use crate::rng::Rng;

/// Settings and handlers, and the inputs for a supervisor with them.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) settings: Settings,
    pub(super) handlers: Vec<Handler>,
    pub(super) steps: Vec<Step>,
}

impl Case {
    /// Returns the case with this number.
    pub(super) fn draw(seed: u64, number: u64, steps: usize) -> Self {
        let mut rng = Rng::of_case(seed, number);
        let (settings, handlers) = settings::draw(&mut rng);
        let steps = script::draw(&mut rng, &settings, steps);
        Self {
            settings,
            handlers,
            steps,
        }
    }

    /// Returns the configuration of its supervisor.
    pub(super) fn config(&self) -> Result<Config, ConfigError> {
        Config::new(self.settings.clone())?.with_handlers(self.handlers.clone())
    }
}
