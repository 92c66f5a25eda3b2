//! The small models: settings, the records that are written, and what the environment may do.

use std::time::Duration;

use livebus_core::calls::{CalleeConfig, CalleeSettings};

/// A small model.
#[derive(Debug, Clone)]
pub struct Model {
    /// What it is about.
    pub name: &'static str,
    /// The settings.
    pub config: CalleeConfig,
    /// The records, in their order.
    pub records: Vec<Planned>,
    /// What the environment may do.
    pub budget: Budget,
    /// The unit of time.
    pub tick: Duration,
    /// How many states there are.
    pub states: usize,
}

/// A record that is written.
#[derive(Debug, Clone, Copy)]
pub enum Planned {
    /// An attempt of a call.
    Request {
        /// The call.
        call: u64,
        /// Its idempotency key.
        key: Option<u64>,
        /// The time that it has, in ticks.
        ticks: u32,
    },
    /// A cancel of a call.
    Cancel {
        /// The call.
        call: u64,
    },
}

/// How often the environment may do what it could do forever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Ticks.
    pub ticks: u8,
    /// Times that the partition is given to an owner, the first time included.
    pub assignments: u8,
    /// Crashes.
    pub crashes: u8,
    /// Commits that are applied, and whose owner does not learn it.
    pub blind_commits: u8,
    /// Runs that end without a reply.
    pub silent_ends: u8,
}

const TICK: Duration = Duration::from_secs(1);

const fn plain(call: u64, ticks: u32) -> Planned {
    Planned::Request {
        call,
        key: None,
        ticks,
    }
}

const fn keyed(call: u64, key: u64, ticks: u32) -> Planned {
    Planned::Request {
        call,
        key: Some(key),
        ticks,
    }
}

fn settings() -> CalleeSettings {
    CalleeSettings {
        tolerance: TICK,
        old_replies: 1,
        at_most_once: false,
        max_duplicates: 2,
    }
}

fn model(
    name: &'static str,
    settings: CalleeSettings,
    records: Vec<Planned>,
    budget: Budget,
    states: usize,
) -> Model {
    Model {
        name,
        config: CalleeConfig::new(settings).expect("the settings of a model are valid"),
        records,
        budget,
        tick: TICK,
        states,
    }
}

/// Returns the small models.
#[must_use]
pub fn models() -> Vec<Model> {
    let at_most_once = CalleeSettings {
        at_most_once: true,
        ..settings()
    };
    let rebalances = Budget {
        assignments: 3,
        crashes: 1,
        ..Budget::default()
    };
    vec![
        model(
            "owners that follow each other",
            settings(),
            vec![plain(1, 9), plain(2, 9), plain(3, 9)],
            rebalances,
            21_816,
        ),
        model(
            "at most once",
            at_most_once.clone(),
            vec![plain(1, 9), plain(2, 9)],
            Budget {
                blind_commits: 1,
                ..rebalances
            },
            11_466,
        ),
        model(
            "commits that do not reach",
            CalleeSettings {
                max_duplicates: 3,
                ..at_most_once.clone()
            },
            vec![plain(1, 9), plain(2, 9), plain(3, 9)],
            Budget {
                assignments: 1,
                ..Budget::default()
            },
            314,
        ),
        model(
            "attempts and old replies",
            settings(),
            vec![
                keyed(1, 1, 9),
                keyed(1, 1, 9),
                keyed(2, 2, 9),
                keyed(1, 1, 9),
            ],
            Budget {
                assignments: 1,
                silent_ends: 1,
                ..Budget::default()
            },
            681,
        ),
        model(
            "two calls with one key",
            settings(),
            vec![keyed(1, 1, 9), keyed(2, 1, 9), keyed(3, 1, 9)],
            Budget {
                assignments: 2,
                ..Budget::default()
            },
            3_860,
        ),
        model(
            "cancels and deadlines",
            settings(),
            vec![
                plain(1, 1),
                Planned::Cancel { call: 1 },
                plain(2, 0),
                Planned::Cancel { call: 3 },
            ],
            Budget {
                ticks: 3,
                assignments: 1,
                ..Budget::default()
            },
            8_920,
        ),
        model(
            "cancels and commits",
            at_most_once,
            vec![plain(1, 1), Planned::Cancel { call: 1 }, keyed(2, 1, 9)],
            Budget {
                ticks: 2,
                assignments: 2,
                ..Budget::default()
            },
            82_087,
        ),
    ]
}
