//! What is measured, and for how long: the environment variables.

use std::env;
use std::time::Duration;

use anyhow::{Context as _, ensure};

/// The lengths of the measurements.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The number of short outages of each kind.
    pub(crate) rounds: u64,
    /// The lengths of the long outages.
    pub(crate) long: Vec<Duration>,
    /// The number of nodes that have a long outage of each kind and length.
    pub(crate) long_nodes: u64,
    /// The number of pauses that are too short for NotReady.
    pub(crate) pauses: u64,
    /// For how long a process is measured that is idle.
    pub(crate) idle: Duration,
    /// The groups that are measured.
    groups: Vec<String>,
}

impl Plan {
    /// Reads the environment, with `groups` as the names that exist.
    ///
    /// # Errors
    ///
    /// When a variable is no number, or names no group.
    pub(crate) fn from_environment(groups: &[&str]) -> anyhow::Result<Self> {
        let chosen = words("LIVEBUS_BENCH_GROUPS");
        for group in &chosen {
            ensure!(
                groups.contains(&&**group),
                "LIVEBUS_BENCH_GROUPS: no group {group}; there are {}",
                groups.join(", ")
            );
        }
        let mut long = vec![Duration::from_secs(30)];
        for seconds in words("LIVEBUS_BENCH_LONG") {
            let parsed = seconds.parse().map(Duration::from_secs);
            long.push(parsed.with_context(|| format!("LIVEBUS_BENCH_LONG: {seconds}"))?);
        }
        Ok(Self {
            rounds: number("LIVEBUS_BENCH_ROUNDS", 5)?,
            long,
            long_nodes: number("LIVEBUS_BENCH_LONG_NODES", 1)?,
            pauses: number("LIVEBUS_BENCH_PAUSES", 16)?,
            idle: Duration::from_secs(number("LIVEBUS_BENCH_IDLE", 60)?),
            groups: chosen,
        })
    }

    /// Returns whether the group is measured. All are, if none is named.
    pub(crate) fn includes(&self, group: &str) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|chosen| chosen == group)
    }
}

fn number(name: &str, default: u64) -> anyhow::Result<u64> {
    match env::var(name) {
        Ok(value) => value.parse().with_context(|| format!("{name}={value}")),
        Err(_) => Ok(default),
    }
}

/// Returns the words of a variable, between commas.
fn words(name: &str) -> Vec<String> {
    let value = env::var(name).unwrap_or_default();
    let words = value.split(',').map(str::trim);
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}
