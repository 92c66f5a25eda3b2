//! All that the model knows: one flat record.

use std::collections::VecDeque;

use livebus_core::{
    Action, Cause, ClientId, Config, Failure, LivenessId, Phase, RegistrationId, Report, Settings,
    StopId,
};

use super::time::{Epoch, Jitter, Ns, Spans};

/// What may be due. The order is the one in which they fire when several are due at once. Rule 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timer {
    /// The answer to a start.
    Start,
    /// The end of the back-off between two starts.
    Backoff,
    /// The end of the drain.
    Drain,
    /// The answer to the stop.
    Stop,
    /// The replacement of a client that is of no use.
    Replace,
    /// The lease of Running.
    Lease,
    /// The patience with leaders that are missing.
    Tolerance,
    /// The answer to a liveness message; while not live, the end of its interval.
    Question,
    /// The next liveness message.
    Ask,
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
        Self::Question,
        Self::Ask,
    ];
}

/// One handler.
#[derive(Debug, Clone)]
pub(super) struct HandlerRecord {
    pub(super) required: bool,
    pub(super) registered: bool,
    /// The registration in flight.
    pub(super) operation: Option<RegistrationId>,
    /// Its deadline, or the end of the back-off.
    pub(super) timer: Option<Ns>,
    /// Registrations since the client was made.
    pub(super) attempt: u32,
    pub(super) failure: Option<Failure>,
}

/// All that the model knows.
#[expect(
    clippy::struct_excessive_bools,
    reason = "one flat record of independent facts is what makes the model another than the core"
)]
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) settings: Settings,
    pub(super) spans: Spans,
    pub(super) epoch: Epoch,

    /// The newest instant that was told.
    pub(super) now: Ns,
    pub(super) phase: Phase,
    pub(super) timers: [Option<Ns>; Timer::ALL.len()],
    pub(super) jitter: Jitter,
    /// How many operations there were: the number of the newest.
    pub(super) operations: u64,
    pub(super) stale: u64,

    /// The start in flight, or the one that made the client.
    pub(super) client: Option<ClientId>,
    pub(super) attempt: u32,
    /// Whether the newest start was proved good.
    pub(super) proved_good: bool,
    /// Why it is not live.
    pub(super) trouble: Cause,

    /// The liveness message in flight.
    pub(super) question: Option<LivenessId>,
    /// When the newest liveness message went out.
    pub(super) asked: Ns,
    /// Since when nothing was proved. Rule 26.
    pub(super) doubted: Ns,
    /// Whether its outcome decides alone.
    pub(super) decides: bool,
    /// Whether bad news came while it was under way.
    pub(super) hinted: bool,
    /// Whether evidence came while it was under way; while not live, in this interval.
    pub(super) proved: bool,
    /// Ambiguous failures in a row, while live.
    pub(super) failures: u32,
    /// Intervals in a row that failed, while not live.
    pub(super) intervals: u32,
    /// Intervals in a row that brought a proof, while not live.
    pub(super) proofs: u32,
    /// The newest failure, while live.
    pub(super) known: Option<Failure>,
    /// The hint that says most.
    pub(super) hint: Option<Failure>,
    pub(super) warning: Option<Failure>,
    pub(super) evidence: Option<Ns>,
    /// Evidence that is not newer than this proves nothing.
    pub(super) floor: Ns,
    /// When it was Running last; nothing if it never was, or is.
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
        let handlers = settings.handlers.iter().map(|handler| HandlerRecord {
            required: handler.required,
            registered: false,
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
            trouble: Cause::Starting,
            question: None,
            asked: 0,
            doubted: 0,
            decides: false,
            hinted: false,
            proved: false,
            failures: 0,
            intervals: 0,
            proofs: 0,
            known: None,
            hint: None,
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
