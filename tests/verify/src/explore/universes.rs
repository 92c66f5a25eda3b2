//! The universes: small configurations, and surroundings that may do one thing or another.

use std::time::Duration;

use livebus_core::{
    Backoff, Config, FailureClass, Handler, OnClientLost, OnSuspicion, RejectionPolicy, Settings,
};

use super::moves::BusState;

/// A configuration in ticks, and what its surroundings may do.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that happens or does not"
)]
pub struct Universe {
    /// What it is for, in a word or two.
    pub name: &'static str,
    /// The supervisor's.
    pub config: Config,
    /// Everything happens at multiples of this.
    pub tick: Duration,
    /// What the bus may do.
    pub buses: Vec<BusState>,
    /// How liveness messages may fail.
    pub failures: Vec<FailureClass>,
    /// Whether there is ordinary traffic.
    pub traffic: bool,
    /// Whether traffic is told late: up to so many ticks after it was observed.
    pub old_news: Option<u8>,
    /// Whether the client library gives hints, true or false.
    pub hints: bool,
    /// Whether clients are lost.
    pub losses: bool,
    /// Whether the service may end.
    pub shutdown: bool,
    /// Whether the process may sleep, for so many ticks.
    pub sleeps: Option<u8>,
    /// Good answers are under way for so many ticks at the most, and arrive though the bus is gone.
    pub flight: u32,
    /// How many states there are, which the tests pin.
    pub states: usize,
}

impl Universe {
    /// A duration, in ticks.
    #[must_use]
    pub fn ticks(&self, duration: Duration) -> u32 {
        u32::try_from(duration.as_nanos() / self.tick.as_nanos()).unwrap_or(u32::MAX)
    }

    /// The places of its handlers.
    #[must_use]
    pub fn handlers(&self) -> std::ops::Range<u8> {
        0..u8::try_from(self.config.settings().handlers.len()).unwrap_or(u8::MAX)
    }

    /// Whether leaders may be missing.
    #[must_use]
    pub fn has_leaderless(&self) -> bool {
        self.buses.contains(&BusState::Leaderless)
    }

    /// The detection bound, in ticks, with what answers may take on their way.
    #[must_use]
    pub fn bound(&self, leaderless: bool) -> u32 {
        let bound = if leaderless {
            self.config.partial_detection_bound()
        } else {
            self.config.detection_bound()
        };
        self.ticks(bound) + self.flight
    }

    fn new(name: &'static str, settings: Settings, states: usize) -> Self {
        Self {
            name,
            config: Config::new(settings).expect("a universe has a valid configuration"),
            tick: TICK,
            buses: vec![BusState::Up, BusState::Down, BusState::Hung],
            failures: vec![FailureClass::Unreachable],
            traffic: false,
            old_news: None,
            hints: false,
            losses: false,
            shutdown: false,
            sleeps: None,
            flight: 0,
            states,
        }
    }
}

const TICK: Duration = Duration::from_secs(1);

const fn ticks(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Small numbers, each different from its neighbours where that can matter.
fn small() -> Settings {
    Settings {
        start_timeout: ticks(2),
        start_backoff: Backoff {
            first: ticks(1),
            max: ticks(2),
            jitter_percent: 0,
        },
        live_interval: ticks(3),
        liveness_timeout: ticks(2),
        recheck_delay: ticks(1),
        failures_to_not_ready: 2,
        successes_to_ready: 1,
        not_live_interval: ticks(1),
        not_live_interval_max: ticks(2),
        on_suspicion: OnSuspicion::Check,
        suspicion_timeout: ticks(1),
        suspicion_spacing: ticks(1),
        partial_tolerance: ticks(3),
        on_rejection: RejectionPolicy::Live,
        recreate_after: None,
        handlers: Vec::new(),
        registration_timeout: ticks(1),
        registration_backoff: Backoff::fixed(ticks(1)),
        drain: ticks(2),
        stop_timeout: ticks(1),
        ..Settings::default()
    }
}

/// The small universes, each about one thing: for every change, and for faulty cores.
#[must_use]
#[expect(clippy::too_many_lines, reason = "a table, one entry per universe")]
pub fn universes() -> Vec<Universe> {
    let everything_fails = vec![
        FailureClass::Unreachable,
        FailureClass::Tls,
        FailureClass::ClientFatal,
        FailureClass::TopicMissing,
    ];
    let handlers = vec![Handler::required("orders"), Handler::optional("audit")];
    vec![
        Universe {
            traffic: true,
            shutdown: true,
            ..Universe::new("traffic", small(), 731)
        },
        Universe {
            traffic: true,
            old_news: Some(1),
            hints: true,
            shutdown: true,
            ..Universe::new("hints", small(), 3_419)
        },
        Universe {
            failures: everything_fails.clone(),
            hints: true,
            losses: true,
            shutdown: true,
            ..Universe::new("failures", small(), 2_689)
        },
        Universe {
            buses: vec![BusState::Up, BusState::Hung, BusState::Leaderless],
            failures: vec![FailureClass::NoLeader],
            traffic: true,
            hints: true,
            ..Universe::new("leaders", small(), 4_030)
        },
        Universe {
            losses: true,
            shutdown: true,
            ..Universe::new(
                "handlers",
                Settings {
                    handlers: handlers.clone(),
                    ..small()
                },
                12_231,
            )
        },
        Universe {
            traffic: true,
            hints: true,
            sleeps: Some(9),
            shutdown: true,
            ..Universe::new(
                "sleep",
                // So long that evidence and more bad news come while the message of a suspicion is under way.
                Settings {
                    suspicion_timeout: ticks(2),
                    ..small()
                },
                3_846,
            )
        },
        Universe {
            flight: 1,
            hints: true,
            ..Universe::new("flight", small(), 1_495)
        },
        Universe {
            failures: everything_fails.clone(),
            traffic: true,
            old_news: Some(1),
            hints: true,
            ..Universe::new(
                "strict and slow",
                Settings {
                    on_rejection: RejectionPolicy::NotLive,
                    failures_to_not_ready: 3,
                    successes_to_ready: 2,
                    recreate_after: Some(ticks(4)),
                    ..small()
                },
                10_188,
            )
        },
        Universe {
            traffic: true,
            old_news: Some(3),
            ..Universe::new(
                "old news",
                // As old as the bound at the most, and older than the live interval.
                Settings {
                    live_interval: ticks(2),
                    liveness_timeout: ticks(1),
                    failures_to_not_ready: 1,
                    recreate_after: Some(ticks(6)),
                    ..small()
                },
                1_159,
            )
        },
        Universe {
            failures: vec![FailureClass::Unreachable, FailureClass::ClientFatal],
            traffic: true,
            hints: true,
            losses: true,
            shutdown: true,
            ..Universe::new(
                "as in voltha",
                Settings {
                    start_backoff: Backoff::fixed(ticks(2)),
                    live_interval: ticks(6),
                    liveness_timeout: ticks(6),
                    failures_to_not_ready: 1,
                    not_live_interval: ticks(3),
                    not_live_interval_max: ticks(3),
                    on_suspicion: OnSuspicion::NotReady,
                    partial_tolerance: Duration::ZERO,
                    on_rejection: RejectionPolicy::NotLive,
                    on_client_lost: OnClientLost::Fail,
                    drain: Duration::ZERO,
                    ..small()
                },
                1_653,
            )
        },
    ]
}

/// Everything at once: the one that stateright and our own search count on every change.
#[must_use]
pub fn everything() -> Universe {
    Universe {
        buses: vec![
            BusState::Up,
            BusState::Down,
            BusState::Hung,
            BusState::Leaderless,
        ],
        failures: vec![
            FailureClass::Unreachable,
            FailureClass::NoLeader,
            FailureClass::TopicMissing,
        ],
        traffic: true,
        old_news: Some(1),
        hints: true,
        losses: true,
        sleeps: Some(9),
        shutdown: true,
        ..Universe::new(
            "everything",
            Settings {
                handlers: vec![Handler::required("orders"), Handler::optional("audit")],
                registration_timeout: ticks(2),
                ..small()
            },
            1_126_474,
        )
    }
}

/// The same with longer times, where that makes more orders of events: more than 25 million states, for the long command.
#[must_use]
pub fn large() -> Universe {
    let longer = Settings {
        live_interval: ticks(4),
        liveness_timeout: ticks(3),
        failures_to_not_ready: 3,
        suspicion_spacing: ticks(2),
        partial_tolerance: ticks(4),
        registration_timeout: ticks(3),
        registration_backoff: Backoff {
            first: ticks(1),
            max: ticks(2),
            jitter_percent: 0,
        },
        handlers: vec![Handler::required("orders"), Handler::optional("audit")],
        ..small()
    };
    let Universe {
        name,
        config,
        states,
        ..
    } = Universe::new("large", longer, 28_539_076);
    Universe {
        name,
        config,
        states,
        ..everything()
    }
}
