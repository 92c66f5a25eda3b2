//! What a supervisor is told once: parsed into a [`Config`] that cannot be wrong.

use std::fmt;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::handlers::Handler;

/// Every timing and rule, as it is written down. [`Config::new`] makes sure that they make sense together.
///
/// ```
/// use livebus_core::{Config, Settings};
/// use std::time::Duration;
///
/// let config = Config::new(Settings {
///     live_interval: Duration::from_secs(2),
///     ..Settings::default()
/// })?;
/// assert_eq!(config.detection_bound(), Duration::from_millis(2_000 + 2 * 2_000 + 500));
/// # Ok::<(), livebus_core::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Settings {
    /// How long one start may take.
    pub start_timeout: Duration,
    /// How long to wait after a start that failed or a client that was lost.
    pub start_backoff: Backoff,
    /// Silence that is allowed while live: after so long without evidence a liveness message goes out.
    pub live_interval: Duration,
    /// How long a liveness message may take while live. At most `live_interval`.
    pub liveness_timeout: Duration,
    /// After an ambiguous failure while live: how long until the next liveness message. At most `live_interval`.
    pub recheck_delay: Duration,
    /// Ambiguous failures in a row, while live, that make the service NotReady: 1 to 1,000.
    pub failures_to_not_ready: u32,
    /// Proofs in a row, while not live, that make it live: 1 to 1,000. More than one in the same interval counts once.
    pub successes_to_ready: u32,
    /// While not live, a liveness message goes out so often and stays open so long; doubled from failure to failure.
    pub not_live_interval: Duration,
    /// Where the doubling of `not_live_interval` ends.
    pub not_live_interval_max: Duration,
    /// What a hint of the client library does.
    pub on_suspicion: OnSuspicion,
    /// How long a liveness message may take that a suspicion sent. At most `liveness_timeout`.
    pub suspicion_timeout: Duration,
    /// The shortest time from one liveness message to the next that a suspicion sends. At most `live_interval`.
    pub suspicion_spacing: Duration,
    /// How long the service stays Running, with a warning, while only the leaders asked are missing. Zero: not at all.
    pub partial_tolerance: Duration,
    /// What an answer proves that refuses for a reason of ours: a missing topic, a missing right, a quota.
    pub answers: Answers,
    /// What a fatally broken client leads to.
    pub on_client_lost: OnClientLost,
    /// Replace the client when nothing proved it to be of any use for so long. Longer than `not_live_interval_max`.
    pub recreate_after: Option<Duration>,
    /// What must be registered after each start. Names are not empty and differ.
    pub handlers: Vec<Handler>,
    /// How long one registration may take.
    pub registration_timeout: Duration,
    /// How long to wait after a registration that failed.
    pub registration_backoff: Backoff,
    /// At a shutdown: how long to be NotReady before anything is closed, so that load balancers see it. Zero: not at all.
    pub drain: Duration,
    /// How long the closing may take after that.
    pub stop_timeout: Duration,
    /// Where the jitter of the backoffs comes from: the same seed gives the same delays. `None`: the runner draws one, so
    /// that many processes do not come back in step; without a runner it is 0.
    pub seed: Option<u64>,
}

/// What a hint of the client library does while live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnSuspicion {
    /// Ask the bus now, with `suspicion_timeout`; the outcome decides alone.
    Ask,
    /// Believe it: NotReady at once.
    NotReady,
}

/// What a refusal for a reason of ours proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answers {
    /// The bus lives: it answered. Running, with a warning.
    Live,
    /// Strict: what we asked was not done. NotReady.
    NotLive,
}

/// What a fatally broken client leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnClientLost {
    /// Discard it and start another.
    Recreate,
    /// Failed, for ever.
    Fail,
}

impl Default for Settings {
    /// A killed bus is noticed in under a second, a hung one in under ten; an idle one costs one small message in five
    /// seconds.
    fn default() -> Self {
        let backoff = Backoff {
            first: Duration::from_millis(500),
            max: Duration::from_secs(30),
            jitter_percent: 20,
        };
        Self {
            start_timeout: Duration::from_secs(10),
            start_backoff: backoff,
            live_interval: Duration::from_secs(5),
            liveness_timeout: Duration::from_secs(2),
            recheck_delay: Duration::from_millis(500),
            failures_to_not_ready: 2,
            successes_to_ready: 1,
            not_live_interval: Duration::from_secs(1),
            not_live_interval_max: Duration::from_secs(5),
            on_suspicion: OnSuspicion::Ask,
            suspicion_timeout: Duration::from_millis(500),
            suspicion_spacing: Duration::from_millis(200),
            partial_tolerance: Duration::from_secs(15),
            answers: Answers::Live,
            on_client_lost: OnClientLost::Recreate,
            recreate_after: None,
            handlers: Vec::new(),
            registration_timeout: Duration::from_secs(10),
            registration_backoff: backoff,
            drain: Duration::from_secs(5),
            stop_timeout: Duration::from_secs(5),
            seed: None,
        }
    }
}

impl Settings {
    /// A hung bus is noticed in under a second; an idle one costs four small messages a second.
    #[must_use]
    pub fn fast() -> Self {
        Self {
            live_interval: Duration::from_millis(250),
            liveness_timeout: Duration::from_millis(250),
            recheck_delay: Duration::from_millis(50),
            not_live_interval: Duration::from_millis(500),
            suspicion_timeout: Duration::from_millis(250),
            suspicion_spacing: Duration::from_millis(100),
            ..Self::default()
        }
    }

    /// The timings and the simpler rules of the VOLTHA core, whose Kafka supervision livebus follows: a fixed delay
    /// between starts, a minute of silence while live, five seconds while not, every piece of bad news believed at once,
    /// no warnings, and no second client.
    ///
    /// What a liveness message may take is a minute here; the original waits for it without end. `docs/differences.md`
    /// lists what else differs, and why.
    #[must_use]
    pub fn as_in_voltha() -> Self {
        Self {
            start_backoff: Backoff::fixed(Duration::from_secs(2)),
            live_interval: Duration::from_mins(1),
            liveness_timeout: Duration::from_mins(1),
            failures_to_not_ready: 1,
            not_live_interval: Duration::from_secs(5),
            not_live_interval_max: Duration::from_secs(5),
            on_suspicion: OnSuspicion::NotReady,
            partial_tolerance: Duration::ZERO,
            answers: Answers::NotLive,
            on_client_lost: OnClientLost::Fail,
            drain: Duration::ZERO,
            ..Self::default()
        }
    }
}

/// Settings that make sense: nothing zero that must pass, nothing longer than what contains it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Config {
    settings: Settings,
    detection_bound: Duration,
}

impl Config {
    /// The longest duration that any setting may have: 365 days. Sums of a few of them cannot overflow.
    pub const LONGEST: Duration = Duration::from_hours(365 * 24);

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first field that cannot be right, in the order of their declaration: a duration that is
    /// zero or longer than [`Config::LONGEST`], one that is longer than what contains it, a count of zero or over 1,000,
    /// jitter over 100 %, a handler's name that is empty or used twice, a detection bound beyond [`Config::LONGEST`].
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
        handler_names(&s.handlers)?;
        duration("registration_timeout", s.registration_timeout)?;
        backoff("registration_backoff", &s.registration_backoff)?;
        not_too_long("drain", s.drain)?;
        duration("stop_timeout", s.stop_timeout)?;
        let detection_bound = detection_bound(s)?;
        Ok(Self {
            settings,
            detection_bound,
        })
    }

    /// The settings, as they were checked.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The longest time that the bus can be unusable while the status is Running:
    /// `live_interval + n x liveness_timeout + (n - 1) x recheck_delay`, n being `failures_to_not_ready`.
    ///
    /// Counted from the newest evidence. It holds however late a timer fires, because it is the lease too: whoever asks
    /// after it is told NotReady.
    #[must_use]
    pub const fn detection_bound(&self) -> Duration {
        self.detection_bound
    }

    /// The detection bound while only leaders are missing: longer by `partial_tolerance`.
    #[must_use]
    pub fn partial_detection_bound(&self) -> Duration {
        self.detection_bound + self.settings.partial_tolerance
    }

    /// The longest time from [`Event::Shutdown`](crate::Event::Shutdown) to Stopped: `drain + stop_timeout`.
    #[must_use]
    pub fn shutdown_bound(&self) -> Duration {
        self.settings.drain + self.settings.stop_timeout
    }
}

/// A setting that cannot be right.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ConfigError {
    /// The field of [`Settings`].
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

fn refuse(field: &'static str, value: impl fmt::Debug, remedy: String) -> Result<(), ConfigError> {
    Err(ConfigError {
        field,
        value: format!("{value:?}"),
        remedy,
    })
}

fn not_too_long(field: &'static str, value: Duration) -> Result<(), ConfigError> {
    if value > Config::LONGEST {
        return refuse(field, value, "make it at most 365 days".to_owned());
    }
    Ok(())
}

fn duration(field: &'static str, value: Duration) -> Result<(), ConfigError> {
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

fn backoff(field: &'static str, value: &Backoff) -> Result<(), ConfigError> {
    if value.first.is_zero() {
        return refuse(field, value, "make `first` longer than zero".to_owned());
    }
    if value.max < value.first {
        return refuse(field, value, "make `max` at least `first`".to_owned());
    }
    if value.max > Config::LONGEST {
        return refuse(field, value, "make `max` at most 365 days".to_owned());
    }
    if value.jitter_percent > 100 {
        return refuse(field, value, "make `jitter_percent` 0 to 100".to_owned());
    }
    Ok(())
}

fn handler_names(handlers: &[Handler]) -> Result<(), ConfigError> {
    if handlers.len() > usize::from(u16::MAX) {
        return refuse(
            "handlers",
            handlers.len(),
            "have at most 65,535 of them".to_owned(),
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
    if bound > Config::LONGEST {
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
