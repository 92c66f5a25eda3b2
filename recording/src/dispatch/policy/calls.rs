//! What a recording says about what is outside of the dispatcher: what came in, how calls of the function ended, how answers were.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use livebus_core::Failure;
use livebus_core::dispatch::{
    Action, CommitId, DeadLetterId, Event, Generation, PartitionId, RecordFailure, RunEnd, RunId,
};

use crate::dispatch::OwnedEvent;
use crate::dispatch::policy::tracker::{Key, Tracker};

/// What was recorded of the outside.
#[derive(Debug, Clone, Default)]
pub(super) struct Calls {
    /// What came in from the consumer and the supervisor.
    pub(super) inputs: Vec<(Instant, OwnedEvent)>,
    /// The calls of the function with each record, in their order.
    of_records: HashMap<Key, Vec<Call>>,
    /// When the run began, or its pending record.
    begun: HashMap<RunId, (Instant, bool)>,
    /// When each commit was sent, how long its answer took, and which positions failed.
    commits: Vec<(Instant, CommitAnswer)>,
    commits_in_flight: HashMap<CommitId, (Instant, Vec<PartitionId>)>,
    letters: HashMap<(PartitionId, Generation, i64), Vec<Answer>>,
    letters_in_flight: HashMap<DeadLetterId, (Key, Instant)>,
}

type Answer = (Duration, Result<(), Failure>);

/// How a commit was answered.
#[derive(Debug, Clone, Default)]
pub(super) struct CommitAnswer {
    pub(super) took: Duration,
    /// The partitions whose positions the group does not have.
    pub(super) failed: Vec<PartitionId>,
}

/// One call of the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) duration: Duration,
    /// Whether the function waited: then it is a run of this record alone.
    pub(super) has_waited: bool,
    pub(super) outcome: CallEnd,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallEnd {
    Done,
    Failed(RecordFailure),
    /// It was cancelled. If its time was over, another dispatcher cancels it as well; if not, nobody knows how it would have ended.
    Cancelled,
}

impl Calls {
    pub(super) fn on_event(&mut self, at: Instant, owned: &OwnedEvent, tracker: &Tracker) {
        let event = owned.event();
        if is_from_outside(&event) {
            return self.inputs.push((at, owned.clone()));
        }
        match event {
            Event::Pending { run, done } => {
                self.add_calls(at, run, done as usize, None, tracker);
                self.begun.insert(run, (at, true));
            }
            Event::RunEnded { run, end } => {
                let count = tracker.run(run).map_or(0, |run| run.offsets.len());
                let (done, last) = match end {
                    RunEnd::Done => (count, None),
                    RunEnd::Failed { done, class } => (done as usize, Some(CallEnd::Failed(class))),
                    RunEnd::Cancelled { done } => (done as usize, Some(CallEnd::Cancelled)),
                    RunEnd::Returned { done } => (done as usize, None),
                };
                self.add_calls(at, run, done, last, tracker);
                self.begun.remove(&run);
            }
            Event::CommitAnswered { id, acknowledged } => {
                if let Some((sent, mut failed)) = self.commits_in_flight.remove(&id) {
                    let took = at.saturating_duration_since(sent);
                    failed.retain(|partition| !acknowledged.contains(partition));
                    self.commits.push((sent, CommitAnswer { took, failed }));
                }
            }
            Event::DeadLetterAnswered { id, result } => {
                if let Some((key, sent)) = self.letters_in_flight.remove(&id) {
                    let took = at.saturating_duration_since(sent);
                    self.letters.entry(key).or_default().push((took, result));
                }
            }
            Event::Assigned { .. }
            | Event::Fetched { .. }
            | Event::Revoked { .. }
            | Event::Lost { .. }
            | Event::Removed { .. }
            | Event::ClientLost
            | Event::BusUsable(_)
            | Event::Shutdown => {}
        }
    }

    pub(super) fn on_action(&mut self, at: Instant, action: &Action) {
        match action {
            Action::Run(run) => {
                self.begun.insert(run.id, (at, run.records == 1));
            }
            Action::Commit { id, positions, .. } => {
                let partitions = positions.iter().map(|it| it.partition);
                self.commits_in_flight
                    .insert(*id, (at, partitions.collect()));
            }
            Action::WriteDeadLetter {
                id,
                partition,
                generation,
                offset,
                ..
            } => {
                let key = (*partition, *generation, *offset);
                self.letters_in_flight.insert(*id, (key, at));
            }
            Action::Cancel { .. }
            | Action::Forget { .. }
            | Action::SetPace(_)
            | Action::Seek { .. }
            | Action::Release { .. }
            | Action::SetHealth(_)
            | Action::Stopped { .. } => {}
        }
    }

    /// Returns call number `index` with a record.
    pub(super) fn call(&self, key: Key, index: usize) -> Option<Call> {
        self.of_records.get(&key)?.get(index).copied()
    }

    /// Returns the last call with a record.
    pub(super) fn last_call(&self, key: Key) -> Option<Call> {
        self.of_records.get(&key)?.last().copied()
    }

    /// Returns how a commit would have been answered: as the recorded one that was in flight then, or was sent next; else as the last one.
    pub(super) fn commit(&self, at: Instant) -> CommitAnswer {
        let next = self
            .commits
            .partition_point(|(sent, answer)| *sent + answer.took < at);
        let answer = self.commits.get(next).or(self.commits.last());
        answer.map_or_else(CommitAnswer::default, |(_, answer)| answer.clone())
    }

    /// Returns how dead letter number `index` of a record was answered.
    pub(super) fn letter(&self, key: Key, index: usize) -> Option<Answer> {
        self.letters.get(&key)?.get(index).copied()
    }

    /// Shares the time of a run among its records, and notes their calls.
    fn add_calls(
        &mut self,
        at: Instant,
        id: RunId,
        done: usize,
        last: Option<CallEnd>,
        tracker: &Tracker,
    ) {
        let (Some(&(begun, has_waited)), Some(run)) = (self.begun.get(&id), tracker.run(id)) else {
            return;
        };
        let done = done.min(run.offsets.len());
        let count = done + usize::from(last.is_some());
        let Ok(count) = u32::try_from(count.max(1)) else {
            return;
        };
        let duration = at.saturating_duration_since(begun) / count;
        let ends = std::iter::repeat_n(CallEnd::Done, done).chain(last);
        for (&offset, outcome) in run.offsets.iter().zip(ends) {
            let call = Call {
                duration,
                has_waited,
                outcome,
            };
            let key = (run.partition, run.generation, offset);
            self.of_records.entry(key).or_default().push(call);
        }
    }
}

/// Returns whether an event comes from the consumer or the supervisor, and not from a function or as the answer to an action.
const fn is_from_outside(event: &Event<'_>) -> bool {
    match event {
        Event::Assigned { .. }
        | Event::Fetched { .. }
        | Event::Revoked { .. }
        | Event::Lost { .. }
        | Event::Removed { .. }
        | Event::ClientLost
        | Event::BusUsable(_)
        | Event::Shutdown => true,
        Event::Pending { .. }
        | Event::RunEnded { .. }
        | Event::DeadLetterAnswered { .. }
        | Event::CommitAnswered { .. } => false,
    }
}
