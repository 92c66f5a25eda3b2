//! A service: its configuration, and its supervisor with what its runner knows.

use std::time::Instant;

use livebus_core::{ClientId, Config, Event, Failure, LivenessId, Supervisor};

use crate::watch::Watch;

/// Never.
pub(super) const NEVER: u64 = u64::MAX;

/// One service of the process: one supervisor after another.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) config: Config,
    /// In nanoseconds.
    pub(super) bound: u64,
    pub(super) partial_bound: u64,
    /// How many supervisors it has had.
    pub(super) lives: u32,
    pub(super) life: Option<Life>,
    /// When the last one stopped.
    pub(super) ended: u64,
}

/// One supervisor, the watch over it, and what its runner knows.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) supervisor: Supervisor,
    pub(super) watch: Watch,
    /// The newest instant that it was told.
    pub(super) told: Instant,
    /// When its timer fires.
    pub(super) timer: u64,
    /// When traffic wakes it: only while evidence is wanted.
    pub(super) traffic: u64,
    /// Its process does not get to run until then.
    pub(super) asleep: u64,
    /// What came, and when.
    pub(super) inbox: Vec<(u64, Event)>,
    /// When the runner looked for traffic last.
    pub(super) looked: u64,
    /// The hint that nobody has read yet.
    pub(super) suspicion: Option<Failure>,
    /// The liveness message under way, as the bus sees it.
    pub(super) round: Option<Round>,
    /// The start that succeeded last.
    pub(super) client: Option<ClientId>,
    /// Whether only leaders are missing, as far as was told.
    pub(super) leaderless: bool,
    /// Nothing that may happen ends its Running.
    pub(super) must_run: bool,
}

/// A record on its way to each of at most three leaders.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    pub(super) id: LivenessId,
    pub(super) deadline: u64,
    /// Nothing came of it yet.
    pub(super) waits: bool,
}

impl Service {
    pub(super) fn new(config: Config) -> Self {
        let nanos = |it: std::time::Duration| u64::try_from(it.as_nanos()).unwrap_or(NEVER);
        Self {
            bound: nanos(config.detection_bound()),
            partial_bound: nanos(config.partial_detection_bound()),
            config,
            lives: 0,
            life: None,
            ended: 0,
        }
    }

    /// When its runner wakes by itself.
    pub(super) fn wakes(&self) -> u64 {
        self.life.as_ref().map_or(NEVER, |life| {
            if life.asleep > 0 {
                life.asleep
            } else {
                life.timer.min(life.traffic)
            }
        })
    }
}

impl Life {
    pub(super) fn new(config: &Config, now: Instant, nanos: u64) -> Self {
        Self {
            supervisor: Supervisor::new(config.clone(), now),
            watch: Watch::new(config, now),
            told: now,
            timer: nanos,
            traffic: NEVER,
            asleep: 0,
            inbox: Vec::new(),
            looked: nanos,
            suspicion: None,
            round: None,
            client: None,
            leaderless: false,
            must_run: false,
        }
    }
}
