//! The state of the invariant checker.

use std::time::Instant;

use livebus_core::{
    ClientId, Config, Failure, FailureClass, FailureKind, LivenessId, OpId, RegistrationId, Report,
    StopId,
};

use super::proves;

/// Checks the steps of one supervisor. Holds what it knows about that supervisor from its inputs and actions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InvariantChecker {
    /// The sum of all reports and renewals so far.
    pub(super) report: Report,
    /// The number of the newest operation.
    pub(super) newest_id: u64,
    pub(super) start: Option<Operation<ClientId>>,
    pub(super) client: Option<ClientId>,
    pub(super) liveness: Option<LivenessCheck>,
    pub(super) handlers: Vec<Slot>,
    pub(super) stop: Option<Operation<StopId>>,
    /// The operations that must be discarded before the step ends.
    pub(super) to_discard: Vec<OpId>,
    pub(super) bus: Bus,
    /// The number of consecutive starts without a proof, the newest included.
    pub(super) starts_without_proof: u32,
    /// The instant since which the next start waits for its back-off.
    pub(super) start_waits_since: Option<Instant>,
    /// Whether the next start replaces a client, and comes at once.
    pub(super) start_replaces: bool,
    /// What is known of the reason why the bus does not work.
    pub(super) diagnosis: Option<Diagnosis>,
    /// The instant at which the newest liveness message was sent.
    pub(super) last_message: Option<Instant>,
    /// The last instant of a start, a liveness message or a proof.
    pub(super) last_attempt: Instant,
    /// The last instant at which Running ended.
    pub(super) left_running: Option<Instant>,
    /// The instant at which a shutdown was requested.
    pub(super) shutdown_at: Option<Instant>,
    /// Whether the input of this step is enough to end Running.
    pub(super) step_ends_running: bool,
    /// Whether this step must leave a cause with the diagnosis.
    pub(super) step_is_diagnosed: bool,
}

/// An operation in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Operation<I> {
    pub(super) id: I,
    pub(super) deadline: Instant,
}

/// A liveness message in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct LivenessCheck {
    pub(super) id: LivenessId,
    pub(super) sent: Instant,
    /// The instant since which nothing proves that the bus works. With newer evidence, a timeout of the message has no effect.
    pub(super) unverified_since: Instant,
    /// The instant at which it times out. A suspicion or a proof may make it earlier.
    pub(super) until: Instant,
}

/// One handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Slot {
    Idle,
    Registering {
        operation: Operation<RegistrationId>,
        failures: u32,
    },
    Waiting {
        since: Instant,
        failures: u32,
    },
    Registered {
        id: RegistrationId,
        /// Whether its newest report is a failure.
        fails: bool,
    },
}

impl Slot {
    /// Returns whether the handler is registered and does its work.
    pub(super) fn works(self) -> bool {
        match self {
            Self::Registered { fails, .. } => !fails,
            Self::Idle | Self::Registering { .. } | Self::Waiting { .. } => false,
        }
    }
}

/// What is known about the bus through the current client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Bus {
    /// Nothing proves that it works.
    NotLive {
        /// Only newer evidence counts.
        newest: Instant,
        /// The number of consecutive intervals with a proof.
        proofs: u32,
        /// Whether the current interval has one.
        proved: bool,
    },
    /// It counts as alive.
    Live {
        /// The newest proof.
        evidence: Instant,
        /// The consecutive liveness messages that failed ambiguously.
        failures: Option<Failures>,
        /// The suspicions that nothing has refuted.
        suspicion: Option<Suspicion>,
        /// The part of the bus that is missing, if any.
        partial: Option<Partial>,
        /// The instant of the suspicion of a part of the bus that brought the next liveness message forward.
        brought_forward: Option<Instant>,
    },
}

/// The most specific failure or suspicion that nothing has refuted. A timeout says nothing, so it is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Diagnosis {
    pub(super) class: FailureClass,
    /// When it was seen last, or the bus ceased to be live.
    pub(super) seen: Instant,
}

/// A part of the bus that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Partial {
    pub(super) class: FailureClass,
    /// The instant since which it is tolerated.
    pub(super) since: Instant,
}

/// Consecutive liveness messages that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Failures {
    /// Evidence that is newer than this ends the sequence.
    pub(super) since: Instant,
    pub(super) count: u32,
}

/// Suspicions that nothing has refuted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Suspicion {
    pub(super) oldest: Instant,
    pub(super) newest: Instant,
    /// Whether a liveness message failed that was sent after the oldest.
    pub(super) confirmed: bool,
    /// The instant from which the bound on a decision counts: later than the suspicion if the driver slept.
    pub(super) counted: Instant,
}

impl InvariantChecker {
    /// Returns the checker of a supervisor that is created at `now`. The first step to check is its creation.
    #[must_use]
    pub fn new(config: &Config, now: Instant) -> Self {
        Self {
            report: Report::unreported(now),
            newest_id: 0,
            start: None,
            client: None,
            liveness: None,
            handlers: vec![Slot::Idle; config.handlers().len()],
            stop: None,
            to_discard: Vec::new(),
            bus: Bus::without_proof(now),
            starts_without_proof: 0,
            start_waits_since: Some(now),
            start_replaces: false,
            diagnosis: None,
            last_message: None,
            last_attempt: now,
            left_running: None,
            shutdown_at: None,
            step_ends_running: false,
            step_is_diagnosed: false,
        }
    }

    /// Restarts the bounds that assume timers on time, because the driver slept until `now`.
    pub fn restart_bounds(&mut self, now: Instant) {
        self.last_attempt = now;
        if let Some(shutdown_at) = &mut self.shutdown_at {
            *shutdown_at = now;
        }
        if let Bus::Live {
            suspicion: Some(suspicion),
            ..
        } = &mut self.bus
        {
            suspicion.counted = now;
        }
    }

    /// Returns the newest evidence, if the bus counts as alive.
    #[must_use]
    pub fn evidence(&self) -> Option<Instant> {
        match self.bus {
            Bus::Live { evidence, .. } => Some(evidence),
            Bus::NotLive { .. } => None,
        }
    }

    /// Returns the current client.
    #[must_use]
    pub fn client(&self) -> Option<ClientId> {
        self.client
    }

    /// Returns the start in flight and its deadline.
    #[must_use]
    pub fn start_in_flight(&self) -> Option<(ClientId, Instant)> {
        self.start.map(|it| (it.id, it.deadline))
    }

    /// Returns the liveness message in flight and the instant at which it times out.
    #[must_use]
    pub fn liveness_in_flight(&self) -> Option<(LivenessId, Instant)> {
        self.liveness.map(|it| (it.id, it.until))
    }

    /// Returns the registration of this handler in flight and its deadline.
    #[must_use]
    pub fn registration_in_flight(&self, handler: usize) -> Option<(RegistrationId, Instant)> {
        match self.handlers[handler] {
            Slot::Registering { operation, .. } => Some((operation.id, operation.deadline)),
            Slot::Idle | Slot::Waiting { .. } | Slot::Registered { .. } => None,
        }
    }

    /// Returns the registration by which this handler is registered.
    #[must_use]
    pub fn registered(&self, handler: usize) -> Option<RegistrationId> {
        match self.handlers[handler] {
            Slot::Registered { id, .. } => Some(id),
            Slot::Idle | Slot::Registering { .. } | Slot::Waiting { .. } => None,
        }
    }

    /// Returns the registrations of the registered handlers, each with whether the handler reports that it fails.
    pub fn health(&self) -> impl Iterator<Item = (RegistrationId, bool)> {
        self.handlers.iter().filter_map(|slot| match *slot {
            Slot::Registered { id, fails } => Some((id, fails)),
            Slot::Idle | Slot::Registering { .. } | Slot::Waiting { .. } => None,
        })
    }

    /// Returns the stop in flight and its deadline.
    #[must_use]
    pub fn stop_in_flight(&self) -> Option<(StopId, Instant)> {
        self.stop.map(|it| (it.id, it.deadline))
    }

    /// Returns the instant at which a shutdown was requested.
    #[must_use]
    pub fn shutdown_at(&self) -> Option<Instant> {
        self.shutdown_at
    }

    /// Returns the current report.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Ends every operation whose deadline has passed.
    pub(super) fn expire_operations(&mut self, config: &Config, now: Instant) {
        if let Some(start) = self.start.filter(|it| it.deadline <= now) {
            self.start = None;
            self.start_waits_since = Some(now);
            self.to_discard.push(start.id.into());
            self.see_start_fail(config, now, FailureClass::Timeout);
        }
        for slot in &mut self.handlers {
            if let Slot::Registering {
                operation,
                failures,
            } = *slot
                && operation.deadline <= now
            {
                self.to_discard.push(operation.id.into());
                *slot = Slot::Waiting {
                    since: now,
                    failures: failures.saturating_add(1),
                };
            }
        }
        // A client that is replaced takes its liveness message along, and no interval of it ends.
        let stays = !self.is_useless(config, now);
        if let Some(message) = self.liveness.filter(|it| it.until <= now && stays) {
            self.liveness = None;
            self.on_ambiguous_failure(config, now, message, FailureClass::Timeout);
            self.on_interval_failed(config, now, FailureClass::Timeout.into());
        }
    }

    /// Returns whether the client has had no proof for `recreate_after`.
    pub(super) fn is_useless(&self, config: &Config, now: Instant) -> bool {
        match (self.bus, config.settings().recreate_after) {
            (Bus::NotLive { newest, .. }, Some(after)) => now >= newest + after,
            (Bus::NotLive { .. }, None) | (Bus::Live { .. }, _) => false,
        }
    }

    /// A liveness message failed ambiguously, or timed out.
    pub(super) fn on_ambiguous_failure(
        &mut self,
        config: &Config,
        now: Instant,
        message: LivenessCheck,
        class: FailureClass,
    ) {
        if let Bus::Live {
            evidence,
            failures,
            suspicion,
            ..
        } = &mut self.bus
            && *evidence <= message.unverified_since
        {
            let failures = failures.get_or_insert(Failures {
                since: message.unverified_since,
                count: 0,
            });
            failures.count = failures.count.saturating_add(1);
            if let Some(suspicion) = suspicion {
                suspicion.confirmed |= suspicion.oldest <= message.sent;
            }
            self.see(config, now, class);
        }
    }
}

impl InvariantChecker {
    /// While not live, an interval without a proof ends the sequence of proofs.
    pub(super) fn on_interval_failed(&mut self, config: &Config, now: Instant, failure: Failure) {
        let harmless = |proved| proved && failure.class.kind() == FailureKind::Ambiguous;
        if let Bus::NotLive { proofs, proved, .. } = &mut self.bus
            && !harmless(*proved)
            && !proves(config, failure)
        {
            *proofs = 0;
            if failure.class != FailureClass::ClientFatal {
                self.see(config, now, failure.class);
                self.step_is_diagnosed = true;
            }
        }
    }
}

impl Bus {
    pub(super) const fn without_proof(now: Instant) -> Self {
        Self::NotLive {
            newest: now,
            proofs: 0,
            proved: false,
        }
    }
}
