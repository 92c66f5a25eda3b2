//! A service: its configuration, and its supervisor with the state of its runner.

use std::time::Instant;

use livebus_core::{ClientId, Config, Event, Failure, LivenessId, Supervisor};

use crate::invariants::InvariantChecker;

/// Never.
pub(super) const NEVER: u64 = u64::MAX;

/// A service of the process. It has one supervisor after another.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) config: Config,
    /// The detection bound, in nanoseconds.
    pub(super) bound: u64,
    pub(super) partial_bound: u64,
    /// The number of its supervisors so far, which identifies the current one.
    pub(super) generation: u32,
    pub(super) instance: Option<Instance>,
    /// The instant at which the last one stopped.
    pub(super) ended: u64,
}

/// One supervisor, its invariant checker, and the state of its runner.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) supervisor: Supervisor,
    pub(super) invariants: InvariantChecker,
    /// The newest instant that it received.
    pub(super) now: Instant,
    /// The instant at which its timer fires.
    pub(super) timer: u64,
    /// The instant at which traffic wakes the runner, which is only while evidence is wanted.
    pub(super) traffic: u64,
    /// The process does not run until then.
    pub(super) asleep: u64,
    /// The events that arrived, each with its instant.
    pub(super) inbox: Vec<(u64, Event)>,
    /// The last instant at which the runner looked for traffic.
    pub(super) looked: u64,
    /// The suspicion that the runner has not read yet.
    pub(super) suspicion: Option<Failure>,
    /// The liveness message in flight, as the bus sees it.
    pub(super) round: Option<Round>,
    /// The client of the last successful start.
    pub(super) client: Option<ClientId>,
    /// Whether a part of the bus is missing, by the answers so far.
    pub(super) partial: bool,
    /// Whether nothing that may happen ends Running.
    pub(super) must_run: bool,
}

/// A round: a record to each of at most three leaders.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    pub(super) id: LivenessId,
    pub(super) deadline: u64,
    /// Whether it has no answer yet.
    pub(super) is_open: bool,
}

impl Service {
    pub(super) fn new(config: Config) -> Self {
        let nanos = |it: std::time::Duration| u64::try_from(it.as_nanos()).unwrap_or(NEVER);
        Self {
            bound: nanos(config.detection_bound()),
            partial_bound: nanos(config.partial_detection_bound()),
            config,
            generation: 0,
            instance: None,
            ended: 0,
        }
    }

    /// Returns the instant at which the runner wakes without an event.
    pub(super) fn wakes(&self) -> u64 {
        self.instance.as_ref().map_or(NEVER, |instance| {
            if instance.asleep > 0 {
                instance.asleep
            } else {
                instance.timer.min(instance.traffic)
            }
        })
    }
}

impl Instance {
    pub(super) fn new(config: &Config, now: Instant, nanos: u64) -> Self {
        Self {
            supervisor: Supervisor::new(config.clone(), now),
            invariants: InvariantChecker::new(config, now),
            now,
            timer: nanos,
            traffic: NEVER,
            asleep: 0,
            inbox: Vec::new(),
            looked: nanos,
            suspicion: None,
            round: None,
            client: None,
            partial: false,
            must_run: false,
        }
    }
}
