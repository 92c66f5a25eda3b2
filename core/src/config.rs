//! The configuration of a supervisor: settings parsed into a [`Config`] that cannot be wrong.

use std::fmt;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::handler::Handler;
use crate::settings::Settings;

/// Settings that were checked, and request handlers. No duration that must pass is zero, and none is longer than the one that contains
/// it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Config {
    settings: Settings,
    handlers: Vec<Handler>,
    detection_bound: Duration,
}

impl Config {
    /// The maximum of any duration among the settings: 365 days. Sums of a few of them cannot overflow.
    pub const MAX_DURATION: Duration = Duration::from_hours(365 * 24);

    /// The most handlers that there may be: each step looks at all of them.
    pub const MAX_HANDLERS: usize = 1_000;

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first field that cannot be right, in the order of their declaration: a duration that is
    /// zero or longer than [`Config::MAX_DURATION`], one that is longer than what contains it, a count of zero or over 1,000,
    /// jitter over 100 %, a detection bound beyond [`Config::MAX_DURATION`].
    pub fn new(settings: Settings) -> Result<Self, ConfigError> {
        let s = &settings;
        duration("start_timeout", s.start_timeout)?;
        backoff("start_backoff", &s.start_backoff)?;
        duration("live_interval", s.live_interval)?;
        let live_interval = ("live_interval", s.live_interval);
        within("liveness_timeout", s.liveness_timeout, live_interval)?;
        within("recheck_delay", s.recheck_delay, live_interval)?;
        count("failures_to_not_ready", s.failures_to_not_ready)?;
        count("successes_to_ready", s.successes_to_ready)?;
        duration("not_live_interval", s.not_live_interval)?;
        at_least(
            "not_live_interval_max",
            s.not_live_interval_max,
            ("not_live_interval", s.not_live_interval),
        )?;
        let liveness_timeout = ("liveness_timeout", s.liveness_timeout);
        within("suspicion_timeout", s.suspicion_timeout, liveness_timeout)?;
        within("suspicion_spacing", s.suspicion_spacing, live_interval)?;
        not_too_long("partial_tolerance", s.partial_tolerance)?;
        if let Some(recreate_after) = s.recreate_after {
            longer_than(
                "recreate_after",
                recreate_after,
                ("not_live_interval_max", s.not_live_interval_max),
            )?;
        }
        duration("registration_timeout", s.registration_timeout)?;
        backoff("registration_backoff", &s.registration_backoff)?;
        not_too_long("drain", s.drain)?;
        duration("stop_timeout", s.stop_timeout)?;
        let detection_bound = detection_bound(s)?;
        Ok(Self {
            settings,
            handlers: Vec::new(),
            detection_bound,
        })
    }

    /// Returns this configuration with these request handlers, in the order of their registration. Without this call there are none.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for more than [`Config::MAX_HANDLERS`], and for a name that is empty or used twice.
    pub fn with_handlers(self, handlers: Vec<Handler>) -> Result<Self, ConfigError> {
        handler_names(&handlers)?;
        Ok(Self { handlers, ..self })
    }

    /// The settings, as they were checked.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The request handlers; a [`HandlerId`](crate::HandlerId) is an index into them.
    #[must_use]
    pub fn handlers(&self) -> &[Handler] {
        &self.handlers
    }

    /// Returns the maximum time for which the bus can be unusable while the status is Running, unless a part of the bus is missing:
    /// `live_interval + n x liveness_timeout + (n - 1) x recheck_delay`, n being `failures_to_not_ready`.
    ///
    /// Counted from the newest evidence. It holds however late a timer fires, because it is the lease too: a reader
    /// sees NotReady after it.
    #[must_use]
    pub const fn detection_bound(&self) -> Duration {
        self.detection_bound
    }

    /// The detection bound while a part of the bus is missing: longer by `partial_tolerance`.
    #[must_use]
    pub fn partial_detection_bound(&self) -> Duration {
        self.detection_bound + self.settings.partial_tolerance
    }

    /// How long liveness messages stay open while not live, from failure to failure.
    pub(crate) fn not_live_intervals(&self) -> Backoff {
        Backoff {
            first: self.settings.not_live_interval,
            max: self.settings.not_live_interval_max,
            jitter_percent: 0,
        }
    }

    /// How long a failure or a suspicion that is not seen again outranks vaguer ones: a whole interval fits in, wherever it begins.
    pub(crate) fn diagnosis_age(&self) -> Duration {
        self.settings.not_live_interval_max * 2
    }

    /// The maximum time from [`Event::Shutdown`](crate::Event::Shutdown) to Stopped: `drain + stop_timeout`.
    #[must_use]
    pub fn shutdown_bound(&self) -> Duration {
        self.settings.drain + self.settings.stop_timeout
    }
}

/// A setting that cannot be right.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ConfigError {
    /// The field of [`Settings`], or `handlers`.
    pub field: &'static str,
    /// The value that it was given, as a person would write it.
    pub value: String,
    /// What would be right, as an imperative sentence without a full stop.
    pub remedy: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}: {}", self.field, self.value, self.remedy)
    }
}

impl std::error::Error for ConfigError {}

pub(crate) fn refuse(
    field: &'static str,
    value: impl fmt::Debug,
    remedy: String,
) -> Result<(), ConfigError> {
    Err(ConfigError {
        field,
        value: format!("{value:?}"),
        remedy,
    })
}

pub(crate) fn not_too_long(field: &'static str, value: Duration) -> Result<(), ConfigError> {
    if value > Config::MAX_DURATION {
        return refuse(field, value, "make it at most 365 days".to_owned());
    }
    Ok(())
}

pub(crate) fn duration(field: &'static str, value: Duration) -> Result<(), ConfigError> {
    if value.is_zero() {
        return refuse(field, value, "make it longer than zero".to_owned());
    }
    not_too_long(field, value)
}

type Named = (&'static str, Duration);

fn within(field: &'static str, value: Duration, (name, outer): Named) -> Result<(), ConfigError> {
    duration(field, value)?;
    if value > outer {
        return refuse(
            field,
            value,
            format!("make it at most {name}, which is {outer:?}"),
        );
    }
    Ok(())
}

fn at_least(field: &'static str, value: Duration, (name, inner): Named) -> Result<(), ConfigError> {
    duration(field, value)?;
    if value < inner {
        return refuse(
            field,
            value,
            format!("make it at least {name}, which is {inner:?}"),
        );
    }
    Ok(())
}

fn longer_than(
    field: &'static str,
    value: Duration,
    (name, inner): Named,
) -> Result<(), ConfigError> {
    duration(field, value)?;
    if value <= inner {
        return refuse(
            field,
            value,
            format!("make it longer than {name}, which is {inner:?}"),
        );
    }
    Ok(())
}

fn count(field: &'static str, value: u32) -> Result<(), ConfigError> {
    if !(1..=1_000).contains(&value) {
        return refuse(field, value, "make it 1 to 1,000".to_owned());
    }
    Ok(())
}

pub(crate) fn backoff(field: &'static str, value: &Backoff) -> Result<(), ConfigError> {
    if value.first.is_zero() {
        return refuse(field, value, "make `first` longer than zero".to_owned());
    }
    if value.max < value.first {
        return refuse(field, value, "make `max` at least `first`".to_owned());
    }
    if value.max > Config::MAX_DURATION {
        return refuse(field, value, "make `max` at most 365 days".to_owned());
    }
    if value.jitter_percent > 100 {
        return refuse(field, value, "make `jitter_percent` 0 to 100".to_owned());
    }
    Ok(())
}

fn handler_names(handlers: &[Handler]) -> Result<(), ConfigError> {
    if handlers.len() > Config::MAX_HANDLERS {
        return refuse(
            "handlers",
            handlers.len(),
            "have at most 1,000 of them".to_owned(),
        );
    }
    for (i, handler) in handlers.iter().enumerate() {
        if handler.name.is_empty() {
            return refuse(
                "handlers",
                &handler.name,
                "give every handler a name".to_owned(),
            );
        }
        if handlers[..i].iter().any(|other| other.name == handler.name) {
            return refuse(
                "handlers",
                &handler.name,
                "give every handler a name of its own".to_owned(),
            );
        }
    }
    Ok(())
}

fn detection_bound(s: &Settings) -> Result<Duration, ConfigError> {
    let timeouts = s.liveness_timeout * s.failures_to_not_ready;
    let rechecks = s.recheck_delay * (s.failures_to_not_ready - 1);
    let bound = s.live_interval + timeouts + rechecks;
    if bound > Config::MAX_DURATION {
        refuse(
            "failures_to_not_ready",
            s.failures_to_not_ready,
            format!("make the detection bound at most 365 days; it is {bound:?}"),
        )?;
    }
    Ok(bound)
}

#[cfg(test)]
mod tests;
