//! What every decision may look at beside the state of its part.

use std::time::Instant;

use crate::config::Config;
use crate::settings::Settings;

/// The newest instant that the supervisor has received, and its configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) config: &'a Config,
}

impl<'a> Context<'a> {
    pub(crate) const fn new(now: Instant, config: &'a Config) -> Self {
        Self { now, config }
    }

    pub(crate) const fn settings(self) -> &'a Settings {
        self.config.settings()
    }
}
