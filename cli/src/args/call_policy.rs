//! Options of `livebus replay` for the recording of a caller.

use std::fmt;
use std::time::Duration;

use clap::ValueHint;
use livebus_recording::calls::policy::Change;

use crate::args::values;

/// Another policy for the recording of a caller.
#[derive(Debug, Clone, Copy, clap::Args)]
#[command(next_help_heading = "Another policy, for the recording of a caller")]
pub(crate) struct CallPolicyArgs {
    /// How many calls would have been in flight at most.
    #[arg(long, env = "LIVEBUS_MAX_CALLS", value_name = "N", value_hint = ValueHint::Other)]
    pub(crate) max_calls: Option<u32>,

    /// How many bytes of requests would have been in flight at most.
    #[arg(long, env = "LIVEBUS_MAX_BYTES", value_name = "SIZE", value_hint = ValueHint::Other, value_parser = values::size)]
    pub(crate) max_bytes: Option<u64>,

    /// How often an idempotent call would have been sent at most.
    #[arg(long, env = "LIVEBUS_ATTEMPTS", value_name = "N", value_hint = ValueHint::Other)]
    pub(crate) attempts: Option<u32>,

    /// How long it would have waited for the reply before the next attempt.
    #[arg(long, env = "LIVEBUS_ATTEMPT_TIMEOUT", value_name = "DURATION", value_hint = ValueHint::Other, value_parser = values::duration)]
    pub(crate) attempt_timeout: Option<Duration>,

    /// How much time each call would have had at least.
    #[arg(long, env = "LIVEBUS_MIN_TIME", value_name = "DURATION", value_hint = ValueHint::Other, value_parser = values::duration)]
    pub(crate) min_time: Option<Duration>,

    /// How much time each call would have had at most.
    #[arg(long, env = "LIVEBUS_MAX_TIME", value_name = "DURATION", value_hint = ValueHint::Other, value_parser = values::duration)]
    pub(crate) max_time: Option<Duration>,
}

impl CallPolicyArgs {
    /// Returns whether a policy is given.
    pub(crate) fn is_given(&self) -> bool {
        self.change() != Change::default()
    }

    pub(crate) const fn change(&self) -> Change {
        Change {
            calls: self.max_calls,
            bytes: self.max_bytes,
            attempts: self.attempts,
            attempt_timeout: self.attempt_timeout,
            min_time: self.min_time,
            max_time: self.max_time,
        }
    }
}

impl fmt::Display for CallPolicyArgs {
    /// Shows the options that are given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time =
            |time: Option<Duration>| time.map(|time| humantime::format_duration(time).to_string());
        let options = [
            ("max-calls", self.max_calls.map(|it| it.to_string())),
            ("max-bytes", self.max_bytes.map(|it| format!("{it}B"))),
            ("attempts", self.attempts.map(|it| it.to_string())),
            ("attempt-timeout", time(self.attempt_timeout)),
            ("min-time", time(self.min_time)),
            ("max-time", time(self.max_time)),
        ];
        f.write_str("with")?;
        for (option, value) in options {
            if let Some(value) = value {
                write!(f, " --{option} {value}")?;
            }
        }
        Ok(())
    }
}
