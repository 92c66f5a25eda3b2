//! The small models: settings in ticks, and what the environment may do.

use std::time::Duration;

use livebus_core::Backoff;
use livebus_core::calls::{Config, Limits, Settings};

/// A small model.
#[derive(Debug, Clone)]
pub struct Model {
    /// What it is about.
    pub name: &'static str,
    /// The settings.
    pub config: Config,
    /// The calls, in their order.
    pub requests: Vec<Planned>,
    /// What the environment may do.
    pub budget: Budget,
    /// The unit of time.
    pub tick: Duration,
    /// How many states there are.
    pub states: usize,
}

/// A call that is made.
#[derive(Debug, Clone, Copy)]
pub struct Planned {
    /// Its deadline, in ticks from when it is made.
    pub ticks: u32,
    /// Whether the deadline counts from the beginning of the model instead.
    pub is_absolute: bool,
    /// Its bytes.
    pub bytes: u32,
    /// Whether it is idempotent.
    pub is_idempotent: bool,
}

/// How often the environment may do what it could do forever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Ticks.
    pub ticks: u8,
    /// Ticks that the runner notices with the next move only.
    pub oversleeps: u8,
    /// Sends that fail, and whose request did not leave.
    pub failures: u8,
    /// Sends that time out.
    pub unknowns: u8,
    /// Replies.
    pub replies: u8,
    /// Refusals.
    pub refusals: u8,
    /// Replies that belong to no call that was sent.
    pub strays: u8,
    /// Futures that are dropped.
    pub cancels: u8,
    /// Times that the bus cannot be used.
    pub outages: u8,
    /// Assignments that fail.
    pub assign_failures: u8,
    /// Assignments that are lost.
    pub losses: u8,
    /// Times that the reply partition cannot be read.
    pub unreadable: u8,
    /// Requests for the shutdown.
    pub shutdowns: u8,
}

const TICK: Duration = Duration::from_secs(1);

fn settings() -> Settings {
    Settings {
        limits: Limits {
            calls: 2,
            bytes: 10,
            call_bytes: 8,
            remembered: 1,
        },
        assign_timeout: TICK * 2,
        assign_backoff: Backoff::fixed(TICK),
        attempts: 2,
        attempt_timeout: TICK,
        retry_backoff: Backoff::fixed(TICK),
        overload_hint: TICK,
        drain: TICK,
        seed: 0,
    }
}

const fn plain(ticks: u32, bytes: u32) -> Planned {
    Planned {
        ticks,
        is_absolute: false,
        bytes,
        is_idempotent: false,
    }
}

const fn idempotent(ticks: u32) -> Planned {
    Planned {
        is_idempotent: true,
        ..plain(ticks, 1)
    }
}

fn model(
    name: &'static str,
    settings: Settings,
    requests: Vec<Planned>,
    budget: Budget,
    states: usize,
) -> Model {
    Model {
        name,
        config: Config::new(settings).expect("the settings of a model are valid"),
        requests,
        budget,
        tick: TICK,
        states,
    }
}

/// Returns the small models.
#[must_use]
pub fn models() -> Vec<Model> {
    [sent(), bounded(), shut_down()].concat()
}

/// Requests, replies and the reply partition.
fn sent() -> Vec<Model> {
    let retries = Settings {
        attempts: 3,
        ..settings()
    };
    vec![
        model(
            "replies of all kinds",
            settings(),
            vec![plain(2, 1), plain(2, 1)],
            Budget {
                ticks: 2,
                replies: 3,
                refusals: 1,
                strays: 1,
                ..Budget::default()
            },
            1_656,
        ),
        model(
            "sends that fail",
            settings(),
            vec![plain(2, 1), idempotent(3)],
            Budget {
                ticks: 3,
                failures: 2,
                unknowns: 2,
                replies: 1,
                ..Budget::default()
            },
            2_046,
        ),
        model(
            "retries through an outage",
            retries,
            vec![idempotent(5)],
            Budget {
                ticks: 5,
                oversleeps: 1,
                failures: 1,
                unknowns: 1,
                replies: 2,
                refusals: 1,
                outages: 1,
                ..Budget::default()
            },
            13_913,
        ),
        model(
            "the reply partition",
            settings(),
            vec![plain(3, 1), plain(2, 1)],
            Budget {
                ticks: 5,
                replies: 1,
                assign_failures: 1,
                losses: 1,
                unreadable: 1,
                outages: 1,
                ..Budget::default()
            },
            100_505,
        ),
    ]
}

/// Limits, deadlines and cancels.
fn bounded() -> Vec<Model> {
    let absolute = Planned {
        is_absolute: true,
        ..plain(1, 1)
    };
    vec![
        model(
            "limits and deadlines",
            settings(),
            vec![absolute, plain(2, 6), plain(1, 5), plain(2, 9)],
            Budget {
                ticks: 3,
                oversleeps: 2,
                replies: 1,
                cancels: 1,
                ..Budget::default()
            },
            12_522,
        ),
        model(
            "cancelled calls",
            settings(),
            vec![plain(2, 1), idempotent(3)],
            Budget {
                ticks: 2,
                oversleeps: 1,
                cancels: 3,
                replies: 2,
                failures: 1,
                outages: 1,
                ..Budget::default()
            },
            30_892,
        ),
    ]
}

/// The shutdown.
fn shut_down() -> Vec<Model> {
    let no_drain = Settings {
        drain: Duration::ZERO,
        ..settings()
    };
    vec![
        model(
            "the shutdown",
            settings(),
            vec![plain(3, 1), idempotent(3), plain(1, 1)],
            Budget {
                ticks: 3,
                oversleeps: 1,
                shutdowns: 2,
                failures: 1,
                unknowns: 1,
                replies: 1,
                ..Budget::default()
            },
            90_159,
        ),
        model(
            "the shutdown without a drain",
            no_drain,
            vec![plain(2, 1), plain(2, 1)],
            Budget {
                ticks: 1,
                shutdowns: 1,
                losses: 1,
                replies: 1,
                ..Budget::default()
            },
            947,
        ),
    ]
}
