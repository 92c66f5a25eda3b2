//! The state of the model: one flat record.

use std::collections::VecDeque;

use livebus_core::{
    Action, Cause, ClientId, Config, Failure, LivenessId, Phase, RegistrationId, Report, Settings,
    StopId,
};

use super::time::{Epoch, Jitter, Ns, Spans};

/// The timers, in the order in which they fire when several are due at once. Rule 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// The deadline of a start.
    Start,
    /// The end of the back-off between two starts.
    Backoff,
    /// The end of the drain.
    Drain,
    /// The deadline of the stop.
    Stop,
    /// The replacement of a client without proof.
    Replace,
    /// The lease of Running.
    Lease,
    /// The end of the tolerance for a part of the bus that is missing.
    Tolerance,
    /// The deadline of a liveness message; while not live, the end of its interval.
    Check,
    /// The next liveness message.
    NextCheck,
}

impl Timer {
    pub(super) const ALL: [Self; 9] = [
        Self::Start,
        Self::Backoff,
        Self::Drain,
        Self::Stop,
        Self::Replace,
        Self::Lease,
        Self::Tolerance,
        Self::Check,
        Self::NextCheck,
    ];
}

/// One handler.
#[derive(Debug, Clone)]
pub(super) struct HandlerRecord {
    pub(super) required: bool,
    /// The registration by which it is registered.
    pub(super) registered: Option<RegistrationId>,
    /// The registration in flight.
    pub(super) operation: Option<RegistrationId>,
    /// The deadline of the registration, or the end of the back-off.
    pub(super) timer: Option<Ns>,
    /// The number of registrations with this client.
    pub(super) attempt: u32,
    /// Why it is not registered, or why it does not work though it is.
    pub(super) failure: Option<Failure>,
}

/// The state of the model.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the model has one flat record of independent facts, so that it differs from the core"
)]
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) settings: Settings,
    pub(super) spans: Spans,
    pub(super) epoch: Epoch,

    /// The newest instant that was received.
    pub(super) now: Ns,
    pub(super) phase: Phase,
    pub(super) timers: [Option<Ns>; Timer::ALL.len()],
    pub(super) jitter: Jitter,
    /// The number of the newest operation.
    pub(super) operations: u64,
    pub(super) stale: u64,

    /// The start in flight, or the start that created the client.
    pub(super) client: Option<ClientId>,
    pub(super) attempt: u32,
    /// Whether the client of the newest start was live once.
    pub(super) proved_good: bool,
    /// The reason why it is not live.
    pub(super) cause: Cause,

    /// The liveness message in flight.
    pub(super) check: Option<LivenessId>,
    /// When the newest liveness message was sent.
    pub(super) last_sent: Ns,
    /// The instant since which nothing is proved. Rule 26.
    pub(super) unverified_since: Ns,
    /// Whether the outcome of this check decides alone.
    pub(super) decides: bool,
    /// Whether a suspicion came while the check was in flight.
    pub(super) suspicion_came: bool,
    /// Whether this interval brought a proof, while not live.
    pub(super) proved: bool,
    /// Ambiguous failures in a row, while live.
    pub(super) failures: u32,
    /// Intervals in a row that failed, while not live.
    pub(super) intervals: u32,
    /// Intervals in a row that brought a proof, while not live.
    pub(super) proofs: u32,
    /// The most specific of the failures and suspicions. Rule 38.
    pub(super) diagnosis: Option<Failure>,
    /// When it is outdated. Rule 39.
    pub(super) diagnosis_until: Ns,
    pub(super) warning: Option<Failure>,
    pub(super) evidence: Option<Ns>,
    /// Evidence that is not newer than this proves nothing.
    pub(super) floor: Ns,
    /// When Running ended last; `None` if it was never Running.
    pub(super) not_ready_since: Option<Ns>,

    pub(super) handlers: Vec<HandlerRecord>,
    /// The stop in flight.
    pub(super) stop: Option<StopId>,

    pub(super) report: Report,
    pub(super) queue: VecDeque<Action>,
}

impl Record {
    pub(super) fn new(config: &Config, epoch: Epoch, now: Ns) -> Self {
        let settings = config.settings().clone();
        let handlers = config.handlers().iter().map(|handler| HandlerRecord {
            required: handler.required,
            registered: None,
            operation: None,
            timer: None,
            attempt: 0,
            failure: None,
        });
        Self {
            handlers: handlers.collect(),
            spans: Spans::of(config),
            jitter: Jitter(settings.seed.unwrap_or(0)),
            settings,
            epoch,
            now,
            phase: Phase::Starting,
            timers: [None; Timer::ALL.len()],
            operations: 0,
            stale: 0,
            client: None,
            attempt: 0,
            proved_good: false,
            cause: Cause::Starting,
            check: None,
            last_sent: 0,
            unverified_since: 0,
            decides: false,
            suspicion_came: false,
            proved: false,
            failures: 0,
            intervals: 0,
            proofs: 0,
            diagnosis: None,
            diagnosis_until: 0,
            warning: None,
            evidence: None,
            floor: 0,
            not_ready_since: None,
            stop: None,
            report: Report::unreported(epoch.instant(now)),
            queue: VecDeque::new(),
        }
    }

    pub(super) fn armed(&self, timer: Timer) -> Option<Ns> {
        self.timers[timer as usize]
    }
}
