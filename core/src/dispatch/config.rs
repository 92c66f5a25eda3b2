//! The configuration of a dispatcher: settings parsed into a [`Config`] that cannot be wrong, and the bounds that follow from it.

use std::time::Duration;

use crate::config::{self, ConfigError};
use crate::dispatch::event::RecordFailure;
use crate::dispatch::settings::{FailurePolicy, Limits, Settings, Then};

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
        if let Some(record_timeout) = s.record_timeout {
            config::duration("record_timeout", record_timeout)?;
        }
        config::duration("stall_timeout", s.stall_timeout)?;
        config::duration("commit_interval", s.commit_interval)?;
        config::duration("commit_timeout", s.commit_timeout)?;
        config::not_too_long("revocation_drain", s.revocation_drain)?;
        config::not_too_long("drain", s.drain)?;
        config::backoff("transient.backoff", &s.transient.backoff)?;
        config::backoff("permanent.backoff", &s.permanent.backoff)?;
        config::backoff("timed_out.backoff", &s.timed_out.backoff)?;
        config::backoff("panicked.backoff", &s.panicked.backoff)?;
        config::backoff("dead_letter_backoff", &s.dead_letter_backoff)?;
        Ok(Self { settings })
    }

    /// The settings, as they were checked.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns how long a revocation is held at most, provided that commits are answered within `commit_timeout`:
    /// `revocation_drain + 2 x commit_timeout`, for a commit that is in flight when the drain ends, and the last one.
    #[must_use]
    pub fn revocation_bound(&self) -> Duration {
        let Settings {
            commit_timeout,
            revocation_drain,
            ..
        } = self.settings;
        revocation_drain + 2 * commit_timeout
    }

    /// Returns how many records of one partition are handled again at most after a crash, a loss or a revocation that was not finished:
    /// `limits.unacknowledged`. Records that failed and are retried are not counted, nor is [`Delivery::Broadcast`](crate::dispatch::Delivery::Broadcast).
    #[must_use]
    pub const fn max_duplicates(&self) -> u32 {
        self.settings.limits.unacknowledged
    }

    /// Returns how long a record that fails each time holds up those behind it, without the time in which its function runs or its dead
    /// letter is written, and while the bus can be used: the sum of the longest back-offs before each attempt, of the policies that have
    /// that many, since each failure may be of another class. `None` where a policy is [`Then::Stop`]: until it succeeds.
    #[must_use]
    pub fn max_hold_up(&self) -> Option<Duration> {
        let s = &self.settings;
        let policies = [&s.transient, &s.permanent, &s.timed_out, &s.panicked];
        if policies.iter().any(|policy| policy.then == Then::Stop) {
            return None;
        }
        let retries = policies.iter().map(|policy| policy.retries).max()?;
        let longest = |attempt: u32| {
            let with_it = policies.iter().filter(|policy| policy.retries >= attempt);
            let delays = with_it.map(|policy| policy.backoff.longest(attempt));
            delays.max().unwrap_or_default()
        };
        // From the 33rd attempt on the delays depend only on which policies have that many.
        let ends = policies.iter().map(|policy| policy.retries);
        let mut ends: Vec<u32> = ends.chain([retries.min(33)]).collect();
        ends.sort_unstable();
        let first: Duration = (1..=retries.min(33)).map(longest).sum();
        let rest = ends.windows(2).map(|pair| {
            let (from, to) = (pair[0].max(33), pair[1].max(33));
            longest(to).saturating_mul(to - from)
        });
        Some(rest.fold(first, Duration::saturating_add))
    }

    /// Returns how long the shutdown takes at most, however the brokers behave: `drain + 2 x commit_timeout`.
    #[must_use]
    pub fn shutdown_bound(&self) -> Duration {
        self.settings.drain + 2 * self.settings.commit_timeout
    }

    pub(crate) const fn policy(&self, class: RecordFailure) -> &FailurePolicy {
        match class {
            RecordFailure::Transient => &self.settings.transient,
            RecordFailure::Permanent => &self.settings.permanent,
            RecordFailure::TimedOut => &self.settings.timed_out,
            RecordFailure::Panicked => &self.settings.panicked,
        }
    }
}

impl Limits {
    /// The most of anything that is counted.
    pub const MAX: u32 = 10_000_000;
}

fn limits(limits: &Limits) -> Result<(), ConfigError> {
    for (field, value) in [
        ("limits.runs", limits.runs),
        ("limits.run_records", limits.run_records),
        ("limits.unacknowledged", limits.unacknowledged),
        ("limits.records", limits.records),
    ] {
        if !(1..=Limits::MAX).contains(&value) {
            return config::refuse(field, value, "make it 1 to 10,000,000".to_owned());
        }
    }
    if limits.record_bytes == 0 {
        return config::refuse(
            "limits.record_bytes",
            limits.record_bytes,
            "make it more than zero".to_owned(),
        );
    }
    let room = limits.bytes.saturating_sub(u64::from(limits.record_bytes));
    if room == 0 {
        let remedy = format!(
            "make it more than limits.record_bytes, which is {}",
            limits.record_bytes
        );
        return config::refuse("limits.bytes", limits.bytes, remedy);
    }
    if !(1..=room).contains(&limits.high_water_bytes) {
        let remedy = format!("make it 1 to {room}, so that one more record fits into limits.bytes");
        return config::refuse("limits.high_water_bytes", limits.high_water_bytes, remedy);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backoff::Backoff;

    fn policy(retries: u32, seconds: u64, then: Then) -> FailurePolicy {
        FailurePolicy::new(retries, Backoff::fixed(Duration::from_secs(seconds)), then)
    }

    fn with(transient: FailurePolicy, others: &FailurePolicy) -> Config {
        Config::new(Settings {
            transient,
            permanent: others.clone(),
            timed_out: others.clone(),
            panicked: others.clone(),
            ..Settings::default()
        })
        .expect("the settings of a test are valid")
    }

    #[test]
    fn a_policy_that_stops_has_no_bound() {
        let config = Config::new(Settings::default()).expect("the default is valid");
        assert_eq!(config.max_hold_up(), None);
    }

    #[test]
    fn the_hold_up_is_the_longest_back_off_of_each_attempt() {
        let config = with(policy(3, 10, Then::Skip), &policy(10, 1, Then::DeadLetter));
        assert_eq!(config.max_hold_up(), Some(Duration::from_secs(37)));
    }

    #[test]
    fn many_retries_are_added_up_as_one_by_one() {
        let config = with(policy(50, 2, Then::Skip), &policy(100, 1, Then::Skip));
        assert_eq!(config.max_hold_up(), Some(Duration::from_secs(150)));
        let config = with(policy(0, 2, Then::Skip), &policy(0, 1, Then::Skip));
        assert_eq!(config.max_hold_up(), Some(Duration::ZERO));
    }

    #[test]
    fn the_hold_up_includes_the_jitter() {
        let backoff = Backoff {
            first: Duration::from_secs(1),
            max: Duration::from_secs(100),
            jitter_percent: 20,
        };
        let jittered = FailurePolicy::new(2, backoff, Then::Skip);
        let config = with(jittered.clone(), &jittered);
        assert_eq!(config.max_hold_up(), Some(Duration::from_millis(3_600)));
    }

    #[test]
    fn limits_that_contradict_each_other_are_refused_by_name() {
        let refused = |limits| {
            let settings = Settings {
                limits,
                ..Settings::default()
            };
            Config::new(settings).expect_err("refused").to_string()
        };
        let zero = Limits {
            runs: 0,
            ..Limits::default()
        };
        assert!(refused(zero).contains("limits.runs"));
        let default = Limits::default;
        #[rustfmt::skip]
        let zeros = [
            ("limits.run_records", Limits { run_records: 0, ..default() }),
            ("limits.unacknowledged", Limits { unacknowledged: 0, ..default() }),
            ("limits.records", Limits { records: 0, ..default() }),
            ("limits.record_bytes", Limits { record_bytes: 0, ..default() }),
            ("limits.bytes", Limits { bytes: 0, ..default() }),
            ("limits.high_water_bytes", Limits { high_water_bytes: 0, ..default() }),
        ];
        for (field, limits) in zeros {
            let text = refused(limits);
            assert!(text.contains(field) && text.contains('0'), "{text}");
        }
        let small = Limits {
            bytes: 10,
            record_bytes: 10,
            ..Limits::default()
        };
        assert!(refused(small).contains("limits.bytes"));
        let high = Limits {
            high_water_bytes: 64 << 20,
            ..Limits::default()
        };
        assert!(refused(high).contains("limits.high_water_bytes"));
    }

    #[test]
    fn the_bounds_follow_from_the_settings() {
        let config = Config::new(Settings::default()).expect("the default is valid");
        assert_eq!(config.revocation_bound(), Duration::from_secs(15));
        assert_eq!(config.shutdown_bound(), Duration::from_secs(15));
        assert_eq!(config.max_duplicates(), 100_000);
    }
}
