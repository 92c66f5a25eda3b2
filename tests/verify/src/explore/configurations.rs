//! The model configurations: small settings, each with what its environment may do.

use std::time::Duration;

use livebus_core::{
    Backoff, Config, FailureClass, Handler, OnClientLost, OnSuspicion, RejectionPolicy, Settings,
};

use super::moves::BusState;

/// A configuration in ticks, and what its environment may do.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says whether its environment may do one thing"
)]
pub struct ModelConfiguration {
    /// Its name: what it is about.
    pub name: &'static str,
    /// The configuration of the supervisor.
    pub config: Config,
    /// All instants are multiples of this.
    pub tick: Duration,
    /// The states of the bus.
    pub buses: Vec<BusState>,
    /// The failures of liveness messages.
    pub failures: Vec<FailureClass>,
    /// Whether there is ordinary traffic.
    pub traffic: bool,
    /// Whether evidence arrives late: up to this many ticks after it was observed.
    pub late_evidence: Option<u8>,
    /// The suspicions that there are, justified or not.
    pub suspicions: Vec<FailureClass>,
    /// Whether registered handlers report that they fail, and that they work again.
    pub health: bool,
    /// Whether clients are lost.
    pub losses: bool,
    /// Whether the service may request its shutdown.
    pub shutdown: bool,
    /// Whether the process may sleep, and for how many ticks.
    pub sleeps: Option<u8>,
    /// The maximum number of ticks for which a good answer is in flight; it arrives though the bus is gone.
    pub flight: u32,
    /// The number of states, which the tests pin.
    pub states: usize,
}

impl ModelConfiguration {
    /// Returns a duration in ticks.
    #[must_use]
    pub fn ticks(&self, duration: Duration) -> u32 {
        u32::try_from(duration.as_nanos() / self.tick.as_nanos()).unwrap_or(u32::MAX)
    }

    /// Returns the indexes of its handlers.
    #[must_use]
    pub fn handlers(&self) -> std::ops::Range<u8> {
        0..u8::try_from(self.config.handlers().len()).unwrap_or(u8::MAX)
    }

    /// Returns whether a part of the bus may be missing.
    #[must_use]
    pub fn has_partial(&self) -> bool {
        self.buses.contains(&BusState::Partial)
    }

    /// Returns the detection bound in ticks, plus the time for which an answer may be in flight.
    #[must_use]
    pub fn bound(&self, partial: bool) -> u32 {
        let bound = if partial {
            self.config.partial_detection_bound()
        } else {
            self.config.detection_bound()
        };
        self.ticks(bound) + self.flight
    }

    fn new(name: &'static str, settings: Settings, states: usize) -> Self {
        Self::with_handlers(name, settings, Vec::new(), states)
    }

    fn with_handlers(
        name: &'static str,
        settings: Settings,
        handlers: Vec<Handler>,
        states: usize,
    ) -> Self {
        let config = Config::new(settings).and_then(|config| config.with_handlers(handlers));
        Self {
            name,
            config: config.expect("a model configuration is valid"),
            tick: TICK,
            buses: vec![BusState::Up, BusState::Down, BusState::Hung],
            failures: vec![FailureClass::Unreachable],
            traffic: false,
            late_evidence: None,
            suspicions: Vec::new(),
            health: false,
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

/// Small durations, different from each other where that can make a difference.
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
        registration_timeout: ticks(1),
        registration_backoff: Backoff::fixed(ticks(1)),
        drain: ticks(2),
        stop_timeout: ticks(1),
        ..Settings::default()
    }
}

fn handlers() -> Vec<Handler> {
    vec![Handler::required("orders"), Handler::optional("audit")]
}

/// The small model configurations, each about one thing: for every change, and for faulty cores.
#[must_use]
#[expect(
    clippy::too_many_lines,
    reason = "a table, one entry per configuration"
)]
pub fn small_configurations() -> Vec<ModelConfiguration> {
    let everything_fails = vec![
        FailureClass::Unreachable,
        FailureClass::Tls,
        FailureClass::ClientFatal,
        FailureClass::TopicMissing,
    ];
    vec![
        ModelConfiguration {
            traffic: true,
            shutdown: true,
            ..ModelConfiguration::new("traffic", small(), 960)
        },
        ModelConfiguration {
            traffic: true,
            late_evidence: Some(1),
            suspicions: vec![FailureClass::Unreachable],
            shutdown: true,
            ..ModelConfiguration::new("suspicions", small(), 3_850)
        },
        ModelConfiguration {
            failures: everything_fails.clone(),
            suspicions: vec![FailureClass::Unreachable],
            losses: true,
            shutdown: true,
            ..ModelConfiguration::new("failures", small(), 3_307)
        },
        ModelConfiguration {
            buses: vec![BusState::Up, BusState::Hung, BusState::Partial],
            failures: vec![
                FailureClass::ReplicasSilent,
                FailureClass::NotEnoughReplicas,
            ],
            traffic: true,
            suspicions: vec![FailureClass::Unreachable, FailureClass::BrokerUnreachable],
            ..ModelConfiguration::new("partial", small(), 11_793)
        },
        ModelConfiguration {
            health: true,
            losses: true,
            shutdown: true,
            ..ModelConfiguration::with_handlers("handlers", small(), handlers(), 28_575)
        },
        ModelConfiguration {
            traffic: true,
            suspicions: vec![FailureClass::Unreachable],
            sleeps: Some(9),
            shutdown: true,
            ..ModelConfiguration::new(
                "sleep",
                // So long that evidence and more suspicions come while the liveness message of a suspicion is in flight.
                Settings {
                    suspicion_timeout: ticks(2),
                    ..small()
                },
                4_045,
            )
        },
        ModelConfiguration {
            flight: 1,
            suspicions: vec![FailureClass::Unreachable],
            ..ModelConfiguration::new("flight", small(), 1_672)
        },
        ModelConfiguration {
            failures: everything_fails.clone(),
            traffic: true,
            late_evidence: Some(1),
            suspicions: vec![FailureClass::Unreachable],
            ..ModelConfiguration::new(
                "strict and slow",
                Settings {
                    on_rejection: RejectionPolicy::NotLive,
                    failures_to_not_ready: 3,
                    successes_to_ready: 2,
                    recreate_after: Some(ticks(4)),
                    ..small()
                },
                11_889,
            )
        },
        ModelConfiguration {
            traffic: true,
            late_evidence: Some(3),
            ..ModelConfiguration::new(
                "late evidence",
                // Evidence may be as old as the bound, and older than the live interval.
                Settings {
                    live_interval: ticks(2),
                    liveness_timeout: ticks(1),
                    failures_to_not_ready: 1,
                    recreate_after: Some(ticks(6)),
                    ..small()
                },
                1_731,
            )
        },
        ModelConfiguration {
            failures: vec![FailureClass::Unreachable, FailureClass::ClientFatal],
            traffic: true,
            suspicions: vec![FailureClass::Unreachable],
            losses: true,
            shutdown: true,
            ..ModelConfiguration::new(
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
                2_439,
            )
        },
    ]
}

/// All moves at once. Both searches count its states on every change.
#[must_use]
pub fn everything() -> ModelConfiguration {
    ModelConfiguration {
        buses: vec![
            BusState::Up,
            BusState::Down,
            BusState::Hung,
            BusState::Partial,
        ],
        failures: vec![
            FailureClass::Unreachable,
            FailureClass::NoLeader,
            FailureClass::TopicMissing,
        ],
        traffic: true,
        late_evidence: Some(1),
        suspicions: vec![FailureClass::Unreachable],
        losses: true,
        sleeps: Some(9),
        shutdown: true,
        ..ModelConfiguration::with_handlers(
            "everything",
            Settings {
                registration_timeout: ticks(2),
                ..small()
            },
            handlers(),
            1_391_904,
        )
    }
}

/// All moves with longer times, which allow more orders of events: more than 25 million states, for the long command.
#[must_use]
pub fn large() -> ModelConfiguration {
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
        ..small()
    };
    let ModelConfiguration {
        name,
        config,
        states,
        ..
    } = ModelConfiguration::with_handlers("large", longer, handlers(), 28_539_076);
    ModelConfiguration {
        name,
        config,
        states,
        ..everything()
    }
}
