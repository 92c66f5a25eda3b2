//! The books of the invariant checker: what it knows from inputs and actions alone.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use livebus_core::Backoff;
use livebus_core::dispatch::{
    CommitId, Config, DeadLetterId, Delivery, Generation, Health, Limits, Order, Pace, PartitionId,
    RecordFailure, RunId,
};

/// The invariant checker of one dispatcher.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InvariantChecker {
    pub(super) usable_since: Option<Instant>,
    pub(super) shutdown_at: Option<Instant>,
    pub(super) is_stopped: bool,
    /// Duplicates of the assignments that ended since the shutdown was requested.
    pub(super) shutdown_duplicates: u32,
    pub(super) pace: Pace,
    pub(super) health: Health,
    pub(super) partitions: BTreeMap<PartitionId, Assignment>,
    pub(super) runs: BTreeMap<RunId, RunInFlight>,
    pub(super) letters: BTreeMap<DeadLetterId, (PartitionId, Generation, i64)>,
    pub(super) commit: Option<CommitInFlight>,
    pub(super) next_commit_at: Option<Instant>,
    /// The newest ids of runs, dead letters and commits.
    pub(super) newest: (u64, u64, u64),
    /// When the dispatcher wanted to be called.
    pub(super) timeout: Option<Instant>,
    /// What this step must still do.
    pub(super) due: Due,
}

/// What a step must do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Due {
    pub(super) forgets: Vec<(PartitionId, Generation, i64)>,
    pub(super) sets_pace: bool,
    /// The event means nothing: no action may follow from it.
    pub(super) is_stale: bool,
}

/// One assignment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Assignment {
    pub(super) generation: Generation,
    pub(super) ends: Option<Ends>,
    /// The position that the group has.
    pub(super) acknowledged: Option<i64>,
    /// The position that follows from the verdicts.
    pub(super) position: i64,
    /// The next offset to fetch.
    pub(super) next_offset: i64,
    pub(super) done_before: BTreeMap<i64, u32>,
    /// From the first record that the acknowledged position does not cover.
    pub(super) records: VecDeque<Held>,
    /// How many of these are final and have none before them that is not.
    pub(super) finals: usize,
    pub(super) removed: Option<(i64, i64)>,
    /// Runs of earlier assignments that were in flight when it began and still are.
    pub(super) older_runs: u32,
    /// How many commits of its position failed in a row, at least one, and until when it is held back.
    pub(super) held_back: Option<(u32, Instant)>,
}

/// When a position may be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommitAt {
    /// Before any commit.
    Now,
    Instant(Instant),
}

impl CommitAt {
    pub(super) fn is_due(self, now: Instant) -> bool {
        match self {
            Self::Now => true,
            Self::Instant(at) => at <= now,
        }
    }
}

/// How an assignment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Ends {
    pub(super) since: Instant,
    pub(super) until: Instant,
    /// The runner woke up late, so the bound does not hold.
    pub(super) is_late: bool,
    /// A commit was sent after the drain.
    pub(super) is_tried: bool,
    pub(super) last_commit_failed: bool,
}

/// One record.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are facts that hold independently of each other"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Held {
    pub(super) offset: i64,
    pub(super) key: Option<u64>,
    pub(super) bytes: u32,
    pub(super) fingerprint: u32,
    pub(super) arrived: Instant,
    pub(super) state: State,
    pub(super) attempts: u32,
    pub(super) class: Option<RecordFailure>,
    pub(super) is_stopped: bool,
    pub(super) unwritten: u32,
    /// The function began with it, and it has no verdict.
    pub(super) is_begun: bool,
    pub(super) is_done_before: bool,
    pub(super) is_in_commit: bool,
    pub(super) is_covered: bool,
    /// Since when its back-off lasts, and how long those before it lasted: where the configuration has a bound for that.
    pub(super) backs_off_since: Option<Instant>,
    pub(super) backed_off: Duration,
}

/// The state of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum State {
    /// It waits for its first run, or was given back.
    Waiting,
    /// It is part of a run.
    Running,
    /// It failed; it may run again from `low` on, and must from `high` on.
    Failed {
        /// The shortest back-off.
        low: Instant,
        /// The longest.
        high: Instant,
    },
    /// Its dead letter must be written in this step.
    MustWrite,
    /// Its dead letter is in flight.
    Writing,
    /// Its dead letter could not be written.
    Unwritten {
        /// The shortest back-off.
        low: Instant,
        /// The longest.
        high: Instant,
    },
    /// It has its final verdict.
    Final,
}

/// A run that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RunInFlight {
    /// Its partition.
    pub partition: PartitionId,
    /// The generation of its records.
    pub generation: Generation,
    /// The offset of its first record.
    pub offset: i64,
    /// How many records.
    pub records: u32,
    pub(super) deadline: Option<Instant>,
    pub(super) is_timed_out: bool,
    pub(super) is_cancelled: bool,
}

/// A commit that was not answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct CommitInFlight {
    pub(super) id: CommitId,
    pub(super) deadline: Instant,
    pub(super) positions: Vec<(PartitionId, Generation, i64)>,
}

impl Default for InvariantChecker {
    fn default() -> Self {
        Self::new()
    }
}

impl InvariantChecker {
    /// Returns the checker of a new dispatcher.
    #[must_use]
    pub fn new() -> Self {
        Self {
            usable_since: None,
            shutdown_at: None,
            is_stopped: false,
            shutdown_duplicates: 0,
            pace: Pace::Full,
            health: Health::Working,
            partitions: BTreeMap::new(),
            runs: BTreeMap::new(),
            letters: BTreeMap::new(),
            commit: None,
            next_commit_at: None,
            newest: (0, 0, 0),
            timeout: None,
            due: Due::default(),
        }
    }

    pub(super) fn begin_step(&mut self, now: Instant) {
        self.due = Due::default();
        if self.timeout.is_some_and(|timeout| timeout < now) {
            for assignment in self.partitions.values_mut() {
                if let Some(ends) = &mut assignment.ends {
                    ends.is_late = true;
                }
            }
        }
    }

    /// Returns the runs that have not ended.
    pub fn runs(&self) -> impl Iterator<Item = (RunId, &RunInFlight)> {
        self.runs.iter().map(|(&id, run)| (id, run))
    }

    /// Returns the dead letters in flight.
    pub fn letters(&self) -> impl Iterator<Item = (DeadLetterId, PartitionId, i64)> {
        self.letters
            .iter()
            .map(|(&id, &(partition, _, offset))| (id, partition, offset))
    }

    /// Returns the next offset that an assignment expects, unless it ends or waits for a seek.
    #[must_use]
    pub fn fetches_from(&self, partition: PartitionId) -> Option<i64> {
        let assignment = self.partitions.get(&partition)?;
        let is_open = assignment.ends.is_none() && assignment.removed.is_none();
        is_open.then_some(assignment.next_offset)
    }

    /// Returns the generation of a partition that is assigned, and whether it ends.
    #[must_use]
    pub fn assignment(&self, partition: PartitionId) -> Option<(Generation, bool)> {
        let assignment = self.partitions.get(&partition)?;
        Some((assignment.generation, assignment.ends.is_some()))
    }

    /// Returns the newest pace.
    #[must_use]
    pub const fn pace(&self) -> Pace {
        self.pace
    }

    /// Returns how many records of an assignment would be handled again if it ended now.
    #[must_use]
    pub fn duplicates(&self, partition: PartitionId) -> u32 {
        self.partitions
            .get(&partition)
            .map_or(0, Assignment::duplicates)
    }

    /// Returns whether a run was cancelled.
    #[must_use]
    pub fn is_cancelled(&self, run: RunId) -> bool {
        self.runs.get(&run).is_some_and(|run| run.is_cancelled)
    }

    /// Returns the deadline of the commit in flight.
    #[must_use]
    pub fn commit_deadline(&self) -> Option<Instant> {
        self.commit.as_ref().map(|commit| commit.deadline)
    }

    /// Returns whether the dispatcher stopped.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Removes what cannot matter any more, and gives the operations in flight the numbers that the dispatcher's canonical form has.
    pub fn make_canonical(&mut self, now: Instant, config: &Config) {
        let it = self;
        let stall = config.settings().stall_timeout;
        let forget = |at: Instant| now.checked_sub(stall).map_or(at, |past| at.max(past));
        it.usable_since = it.usable_since.map(forget);
        it.next_commit_at = Some(it.next_commit_at.map_or(now, |at| at.max(now)));
        let max = max_retries(config) + 1;
        for assignment in it.partitions.values_mut() {
            if let Some((failures, until)) = &mut assignment.held_back {
                (*failures, *until) = ((*failures).min(3), (*until).max(now));
            }
            for record in &mut assignment.records {
                record.arrived = forget(record.arrived);
                record.attempts = record.attempts.min(max);
                record.unwritten = record.unwritten.min(1);
                if let State::Failed { low, high } | State::Unwritten { low, high } =
                    &mut record.state
                {
                    (*low, *high) = ((*low).max(now), (*high).max(now));
                }
            }
        }
        let numbers = 1..;
        it.runs = (numbers.clone().map(RunId::from_number))
            .zip(std::mem::take(&mut it.runs).into_values())
            .collect();
        it.letters = (numbers.map(DeadLetterId::from_number))
            .zip(std::mem::take(&mut it.letters).into_values())
            .collect();
        if let Some(commit) = &mut it.commit {
            commit.id = CommitId::from_number(1);
        }
        it.newest = (it.runs.len() as u64, it.letters.len() as u64, 1);
        it.due = Due::default();
        it.timeout = None;
    }
}

impl Held {
    /// Ends its back-off, which lasted until then at most. Returns how long all of them lasted, if that has a bound.
    pub(super) fn end_backoff(&mut self, until: Instant) -> Option<Duration> {
        let since = self.backs_off_since.take()?;
        self.backed_off += until.saturating_duration_since(since);
        Some(self.backed_off)
    }
}

impl Assignment {
    /// Returns how many records were begun or have a verdict that the group does not have.
    pub(super) fn duplicates(&self) -> u32 {
        let again = self.records.iter().filter(|record| match record.state {
            State::Final => !record.is_covered && !record.is_done_before,
            State::Waiting => record.is_begun,
            State::Running
            | State::Failed { .. }
            | State::MustWrite
            | State::Writing
            | State::Unwritten { .. } => true,
        });
        u32::try_from(again.count()).unwrap_or(u32::MAX)
    }

    pub(super) fn index_of(&self, offset: i64) -> Option<usize> {
        self.records
            .binary_search_by_key(&offset, |record| record.offset)
            .ok()
    }

    /// Gives the record its final verdict.
    pub(super) fn finish(&mut self, index: usize) {
        if let Some(record) = self.records.get_mut(index) {
            record.state = State::Final;
            record.is_stopped = false;
            record.is_begun = false;
        }
        self.advance();
    }

    /// Moves the position over the records that are final.
    pub(super) fn advance(&mut self) {
        while let Some(record) = self.records.get(self.finals)
            && record.state == State::Final
        {
            self.position = record.offset + 1;
            self.finals += 1;
        }
    }

    pub(super) fn is_dirty(&self, delivery: Delivery) -> bool {
        delivery == Delivery::Group
            && (self.acknowledged != Some(self.position) || self.unacknowledged_verdicts() > 0)
    }

    /// Returns when its position may be committed, if there is something to commit.
    pub(super) fn commit_at(
        &self,
        delivery: Delivery,
        interval_end: Option<Instant>,
    ) -> Option<CommitAt> {
        let held_back = self.held_back.map(|(_, until)| until);
        self.is_dirty(delivery)
            .then(|| match held_back.max(interval_end) {
                Some(at) => CommitAt::Instant(at),
                None => CommitAt::Now,
            })
    }

    pub(super) fn unacknowledged_verdicts(&self) -> u32 {
        let verdicts = self.records.iter().filter(|record| {
            record.state == State::Final && !record.is_covered && !record.is_done_before
        });
        u32::try_from(verdicts.count()).unwrap_or(u32::MAX)
    }

    /// Lets the records leave that the acknowledged position covers.
    pub(super) fn leave(&mut self, delivery: Delivery) {
        while let Some(record) = self.records.front()
            && record.state == State::Final
            && (record.is_covered || delivery == Delivery::Broadcast)
        {
            self.records.pop_front();
            self.finals -= 1;
        }
    }

    /// Returns whether all records before this one that have an order with it are final.
    pub(super) fn is_in_order(&self, index: usize, order: Order) -> bool {
        let key = self.records[index].key;
        let mut before = self.records.iter().take(index).skip(self.finals);
        match order {
            Order::None => true,
            Order::Partition => before.all(|record| record.state == State::Final),
            Order::Key => {
                key.is_none()
                    || before.all(|record| record.key != key || record.state == State::Final)
            }
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.records.iter().any(|record| record.is_stopped)
    }

    pub(super) fn held(&self) -> (u32, u64) {
        let open = self
            .records
            .iter()
            .filter(|record| record.state != State::Final);
        open.fold((0, 0), |(records, bytes), record| {
            (records + 1, bytes + u64::from(record.bytes))
        })
    }
}

/// Returns the shortest and the longest delay after so many failures.
pub(super) fn delays(backoff: &Backoff, failures: u32) -> (Duration, Duration) {
    let middle = backoff.doubled(failures);
    let stray = middle / 100 * u32::from(backoff.jitter_percent);
    let low = middle.saturating_sub(stray).max(backoff.first);
    (low, middle.saturating_add(stray).min(backoff.max))
}

/// Returns the pace that follows another one.
pub(super) fn next_pace(pace: Pace, (records, bytes): (u32, u64), limits: &Limits) -> Pace {
    let no_room =
        records >= limits.records || bytes + u64::from(limits.record_bytes) > limits.bytes;
    let high_records = limits.records - limits.records / 4;
    let is_high = records >= high_records || bytes >= limits.high_water_bytes;
    let is_low = records <= high_records / 2 && bytes <= limits.high_water_bytes / 2;
    match pace {
        _ if no_room => Pace::Paused,
        Pace::Full if is_high => Pace::Slow,
        Pace::Slow | Pace::Paused if is_low => Pace::Full,
        Pace::Full | Pace::Slow | Pace::Paused => pace,
    }
}

pub(super) fn policy(
    config: &Config,
    class: RecordFailure,
) -> &livebus_core::dispatch::FailurePolicy {
    let settings = config.settings();
    match class {
        RecordFailure::Transient => &settings.transient,
        RecordFailure::Permanent => &settings.permanent,
        RecordFailure::TimedOut => &settings.timed_out,
        RecordFailure::Panicked => &settings.panicked,
    }
}

pub(super) fn max_retries(config: &Config) -> u32 {
    let s = config.settings();
    let all = [&s.transient, &s.permanent, &s.timed_out, &s.panicked];
    all.into_iter()
        .map(|policy| policy.retries)
        .max()
        .unwrap_or(0)
}
