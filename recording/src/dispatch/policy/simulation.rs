//! Another dispatcher, driven through the inputs of a recording.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::time::{Duration, Instant};

use livebus_core::Failure;
use livebus_core::dispatch::{
    Action, CommitId, Config, DeadLetterId, Dispatcher, Event, PartitionId, Run, RunEnd, RunId,
};

use crate::dispatch::policy::calls::{Call, CallEnd, Calls};
use crate::dispatch::policy::report::{Report, Unknown};
use crate::dispatch::policy::tracker::{Key, Tracker};

/// Something that happens at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Input(usize),
    Pending(RunId),
    RunEnded(RunId),
    Commit(CommitId),
    Letter(DeadLetterId),
}

/// A run of the other dispatcher.
#[derive(Debug, Clone, Copy)]
struct SimulatedRun {
    /// How many records are done before the one that it waits at or ends with.
    done: u32,
    end: RunEnd,
    /// When it begins to wait, and when it ends.
    waits_at: Option<Instant>,
    ends_at: Instant,
}

struct Simulation<'a> {
    calls: &'a Calls,
    dispatcher: Dispatcher,
    tracker: Tracker,
    now: Instant,
    due: BinaryHeap<Reverse<(Instant, u64, Due)>>,
    /// Gives what is due at the same instant its order.
    scheduled: u64,
    runs: HashMap<RunId, SimulatedRun>,
    answers: HashMap<CommitId, Vec<PartitionId>>,
    letters: HashMap<DeadLetterId, Result<(), Failure>>,
    /// How often the function was called with each record.
    called: HashMap<Key, usize>,
    written: HashMap<Key, usize>,
    unknown: Unknown,
    known_unknowns: HashSet<Key>,
}

/// Drives a dispatcher with this configuration through the recorded inputs, until `end`.
pub(super) fn simulate(config: &Config, began: Instant, end: Instant, calls: &Calls) -> Report {
    let dispatcher = Dispatcher::new(config.clone(), began);
    let start = dispatcher.clone();
    let mut it = Simulation {
        calls,
        tracker: Tracker::new(config.settings().clone(), &dispatcher),
        dispatcher,
        now: began,
        due: BinaryHeap::new(),
        scheduled: 0,
        runs: HashMap::new(),
        answers: HashMap::new(),
        letters: HashMap::new(),
        called: HashMap::new(),
        written: HashMap::new(),
        unknown: Unknown::default(),
        known_unknowns: HashSet::new(),
    };
    for (index, (at, _)) in calls.inputs.iter().enumerate() {
        it.schedule(*at, Due::Input(index));
    }
    it.run_until(end);
    it.tracker.report(end, &start, &it.dispatcher, it.unknown)
}

impl Simulation<'_> {
    fn run_until(&mut self, end: Instant) {
        loop {
            let next = self.due.peek().map(|Reverse((at, ..))| *at);
            let timeout = self.dispatcher.poll_timeout();
            let due = match (next, timeout) {
                (Some(at), Some(timeout)) if timeout < at => None,
                (None, Some(_)) => None,
                (None, None) => return,
                (Some(_), _) => self.due.pop(),
            };
            let at = due.map_or(timeout, |Reverse((at, ..))| Some(at));
            let Some(at) = at.filter(|at| *at <= end) else {
                return;
            };
            self.now = self.now.max(at);
            match due {
                None => self.dispatcher.handle_timeout(self.now),
                Some(Reverse((_, _, due))) => self.happen(due),
            }
            while let Some(action) = self.dispatcher.poll_action() {
                self.tracker.on_action(self.now, &action);
                self.follow(&action);
            }
            let oldest = self.dispatcher.oldest_arrival();
            self.tracker.note_oldest(self.now, oldest);
        }
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Input(index) => {
                if let Some((_, event)) = self.calls.inputs.get(index) {
                    self.give(event.event());
                }
            }
            Due::Pending(run) => {
                let state = self.runs.get_mut(&run);
                if let Some(state) = state.filter(|it| it.waits_at == Some(self.now)) {
                    state.waits_at = None;
                    let done = std::mem::take(&mut state.done);
                    self.give(Event::Pending { run, done });
                }
            }
            Due::RunEnded(run) => {
                if self.runs.get(&run).is_some_and(|it| it.ends_at <= self.now)
                    && let Some(state) = self.runs.remove(&run)
                {
                    let end = state.end;
                    self.give(Event::RunEnded { run, end });
                }
            }
            Due::Commit(id) => {
                if let Some(acknowledged) = self.answers.remove(&id) {
                    let acknowledged = &*acknowledged;
                    self.give(Event::CommitAnswered { id, acknowledged });
                }
            }
            Due::Letter(id) => {
                if let Some(result) = self.letters.remove(&id) {
                    self.give(Event::DeadLetterAnswered { id, result });
                }
            }
        }
    }

    fn give(&mut self, event: Event<'_>) {
        self.tracker.on_event(self.now, event);
        self.dispatcher.handle_event(self.now, event);
    }

    fn follow(&mut self, action: &Action) {
        match action {
            Action::Run(run) => self.begin(run),
            Action::Cancel { run } => self.cancel(*run),
            Action::Commit {
                id,
                positions,
                deadline,
            } => {
                let answer = self.calls.commit(self.now);
                let partitions = positions.iter().map(|it| it.partition);
                let acknowledged = partitions.filter(|it| !answer.failed.contains(it));
                self.answers.insert(*id, acknowledged.collect());
                let at = (self.now + answer.took).min(*deadline);
                self.schedule(at, Due::Commit(*id));
            }
            Action::WriteDeadLetter {
                id,
                partition,
                generation,
                offset,
                ..
            } => {
                let key = (*partition, *generation, *offset);
                let count = self.written.entry(key).or_default();
                let index = std::mem::replace(count, *count + 1);
                let answer = self.calls.letter(key, index);
                if answer.is_none() {
                    self.unknown.dead_letters.push((*partition, *offset));
                }
                let (took, result) = answer.unwrap_or((Duration::ZERO, Ok(())));
                self.letters.insert(*id, result);
                self.schedule(self.now + took, Due::Letter(*id));
            }
            Action::Forget { .. }
            | Action::SetPace(_)
            | Action::Seek { .. }
            | Action::Release { .. }
            | Action::SetHealth(_)
            | Action::Stopped { .. } => {}
        }
    }

    /// Calls the function with each record as it was recorded, up to the first one that waits or does not succeed.
    fn begin(&mut self, run: &Run) {
        let offsets = self.tracker.run(run.id).map(|it| it.offsets.clone());
        let offsets = offsets.unwrap_or_default();
        let mut at = self.now;
        let mut state = SimulatedRun {
            done: 0,
            end: RunEnd::Done,
            waits_at: None,
            ends_at: at,
        };
        for (index, &offset) in offsets.iter().enumerate() {
            let call = self.next_call((run.partition, run.generation, offset));
            let done = u32::try_from(index).unwrap_or(u32::MAX);
            let waits = call.has_waited && offsets.len() > 1;
            if waits {
                (state.waits_at, state.done) = (Some(at), done);
            }
            at += call.duration;
            // After the function has waited it is a run of this record alone.
            let before = if waits { 0 } else { done };
            match call.outcome {
                CallEnd::Done if !waits => {}
                CallEnd::Done => break,
                CallEnd::Failed(class) => {
                    let done = before;
                    state.end = RunEnd::Failed { done, class };
                    break;
                }
                CallEnd::Cancelled => {
                    state.end = RunEnd::Cancelled { done: before };
                    break;
                }
            }
        }
        state.ends_at = at;
        if let Some(waits_at) = state.waits_at {
            self.schedule(waits_at, Due::Pending(run.id));
        }
        self.runs.insert(run.id, state);
        self.schedule(at, Due::RunEnded(run.id));
    }

    /// Ends a run now. A call that does not end in its time is dropped where it waits.
    fn cancel(&mut self, id: RunId) {
        let now = self.now;
        if let Some(run) = self.runs.get_mut(&id)
            && run.ends_at > now
        {
            run.end = RunEnd::Cancelled { done: 0 };
            run.waits_at = None;
            run.ends_at = now;
            self.schedule(now, Due::RunEnded(id));
        }
    }

    /// Returns the next call with a record. What the recording does not know is assumed, and noted.
    fn next_call(&mut self, key: Key) -> Call {
        let (partition, _, offset) = key;
        let count = self.called.entry(key).or_default();
        let index = std::mem::replace(count, *count + 1);
        let recorded = self.calls.call(key, index);
        let last = self.calls.last_call(key);
        match (recorded, last) {
            (Some(call), _) if !self.is_interrupted(call) => call,
            (
                None,
                Some(
                    call @ Call {
                        outcome: CallEnd::Failed(_),
                        ..
                    },
                ),
            ) => {
                if self.known_unknowns.insert(key) {
                    self.unknown.retries.push((partition, offset));
                }
                call
            }
            (Some(_) | None, _) => {
                if self.known_unknowns.insert(key) {
                    self.unknown.calls.push((partition, offset));
                }
                Call {
                    duration: Duration::ZERO,
                    has_waited: false,
                    outcome: CallEnd::Done,
                }
            }
        }
    }

    /// Returns whether a call was cancelled before its time was over.
    fn is_interrupted(&self, call: Call) -> bool {
        let timeout = self.dispatcher.config().settings().record_timeout;
        call.outcome == CallEnd::Cancelled && timeout.is_none_or(|timeout| call.duration < timeout)
    }

    fn schedule(&mut self, at: Instant, due: Due) {
        self.scheduled += 1;
        self.due.push(Reverse((at, self.scheduled, due)));
    }
}
