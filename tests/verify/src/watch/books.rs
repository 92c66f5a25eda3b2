//! What the watch remembers.

use std::time::Instant;

use livebus_core::{
    ClientId, Config, Failure, FailureClass, FailureKind, LivenessId, OpId, RegistrationId, Report,
    StopId,
};

use super::proves;

/// What the watch remembers of one supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Watch {
    /// What the reports and renewals so far add up to.
    pub(super) report: Report,
    /// The number of the newest operation.
    pub(super) newest: u64,
    pub(super) start: Option<Operation<ClientId>>,
    pub(super) client: Option<ClientId>,
    pub(super) question: Option<Question>,
    pub(super) handlers: Vec<Slot>,
    pub(super) stop: Option<Operation<StopId>>,
    /// What must be discarded before the step is over.
    pub(super) left_behind: Vec<OpId>,
    pub(super) bus: Bus,
    /// Starts in a row that proved nothing, the newest included.
    pub(super) unproved: u32,
    /// Since when another start is waited for.
    pub(super) waiting: Option<Instant>,
    /// When the newest liveness message went out.
    pub(super) sent: Option<Instant>,
    /// When something was tried or proved last.
    pub(super) tried: Instant,
    /// When Running ended last.
    pub(super) ran: Option<Instant>,
    /// When the shutdown was asked for.
    pub(super) ending: Option<Instant>,
    /// Whether this step alone ends Running.
    pub(super) reason: bool,
}

/// An operation under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Operation<I> {
    pub(super) id: I,
    pub(super) deadline: Instant,
}

/// A liveness message under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Question {
    pub(super) id: LivenessId,
    pub(super) sent: Instant,
    /// Since when nothing proves that the bus works: newer evidence makes its timeout meaningless.
    pub(super) asked: Instant,
    /// When it is given up: bad news and proof shorten what is left.
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
    Registered,
}

/// What is known of the bus of the client that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Bus {
    /// Nothing proves that it works.
    NotLive {
        /// Evidence must be newer to count.
        newest: Instant,
        /// Intervals in a row that brought proof.
        proofs: u32,
        /// Whether this one did.
        proved: bool,
    },
    /// It works, as far as is known.
    Live {
        /// The newest proof.
        evidence: Instant,
        /// Liveness messages in a row that failed ambiguously.
        failed: Option<Row>,
        /// Bad news that nothing has refuted.
        doubted: Option<Doubt>,
        /// Since when only leaders are missing.
        partial: Option<Instant>,
    },
}

/// Liveness messages in a row that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Row {
    /// Newer evidence ends the row.
    pub(super) since: Instant,
    pub(super) count: u32,
}

/// Bad news that nothing has refuted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Doubt {
    pub(super) oldest: Instant,
    pub(super) newest: Instant,
    /// Whether a liveness message failed that was sent after it.
    pub(super) confirmed: bool,
    /// From when on a decision is due: later than the news where the one who drives slept.
    pub(super) counted: Instant,
}

impl Watch {
    /// A watch over a supervisor that begins at `now`; the first step to see is what its making led to.
    #[must_use]
    pub fn new(config: &Config, now: Instant) -> Self {
        Self {
            report: Report::unreported(now),
            newest: 0,
            start: None,
            client: None,
            question: None,
            handlers: vec![Slot::Idle; config.settings().handlers.len()],
            stop: None,
            left_behind: Vec::new(),
            bus: Bus::unproved(now),
            unproved: 0,
            waiting: Some(now),
            sent: None,
            tried: now,
            ran: None,
            ending: None,
            reason: false,
        }
    }

    /// The bounds that hold for timers on time are counted anew: the one who drives slept until `now`.
    pub fn overslept(&mut self, now: Instant) {
        self.tried = now;
        if let Some(ending) = &mut self.ending {
            *ending = now;
        }
        if let Bus::Live {
            doubted: Some(doubted),
            ..
        } = &mut self.bus
        {
            doubted.counted = now;
        }
    }

    /// The bus is known to work, and was proved to at this instant.
    #[must_use]
    pub fn evidence(&self) -> Option<Instant> {
        match self.bus {
            Bus::Live { evidence, .. } => Some(evidence),
            Bus::NotLive { .. } => None,
        }
    }

    /// The client that is there.
    #[must_use]
    pub fn client(&self) -> Option<ClientId> {
        self.client
    }

    /// The start under way and its deadline.
    #[must_use]
    pub fn starting(&self) -> Option<(ClientId, Instant)> {
        self.start.map(|it| (it.id, it.deadline))
    }

    /// The liveness message under way and when it is given up.
    #[must_use]
    pub fn asking(&self) -> Option<(LivenessId, Instant)> {
        self.question.map(|it| (it.id, it.until))
    }

    /// The registration of this handler under way and its deadline.
    #[must_use]
    pub fn registering(&self, handler: usize) -> Option<(RegistrationId, Instant)> {
        match self.handlers[handler] {
            Slot::Registering { operation, .. } => Some((operation.id, operation.deadline)),
            Slot::Idle | Slot::Waiting { .. } | Slot::Registered => None,
        }
    }

    /// The stop under way and its deadline.
    #[must_use]
    pub fn stopping(&self) -> Option<(StopId, Instant)> {
        self.stop.map(|it| (it.id, it.deadline))
    }

    /// When the shutdown was asked for.
    #[must_use]
    pub fn ending(&self) -> Option<Instant> {
        self.ending
    }

    /// What was reported.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What is overdue is over.
    pub(super) fn let_time_pass(&mut self, config: &Config, now: Instant) {
        if let Some(start) = self.start.filter(|it| it.deadline <= now) {
            self.start = None;
            self.waiting = Some(now);
            self.left_behind.push(start.id.into());
        }
        for slot in &mut self.handlers {
            if let Slot::Registering {
                operation,
                failures,
            } = *slot
                && operation.deadline <= now
            {
                self.left_behind.push(operation.id.into());
                *slot = Slot::Waiting {
                    since: now,
                    failures: failures.saturating_add(1),
                };
            }
        }
        if let Some(question) = self.question.filter(|it| it.until <= now) {
            self.question = None;
            self.failed(question);
            self.interval_failed(config, FailureClass::Timeout.into());
        }
    }

    /// A liveness message failed ambiguously, or nobody answered it.
    pub(super) fn failed(&mut self, question: Question) {
        if let Bus::Live {
            evidence,
            failed,
            doubted,
            ..
        } = &mut self.bus
            && *evidence <= question.asked
        {
            let row = failed.get_or_insert(Row {
                since: question.asked,
                count: 0,
            });
            row.count = row.count.saturating_add(1);
            if let Some(doubted) = doubted {
                doubted.confirmed |= doubted.oldest <= question.sent;
            }
        }
    }
}

impl Watch {
    /// While not live, an interval without proof ends the row.
    pub(super) fn interval_failed(&mut self, config: &Config, failure: Failure) {
        let harmless = |proved| proved && failure.class.kind() == FailureKind::Ambiguous;
        if let Bus::NotLive { proofs, proved, .. } = &mut self.bus
            && !harmless(*proved)
            && !proves(config, failure)
        {
            *proofs = 0;
        }
    }
}

impl Bus {
    pub(super) const fn unproved(now: Instant) -> Self {
        Self::NotLive {
            newest: now,
            proofs: 0,
            proved: false,
        }
    }
}
