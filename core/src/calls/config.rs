//! The configuration of `Calls`: settings parsed into a [`Config`] that cannot be wrong, and the bounds that follow from it.

use std::time::Duration;

use crate::calls::settings::{Limits, Settings};
use crate::config::{self, ConfigError};

/// Settings that were checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Config {
    settings: Settings,
}

impl Config {
    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first field that cannot be right: a duration that is zero or too long, a limit of zero, a limit that
    /// contradicts another one, a back-off that cannot be right.
    pub fn new(settings: Settings) -> Result<Self, ConfigError> {
        let s = &settings;
        limits(&s.limits)?;
        config::duration("assign_timeout", s.assign_timeout)?;
        config::backoff("assign_backoff", &s.assign_backoff)?;
        if !(1..=Self::MAX_ATTEMPTS).contains(&s.attempts) {
            return refused("attempts", s.attempts, "make it 1 to 1,000");
        }
        config::duration("attempt_timeout", s.attempt_timeout)?;
        config::backoff("retry_backoff", &s.retry_backoff)?;
        config::duration("overload_hint", s.overload_hint)?;
        config::not_too_long("drain", s.drain)?;
        Ok(Self { settings })
    }

    /// The most attempts of one call.
    pub const MAX_ATTEMPTS: u32 = 1_000;

    /// The settings, as they were checked.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns how long the shutdown takes at most: `drain`.
    #[must_use]
    pub const fn shutdown_bound(&self) -> Duration {
        self.settings.drain
    }
}

impl Limits {
    /// The most of anything that is counted.
    pub const MAX: u32 = 10_000_000;
}

fn limits(limits: &Limits) -> Result<(), ConfigError> {
    for (field, value) in [
        ("limits.calls", limits.calls),
        ("limits.remembered", limits.remembered),
    ] {
        if !(1..=Limits::MAX).contains(&value) {
            return refused(field, value, "make it 1 to 10,000,000");
        }
    }
    if limits.call_bytes == 0 {
        let field = "limits.call_bytes";
        return refused(field, limits.call_bytes, "make it more than zero");
    }
    if limits.bytes < u64::from(limits.call_bytes) {
        let least = limits.call_bytes;
        let remedy = format!("make it at least limits.call_bytes, which is {least}");
        return refused("limits.bytes", limits.bytes, &remedy);
    }
    Ok(())
}

fn refused<T>(
    field: &'static str,
    value: impl std::fmt::Debug,
    remedy: &str,
) -> Result<T, ConfigError> {
    Err(ConfigError {
        field,
        value: format!("{value:?}"),
        remedy: remedy.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_right_is_refused_by_name() {
        let refused = |change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            Config::new(settings).expect_err("refused").field
        };
        assert_eq!(refused(|it| it.limits.calls = 0), "limits.calls");
        assert_eq!(refused(|it| it.limits.remembered = 0), "limits.remembered");
        assert_eq!(refused(|it| it.limits.call_bytes = 0), "limits.call_bytes");
        assert_eq!(refused(|it| it.limits.bytes = 9), "limits.bytes");
        assert_eq!(refused(|it| it.attempts = 0), "attempts");
        assert_eq!(refused(|it| it.attempts = 1_001), "attempts");
        let zero = Duration::ZERO;
        assert_eq!(
            refused(|it| it.assign_timeout = Duration::ZERO),
            "assign_timeout"
        );
        assert_eq!(
            refused(|it| it.attempt_timeout = Duration::ZERO),
            "attempt_timeout"
        );
        assert_eq!(
            refused(|it| it.overload_hint = Duration::ZERO),
            "overload_hint"
        );
        assert_eq!(refused(|it| it.drain = Duration::MAX), "drain");
        assert_eq!(
            refused(|it| it.retry_backoff.first = Duration::ZERO),
            "retry_backoff"
        );
        assert_eq!(
            refused(|it| it.assign_backoff.jitter_percent = 101),
            "assign_backoff"
        );
        let none = Settings {
            drain: zero,
            ..Settings::default()
        };
        assert_eq!(
            Config::new(none)
                .expect("no drain is valid")
                .shutdown_bound(),
            zero
        );
    }
}
