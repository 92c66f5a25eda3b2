//! Follows a dispatcher from outside, and notes what becomes of each record that fails.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use livebus_core::dispatch::{
    Action, CommitId, Counters, DeadLetterId, Dispatcher, Event, Generation, PartitionId,
    RecordFailure, RunEnd, RunId, Settings, Start, Then,
};

use crate::dispatch::policy::report::{Fate, Report, Unknown};

/// A record of an assignment.
pub(super) type Key = (PartitionId, Generation, i64);

#[derive(Debug, Clone)]
pub(super) struct Tracker {
    settings: Settings,
    is_usable: bool,
    /// The offsets that were fetched, in their order.
    fetched: HashMap<(PartitionId, Generation), Vec<i64>>,
    runs: HashMap<RunId, TrackedRun>,
    attempts: HashMap<Key, u32>,
    letters: HashMap<DeadLetterId, (Key, Fate)>,
    commits: HashMap<CommitId, Vec<(PartitionId, i64)>>,
    stopped_now: BTreeMap<(PartitionId, i64), usize>,
    ended: BTreeSet<(PartitionId, Generation)>,
    oldest: Option<Instant>,
    skipped: Vec<Fate>,
    dead_letters: Vec<Fate>,
    stopped: Vec<Fate>,
    committed: BTreeMap<PartitionId, i64>,
    longest_stall: Duration,
}

/// A run in flight.
#[derive(Debug, Clone)]
pub(super) struct TrackedRun {
    pub(super) partition: PartitionId,
    pub(super) generation: Generation,
    /// The offsets of its records.
    pub(super) offsets: Vec<i64>,
    is_cancelled: bool,
}

impl Tracker {
    pub(super) fn new(settings: Settings, start: &Dispatcher) -> Self {
        Self {
            settings,
            is_usable: false,
            fetched: HashMap::new(),
            runs: HashMap::new(),
            attempts: HashMap::new(),
            letters: HashMap::new(),
            commits: HashMap::new(),
            stopped_now: BTreeMap::new(),
            ended: BTreeSet::new(),
            oldest: start.oldest_arrival(),
            skipped: Vec::new(),
            dead_letters: Vec::new(),
            stopped: Vec::new(),
            committed: BTreeMap::new(),
            longest_stall: Duration::ZERO,
        }
    }

    pub(super) fn run(&self, id: RunId) -> Option<&TrackedRun> {
        self.runs.get(&id)
    }

    pub(super) fn on_event(&mut self, at: Instant, event: Event<'_>) {
        match event {
            Event::Assigned {
                partition,
                start: Start::Committed(position),
                ..
            } => {
                self.committed.entry(partition).or_insert(position);
            }
            Event::Assigned { .. } | Event::Removed { .. } | Event::Shutdown => {}
            Event::Fetched {
                partition,
                generation,
                records,
            } => {
                let known = self.fetched.entry((partition, generation)).or_default();
                known.extend(records.iter().map(|record| record.offset));
            }
            Event::Pending { run, done } => {
                if let Some(run) = self.runs.get_mut(&run) {
                    let done = (done as usize).min(run.offsets.len());
                    let finished: Vec<_> = run.offsets.drain(..done).collect();
                    run.offsets.truncate(1);
                    let partition = run.partition;
                    self.finish(at, partition, &finished);
                }
            }
            Event::RunEnded { run, end } => {
                if let Some(run) = self.runs.remove(&run) {
                    self.on_run_ended(at, &run, end);
                }
            }
            Event::DeadLetterAnswered { id, result } => {
                if let (Some((_, fate)), Ok(())) = (self.letters.remove(&id), result) {
                    self.finish(at, fate.partition, &[fate.offset]);
                    self.dead_letters.push(Fate {
                        until: Some(at),
                        ..fate
                    });
                }
            }
            Event::CommitAnswered { id, acknowledged } => {
                let positions = self.commits.remove(&id).unwrap_or_default();
                let known = positions.into_iter();
                let known = known.filter(|(partition, _)| acknowledged.contains(partition));
                self.committed.extend(known);
            }
            Event::Revoked { .. } => {}
            Event::Lost {
                partition,
                generation,
            } => {
                self.ended.insert((partition, generation));
            }
            Event::ClientLost => self.ended.extend(self.fetched.keys().copied()),
            Event::BusUsable(is_usable) => self.is_usable = is_usable,
        }
    }

    pub(super) fn on_action(&mut self, at: Instant, action: &Action) {
        match action {
            Action::Run(run) => {
                let fetched = self.fetched.get(&(run.partition, run.generation));
                let all = fetched.map_or(&[][..], Vec::as_slice);
                let first = all.partition_point(|&offset| offset < run.offset);
                let offsets = all.iter().skip(first).take(run.records as usize);
                let tracked = TrackedRun {
                    partition: run.partition,
                    generation: run.generation,
                    offsets: offsets.copied().collect(),
                    is_cancelled: false,
                };
                self.runs.insert(run.id, tracked);
            }
            Action::Cancel { run } => {
                if let Some(run) = self.runs.get_mut(run) {
                    run.is_cancelled = true;
                }
            }
            Action::Commit { id, positions, .. } => {
                let positions = positions.iter().map(|it| (it.partition, it.offset));
                self.commits.insert(*id, positions.collect());
            }
            Action::WriteDeadLetter {
                id,
                partition,
                generation,
                offset,
                attempts,
                class,
            } => {
                let fate = Fate {
                    partition: *partition,
                    offset: *offset,
                    class: *class,
                    attempts: *attempts,
                    at,
                    until: None,
                };
                let key = (*partition, *generation, *offset);
                self.letters.insert(*id, (key, fate));
            }
            Action::Seek {
                partition,
                generation,
                offset: _,
            } => {
                self.fetched.remove(&(*partition, *generation));
            }
            Action::Release {
                partition,
                generation,
                ..
            } => {
                self.ended.insert((*partition, *generation));
            }
            Action::Forget { .. }
            | Action::SetPace(_)
            | Action::SetHealth(_)
            | Action::Stopped { .. } => {}
        }
    }

    /// Takes when the oldest record without a final verdict arrived, after an input.
    pub(super) fn note_oldest(&mut self, at: Instant, oldest: Option<Instant>) {
        if let Some(before) = self.oldest {
            let age = at.saturating_duration_since(before);
            self.longest_stall = self.longest_stall.max(age);
        }
        self.oldest = oldest;
    }

    pub(super) fn report(
        &self,
        end: Instant,
        start: &Dispatcher,
        last: &Dispatcher,
        unknown: Unknown,
    ) -> Report {
        // What a crash would leave: every assignment is lost.
        let mut crashed = last.clone();
        crashed.handle_event(end, Event::ClientLost);
        Report {
            counters: since(last.counters(), start.counters()),
            skipped: self.skipped.clone(),
            dead_letters: self.dead_letters.clone(),
            stopped: self.stopped.clone(),
            committed: self.committed.iter().map(|(&id, &at)| (id, at)).collect(),
            duplicates_at_end: crashed.counters().duplicates - last.counters().duplicates,
            held_at_end: last.records_held(),
            longest_stall: self.longest_stall,
            unknown,
        }
    }

    fn on_run_ended(&mut self, at: Instant, run: &TrackedRun, end: RunEnd) {
        let count = run.offsets.len();
        let (done, class) = match end {
            RunEnd::Done => (count, None),
            RunEnd::Failed { done, class } => (done as usize, Some(class)),
            RunEnd::Returned { done } => (done as usize, None),
            RunEnd::Cancelled { done } => {
                let of = (run.partition, run.generation);
                let is_timed_out = run.is_cancelled && !self.ended.contains(&of);
                (
                    done as usize,
                    is_timed_out.then_some(RecordFailure::TimedOut),
                )
            }
        };
        let done = done.min(count);
        self.finish(at, run.partition, &run.offsets[..done]);
        if let (Some(class), Some(&offset)) = (class, run.offsets.get(done)) {
            self.on_failed(at, (run.partition, run.generation, offset), class);
        }
    }

    /// Rule 17 of the dispatcher.
    fn on_failed(&mut self, at: Instant, key: Key, class: RecordFailure) {
        let (partition, generation, offset) = key;
        if self.ended.contains(&(partition, generation)) {
            return;
        }
        let policy = match class {
            RecordFailure::Transient => &self.settings.transient,
            RecordFailure::Permanent => &self.settings.permanent,
            RecordFailure::TimedOut => &self.settings.timed_out,
            RecordFailure::Panicked => &self.settings.panicked,
        };
        let attempts = self.attempts.entry(key).or_default();
        *attempts += u32::from(self.is_usable);
        let is_last = self.is_usable && *attempts > policy.retries;
        let fate = Fate {
            partition,
            offset,
            class,
            attempts: *attempts,
            at,
            until: None,
        };
        match policy.then {
            Then::Skip if is_last => {
                self.finish(at, partition, &[offset]);
                self.skipped.push(Fate {
                    until: Some(at),
                    ..fate
                });
            }
            Then::Stop if is_last => {
                let place = (partition, offset);
                if !self.stopped_now.contains_key(&place) {
                    self.stopped_now.insert(place, self.stopped.len());
                    self.stopped.push(fate);
                }
            }
            // Its dead letter is an action of its own.
            Then::Skip | Then::Stop | Then::DeadLetter => {}
        }
    }

    fn finish(&mut self, at: Instant, partition: PartitionId, offsets: &[i64]) {
        if self.stopped_now.is_empty() {
            return;
        }
        for &offset in offsets {
            if let Some(index) = self.stopped_now.remove(&(partition, offset))
                && let Some(fate) = self.stopped.get_mut(index)
            {
                fate.until = Some(at);
            }
        }
    }
}

/// Returns what was counted between two states.
fn since(now: &Counters, before: &Counters) -> Counters {
    let mut counters = *now;
    counters.done -= before.done;
    counters.failed -= before.failed;
    counters.timed_out -= before.timed_out;
    counters.skipped -= before.skipped;
    counters.dead_letters -= before.dead_letters;
    counters.removed -= before.removed;
    counters.done_before -= before.done_before;
    counters.repeated -= before.repeated;
    counters.duplicates -= before.duplicates;
    counters.late_verdicts -= before.late_verdicts;
    counters.commits -= before.commits;
    counters.failed_commits -= before.failed_commits;
    counters.stale -= before.stale;
    counters
}
