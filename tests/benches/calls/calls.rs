//! Loads, and what a caller measures of them.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

/// So many calls at once, until so many have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) at_once: usize,
    pub(crate) calls: usize,
}

impl Load {
    /// Calls before the first load, which are not measured.
    pub(crate) const WARM_UP: Self = Self {
        at_once: 10,
        calls: 1_000,
    };
}

impl FromStr for Load {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (at_once, calls) = text
            .split_once(':')
            .context("a load is AT_ONCE:CALLS, like 100:50000")?;
        let load = Self {
            at_once: at_once.parse()?,
            calls: calls.parse()?,
        };
        ensure!(
            (1..=load.calls).contains(&load.at_once),
            "the load {load} has no calls, or more at once than in total"
        );
        Ok(load)
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.at_once, self.calls)
    }
}

/// What was measured of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Measured {
    /// From the begin of the first call to the end of the last.
    pub(crate) wall: Duration,
    pub(crate) median: Duration,
    /// Of a hundred calls, 99 took at most so long.
    pub(crate) p99: Duration,
}

impl Measured {
    /// Makes it of the round trips of all calls since `began`.
    pub(crate) fn new(began: Instant, mut round_trips: Vec<Duration>) -> Self {
        let wall = began.elapsed();
        round_trips.sort_unstable();
        let at = |percent: usize| {
            let index = (round_trips.len() * percent / 100).min(round_trips.len() - 1);
            round_trips[index]
        };
        Self {
            wall,
            median: at(50),
            p99: at(99),
        }
    }
}

impl fmt::Display for Measured {
    /// Writes nanoseconds, as the other programs do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [wall, median, p99] = [self.wall, self.median, self.p99].map(|time| time.as_nanos());
        write!(f, "{wall} {median} {p99}")
    }
}

impl FromStr for Measured {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let numbers: Vec<u64> = text
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        let [wall, median, p99] = *numbers.as_slice() else {
            anyhow::bail!("not three numbers: {text}");
        };
        Ok(Self {
            wall: Duration::from_nanos(wall),
            median: Duration::from_nanos(median),
            p99: Duration::from_nanos(p99),
        })
    }
}
