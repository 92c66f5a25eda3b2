//! The invariant checker: it sees the inputs and the actions of a `Calls`, keeps its own record of them, and returns the claim that a step
//! breaks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use livebus_core::calls::{
    Action, AssignmentId, CallId, Config, Correlation, Event, Health, Identity, NotSent, Request,
    Sent,
};
use livebus_core::{Cause, Failure};

use super::claim::{Claim, Coverage, Situation};

/// What is known of one `Calls`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InvariantChecker {
    pub(super) config: Arc<Config>,
    pub(super) identity: Identity,
    pub(super) now: Instant,
    pub(super) bus: Result<(), Cause>,
    pub(super) partition: ReplyPartition,
    /// Why replies cannot be read.
    pub(super) failure: Option<Failure>,
    /// Failures since the partition was last assigned.
    pub(super) failures: u32,
    pub(super) calls: BTreeMap<CallId, Seen>,
    pub(super) newest: Option<CallId>,
    /// The calls that ended with a reply, as many as are remembered.
    pub(super) replied: VecDeque<CallId>,
    pub(super) health: Health,
    /// When the drain ends.
    pub(super) drain_end: Option<Instant>,
    pub(super) is_stopped: bool,
}

/// What is known of the reply partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ReplyPartition {
    /// It failed at this instant, or was never assigned.
    Unassigned(Option<Instant>),
    Assigning(AssignmentId, Instant),
    Assigned,
}

/// A call in flight.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Seen {
    pub(super) request: Request,
    pub(super) attempts: Vec<Option<(Sent, Instant)>>,
    /// Whether the next attempt was due while nothing could be sent.
    pub(super) waited: bool,
}

impl Seen {
    /// Returns how many requests may have left.
    pub(super) fn exposed(&self) -> usize {
        let left = |it: &&Option<(Sent, Instant)>| !matches!(it, Some((Sent::NotSent(_), _)));
        self.attempts.iter().filter(left).count()
    }

    pub(super) fn is_acknowledged(&self) -> bool {
        let acknowledged =
            |it: &Option<(Sent, Instant)>| matches!(it, Some((Sent::Acknowledged, _)));
        self.attempts.iter().any(acknowledged)
    }
}

/// Why a request cannot be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    Open,
    Starting,
    Closed(NotSent),
}

/// What a reply is that belongs to no call in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Stray {
    Foreign,
    Former,
    Late,
    Duplicate,
}

impl Stray {
    pub(super) const fn situation(self) -> Situation {
        match self {
            Self::Foreign => Situation::Foreign,
            Self::Former => Situation::Former,
            Self::Late => Situation::Late,
            Self::Duplicate => Situation::Duplicate,
        }
    }
}

/// What a step means, as the checker has it.
#[derive(Debug, Default)]
pub(super) struct Noted {
    /// What the reply is that belongs to no call in flight.
    pub(super) stray: Option<Stray>,
    /// The call that the event must have ended.
    pub(super) ended: Option<CallId>,
    /// The call of which a send was answered.
    pub(super) answered: Option<CallId>,
    /// Whether a cancel record is to be sent.
    pub(super) cancel_record: bool,
}

impl InvariantChecker {
    /// Returns the checker of a new `Calls`.
    #[must_use]
    pub fn new(config: Config, identity: Identity, now: Instant) -> Self {
        Self {
            config: Arc::new(config),
            identity,
            now,
            bus: Err(Cause::Starting),
            partition: ReplyPartition::Unassigned(None),
            failure: None,
            failures: 0,
            calls: BTreeMap::new(),
            newest: None,
            replied: VecDeque::new(),
            health: Health::Starting,
            drain_end: None,
            is_stopped: false,
        }
    }

    pub(super) fn gate(&self) -> Gate {
        if self.drain_end.is_some() {
            return Gate::Closed(NotSent::ShuttingDown);
        }
        match (self.bus, self.failure, self.partition) {
            (Err(cause), _, _) => Gate::Closed(NotSent::Bus(cause)),
            (Ok(()), Some(failure), _) => Gate::Closed(NotSent::Replies(failure)),
            (Ok(()), None, ReplyPartition::Assigned) => Gate::Open,
            (Ok(()), None, ReplyPartition::Unassigned(_) | ReplyPartition::Assigning(..)) => {
                Gate::Starting
            }
        }
    }

    /// Follows one step: an event, or the time, and its actions.
    pub(super) fn follow(
        &mut self,
        now: Instant,
        event: Option<Event>,
        actions: &[Action],
        coverage: &mut Coverage,
    ) -> Result<Noted, Claim> {
        self.now = self.now.max(now);
        // What time alone does comes first.
        let mut actions = actions.iter().peekable();
        self.time_out(coverage);
        while let Some(action) = actions.next_if(|action| self.is_of_time(action)) {
            self.act(action, None, coverage)?;
            self.time_out(coverage);
        }
        let mut noted = Noted::default();
        let event = event.and_then(|event| self.take(event, &mut noted, coverage));
        for action in actions {
            self.act(action, event.as_ref(), coverage)?;
        }
        Ok(noted)
    }

    /// Returns whether an action is one that time alone leads to, before the event of its step.
    fn is_of_time(&self, action: &Action) -> bool {
        match action {
            Action::End { call, .. } => {
                let is_over = |seen: &Seen| {
                    let cannot_be_sent =
                        matches!(self.gate(), Gate::Closed(_)) && seen.exposed() == 0;
                    seen.request.deadline <= self.now || self.is_drained() || cannot_be_sent
                };
                self.calls.get(call).is_some_and(is_over)
            }
            Action::AssignReplies { .. } => {
                self.bus.is_ok() && !self.is_stopped && self.is_unassigned()
            }
            Action::Send { correlation, .. } => {
                self.gate() == Gate::Open && self.calls.contains_key(&correlation.call)
            }
            Action::SetHealth(_) => self.health_now() != self.health,
            Action::Stopped => self.drain_end.is_some() && self.calls.is_empty(),
            Action::SendCancel { .. } => false,
        }
    }

    /// Returns what a reply is; `None` if a call in flight takes it.
    fn stray(&self, to: Correlation) -> Option<Stray> {
        let (from, ours) = (to.from, self.identity);
        let is_made = |call: CallId| self.newest.is_some_and(|newest| call <= newest);
        if from.instance != ours.instance || from.epoch > ours.epoch {
            return Some(Stray::Foreign);
        }
        if from.epoch < ours.epoch {
            return Some(Stray::Former);
        }
        match self.calls.get(&to.call) {
            Some(seen) if seen.attempts.is_empty() => Some(Stray::Foreign),
            Some(_) => None,
            None if !is_made(to.call) => Some(Stray::Foreign),
            None if self.replied.contains(&to.call) => Some(Stray::Duplicate),
            None => Some(Stray::Late),
        }
    }

    fn is_drained(&self) -> bool {
        self.drain_end.is_some_and(|end| end <= self.now)
    }

    const fn is_unassigned(&self) -> bool {
        matches!(self.partition, ReplyPartition::Unassigned(_))
    }

    fn is_assignment_over(&self) -> bool {
        match self.partition {
            ReplyPartition::Assigning(_, deadline) => deadline <= self.now,
            ReplyPartition::Unassigned(_) | ReplyPartition::Assigned => false,
        }
    }

    pub(super) fn health_now(&self) -> Health {
        match (self.failure, self.partition) {
            (Some(failure), _) => Health::RepliesFailed(failure),
            (None, ReplyPartition::Assigned) => Health::Working,
            (None, ReplyPartition::Unassigned(_) | ReplyPartition::Assigning(..)) => {
                Health::Starting
            }
        }
    }

    /// An assignment that was not answered in time failed.
    fn time_out(&mut self, coverage: &mut Coverage) {
        let has_call_left = self
            .calls
            .values()
            .any(|it| it.request.deadline <= self.now);
        if self.is_assignment_over() && !has_call_left && !self.is_stopped {
            coverage.note(Situation::AssignTimedOut);
            self.replies_failed(livebus_core::FailureClass::Timeout.into());
        }
    }

    fn replies_failed(&mut self, failure: Failure) {
        self.failure = Some(failure);
        self.failures += 1;
        self.partition = ReplyPartition::Unassigned(Some(self.now));
    }

    /// Notes an event. Returns it, unless it is stale.
    fn take(&mut self, event: Event, noted: &mut Noted, coverage: &mut Coverage) -> Option<Event> {
        match event {
            Event::Called { call, request } => {
                if self.newest.is_some_and(|newest| call <= newest) {
                    return None;
                }
                self.newest = Some(call);
                coverage.note_if(self.is_stopped, Situation::CalledAfterStop);
                let seen = Seen {
                    request,
                    attempts: Vec::new(),
                    waited: false,
                };
                self.calls.insert(call, seen);
            }
            Event::SendAnswered {
                call,
                attempt,
                result,
            } => {
                let now = self.now;
                let Some(seen) = self.calls.get_mut(&call) else {
                    coverage.note(Situation::LateAnswer);
                    return None;
                };
                let is_last = seen.attempts.len() == attempt as usize;
                let last = seen
                    .attempts
                    .last_mut()
                    .filter(|it| is_last && it.is_none())?;
                *last = Some((result, now));
                noted.answered = Some(call);
                let has_failed = result != Sent::Acknowledged && seen.is_acknowledged();
                let max = self.config.settings().attempts as usize;
                let is_last = has_failed && seen.attempts.len() == max;
                coverage.note_if(is_last, Situation::LastAttemptFailed);
            }
            Event::ReplyFetched { to, .. } => {
                noted.stray = self.stray(to);
                match noted.stray {
                    None => {}
                    Some(stray) => {
                        coverage.note(stray.situation());
                        return None;
                    }
                }
                noted.ended = Some(to.call);
                let mut attempts = self.calls.get(&to.call)?.attempts.iter();
                let is_unanswered = attempts.any(Option::is_none);
                coverage.note_if(is_unanswered, Situation::RepliedBeforeAcknowledged);
            }
            Event::Cancelled { call } => {
                let seen = self.calls.get(&call)?;
                noted.ended = Some(call);
                noted.cancel_record = seen.exposed() > 0 && self.bus.is_ok();
            }
            Event::BusReady => self.bus = Ok(()),
            Event::BusNotReady(cause) => self.bus = Err(cause),
            Event::RepliesAssigned { id, result } => match self.partition {
                ReplyPartition::Assigning(assigning, _) if assigning == id && !self.is_stopped => {
                    match result {
                        Ok(()) => {
                            self.partition = ReplyPartition::Assigned;
                            self.failure = None;
                            self.failures = 0;
                        }
                        Err(failure) => {
                            coverage.note(Situation::AssignFailed);
                            self.replies_failed(failure);
                        }
                    }
                }
                ReplyPartition::Unassigned(_)
                | ReplyPartition::Assigning(..)
                | ReplyPartition::Assigned => return None,
            },
            Event::RepliesLost(failure) => {
                if self.is_unassigned() || self.is_stopped {
                    return None;
                }
                coverage.note_if(!self.calls.is_empty(), Situation::Lost);
                self.replies_failed(failure);
            }
            Event::RepliesUnreachable(failure) => {
                if self.partition == ReplyPartition::Assigned {
                    coverage.note(Situation::Unreachable);
                    self.failure = Some(failure);
                }
            }
            Event::RepliesReachable => {
                if self.partition == ReplyPartition::Assigned {
                    self.failure = None;
                }
            }
            Event::Shutdown => {
                let end = self.now + self.config.settings().drain;
                self.drain_end.get_or_insert(end);
            }
        }
        Some(event)
    }
}
