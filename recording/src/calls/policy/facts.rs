//! What a recording says about its calls and their environment.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use livebus_core::Failure;
use livebus_core::calls::{Action, AssignmentId, CallId, Event, Reply, Sent};

use crate::calls::policy::report::Report;

/// What is known about a recording.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) report: Report,
    /// The inputs that nothing asked for, with the numbers of their lines among the inputs.
    pub(super) inputs: Vec<(Instant, u64, Event)>,
    pub(super) calls: BTreeMap<CallId, CallFacts>,
    pub(super) assignments: BTreeMap<AssignmentId, AssignFacts>,
    /// How long replies took from the send of the newest attempt.
    pub(super) reply_times: Vec<Duration>,
    pub(super) began: Instant,
    pub(super) newest: Instant,
    count: u64,
}

/// The attempts of a call, the first one first.
#[derive(Debug, Default)]
pub(super) struct CallFacts {
    pub(super) attempts: Vec<AttemptFacts>,
}

/// An attempt: when it began, and what came of it so long after.
#[derive(Debug)]
pub(super) struct AttemptFacts {
    pub(super) at: Instant,
    pub(super) answered: Option<(Duration, u64, Sent)>,
    /// Replies that came after it, and before the next attempt.
    pub(super) replies: Vec<(Duration, u64, Reply)>,
}

/// An assignment of the reply partition: when it began, and how it was answered so long after.
#[derive(Debug)]
pub(super) struct AssignFacts {
    pub(super) at: Instant,
    pub(super) answered: Option<(Duration, u64, Result<(), Failure>)>,
}

impl Facts {
    pub(super) fn new(began: Instant) -> Self {
        Self {
            report: Report::default(),
            inputs: Vec::new(),
            calls: BTreeMap::new(),
            assignments: BTreeMap::new(),
            reply_times: Vec::new(),
            began,
            newest: began,
            count: 0,
        }
    }

    pub(super) fn on_timeout(&mut self, at: Instant) {
        self.newest = self.newest.max(at);
        self.count += 1;
    }

    pub(super) fn on_event(&mut self, at: Instant, event: Event) {
        self.on_timeout(at);
        let (now, number) = (self.newest, self.count);
        match event {
            Event::SendAnswered {
                call,
                attempt,
                result,
            } => {
                let facts = self.calls.get_mut(&call);
                let index = usize::try_from(attempt)
                    .ok()
                    .and_then(|it| it.checked_sub(1));
                let attempt = facts
                    .zip(index)
                    .and_then(|(it, index)| it.attempts.get_mut(index));
                if let Some(attempt) = attempt {
                    let after = now.saturating_duration_since(attempt.at);
                    attempt.answered.get_or_insert((after, number, result));
                }
            }
            Event::ReplyFetched { to, reply } => {
                let facts = self.calls.get_mut(&to.call);
                match facts.and_then(|facts| facts.attempts.last_mut()) {
                    Some(attempt) => {
                        let after = now.saturating_duration_since(attempt.at);
                        if attempt.replies.is_empty() {
                            self.reply_times.push(after);
                        }
                        attempt.replies.push((after, number, reply));
                    }
                    // It is for somebody else.
                    None => self.inputs.push((now, number, event)),
                }
            }
            Event::RepliesAssigned { id, result } => {
                if let Some(assignment) = self.assignments.get_mut(&id) {
                    let after = now.saturating_duration_since(assignment.at);
                    assignment.answered.get_or_insert((after, number, result));
                }
            }
            Event::Called { call, .. } => {
                self.report.on_called(call, now);
                self.inputs.push((now, number, event));
            }
            Event::Cancelled { .. }
            | Event::BusReady
            | Event::BusNotReady(_)
            | Event::RepliesLost(_)
            | Event::RepliesUnreachable(_)
            | Event::RepliesReachable
            | Event::Shutdown => self.inputs.push((now, number, event)),
        }
    }

    pub(super) fn on_action(&mut self, action: Action) {
        let at = self.newest;
        match action {
            Action::Send { correlation, .. } => {
                let facts = self.calls.entry(correlation.call).or_default();
                facts.attempts.push(AttemptFacts {
                    at,
                    answered: None,
                    replies: Vec::new(),
                });
            }
            Action::AssignReplies { id, .. } => {
                self.assignments
                    .insert(id, AssignFacts { at, answered: None });
            }
            Action::End { call, outcome } => self.report.on_end(call, at, outcome),
            Action::SendCancel { .. } | Action::SetHealth(_) | Action::Stopped => {}
        }
    }

    /// Returns the median of the times of replies.
    pub(super) fn median_reply_time(&self) -> Option<Duration> {
        let mut times = self.reply_times.clone();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }
}
