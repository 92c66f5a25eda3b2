//! A partition with requests, and the owners that it has one after the other: each a process with a callee, and what its dispatcher does.
//!
//! An owner fetches in order, at most `max_duplicates` records behind the newest position that it knows to be committed: so the dispatcher
//! does. One whose partition was taken goes on until it notices. The group refuses its commits.
//!
//! The explorer makes every step that a model allows; the simulation makes random ones. Nothing here decides what happens next.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use livebus_core::calls::{Arrival, Callee, CalleeConfig, CalleeCounters, Decision, RequestId};
use livebus_core::dispatch::{Generation, PartitionId};

use super::checker::{Checker, count};
use super::claim::{Claim, Coverage, Situation};
use super::settings::correlation;
use crate::calls::environment::EPOCH;

/// The partition of every check.
pub const PARTITION: PartitionId = PartitionId(0);

/// A record of the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Record {
    /// An attempt of a call.
    Request {
        /// The call.
        call: u64,
        /// Its idempotency key.
        key: Option<u64>,
        /// The time that it has.
        time: Duration,
        /// When it was written.
        written: Instant,
    },
    /// A cancel of a call.
    Cancel {
        /// The call.
        call: u64,
    },
}

/// A process that may own the partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    callee: Callee,
    /// The assignment that it believes to have.
    generation: Option<Generation>,
    /// What is next to fetch.
    next: i64,
    /// The newest position that it knows to be committed.
    committed: i64,
    /// What became of the records that it fetched, from the committed position on.
    records: BTreeMap<i64, Progress>,
    counters: CalleeCounters,
}

/// What became of a record at an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Progress {
    /// It was not decided.
    Held,
    /// Its position is to be committed first.
    Pending,
    /// It runs.
    Running,
    /// Its position may be committed.
    Done,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Time passes.
    Pass(Duration),
    /// A record is written.
    Write(Record),
    /// The partition is given to an owner. The one before may not know it.
    Assign(usize),
    /// An owner notices that its assignment is over.
    Notice(usize),
    /// An owner crashes, and begins again without a memory.
    Crash(usize),
    /// An owner fetches the next record.
    Fetch(usize),
    /// An owner asks whether a request may run.
    Begin(usize, i64),
    /// A request has run, and was replied or not.
    End(usize, i64, bool),
    /// An owner commits its position, and learns whether it was applied.
    Commit(usize),
    /// The commit of an owner is applied, and it does not learn it.
    CommitBlindly(usize),
}

/// The partition and its owners.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Group {
    /// What all clocks show.
    pub now: Instant,
    config: CalleeConfig,
    /// The records, each at its offset.
    pub log: Vec<Record>,
    /// The processes.
    pub owners: Vec<Owner>,
    /// The position that the group has.
    committed: i64,
    generation: u64,
    checker: Checker,
}

impl Owner {
    fn new(config: &CalleeConfig) -> Self {
        let callee = Callee::new(config.clone());
        Self {
            counters: *callee.counters(),
            callee,
            generation: None,
            next: 0,
            committed: 0,
            records: BTreeMap::new(),
        }
    }

    /// Returns whether it believes to have the partition.
    #[must_use]
    pub const fn is_assigned(&self) -> bool {
        self.generation.is_some()
    }

    /// Returns what became of the records that it fetched.
    pub fn records(&self) -> impl Iterator<Item = (i64, Progress)> {
        self.records.iter().map(|(offset, it)| (*offset, *it))
    }

    /// Returns the position that it may commit.
    fn position(&self, config: &CalleeConfig) -> i64 {
        let is_passed = |progress: Progress| match progress {
            Progress::Held => false,
            Progress::Running => config.settings().at_most_once,
            Progress::Pending | Progress::Done => true,
        };
        let passed = self.records.iter();
        let passed = passed.take_while(|(_, progress)| is_passed(**progress));
        let position = passed
            .last()
            .map_or(self.committed, |(offset, _)| offset + 1);
        position.max(self.committed)
    }
}

impl Group {
    /// Returns a partition without records and so many processes, none of which owns it.
    #[must_use]
    pub fn new(config: &CalleeConfig, owners: usize) -> Self {
        Self {
            now: *EPOCH,
            config: config.clone(),
            log: Vec::new(),
            owners: vec![Owner::new(config); owners],
            committed: 0,
            generation: 0,
            checker: Checker::new(config.clone()),
        }
    }

    /// Returns whether an owner has something to fetch.
    #[must_use]
    pub fn can_fetch(&self, owner: usize) -> bool {
        let owner = &self.owners[owner];
        let window = i64::from(self.config.settings().max_duplicates);
        let is_there = usize::try_from(owner.next).is_ok_and(|next| next < self.log.len());
        owner.is_assigned() && is_there && owner.next < owner.committed + window
    }

    /// Returns whether an owner has something to commit.
    #[must_use]
    pub fn can_commit(&self, owner: usize) -> bool {
        let owner = &self.owners[owner];
        owner.is_assigned() && owner.position(&self.config) > owner.committed
    }

    /// Returns whether the partition was taken from an owner that does not know it.
    #[must_use]
    pub fn is_former(&self, owner: usize) -> bool {
        let believed = self.owners[owner].generation;
        believed.is_some_and(|it| it != Generation(self.generation))
    }

    /// Returns whether a request was begun by any owner.
    #[must_use]
    pub fn has_begun(&self, offset: i64) -> bool {
        self.checker.has_begun(offset)
    }

    /// Lets a step happen.
    ///
    /// # Errors
    ///
    /// The claim that it breaks.
    pub fn step(&mut self, step: Step, coverage: &mut Coverage) -> Result<(), Claim> {
        let owner = match step {
            Step::Pass(time) => {
                self.now += time;
                return Ok(());
            }
            Step::Write(record) => {
                self.log.push(record);
                return Ok(());
            }
            Step::Assign(owner) => {
                self.assign(owner, coverage);
                owner
            }
            Step::Notice(owner) => {
                self.end(owner, coverage);
                owner
            }
            Step::Crash(owner) => {
                self.crash(owner, coverage);
                owner
            }
            Step::Fetch(owner) => {
                self.fetch(owner, coverage)?;
                owner
            }
            Step::Begin(owner, offset) => {
                self.begin(owner, offset, coverage)?;
                owner
            }
            Step::End(owner, offset, is_replied) => {
                self.ran(owner, offset, is_replied, coverage)?;
                owner
            }
            Step::Commit(owner) => {
                self.commit(owner, true, coverage);
                owner
            }
            Step::CommitBlindly(owner) => {
                self.commit(owner, false, coverage);
                owner
            }
        };
        self.check(owner)
    }

    /// Ends all assignments: nothing may be left.
    ///
    /// # Errors
    ///
    /// The claim that is broken.
    pub fn finish(&mut self, coverage: &mut Coverage) -> Result<(), Claim> {
        for owner in 0..self.owners.len() {
            self.end(owner, coverage);
            self.check(owner)?;
        }
        Ok(())
    }

    fn check(&self, owner: usize) -> Result<(), Claim> {
        let owner = &self.owners[owner];
        self.checker.check_held(owner.generation, &owner.callee)?;
        let is_true = *owner.callee.counters() == owner.counters;
        if is_true {
            Ok(())
        } else {
            Err(Claim::CountsAreTrue)
        }
    }

    fn assign(&mut self, index: usize, coverage: &mut Coverage) {
        self.end(index, coverage);
        self.generation += 1;
        let generation = Generation(self.generation);
        let owner = &mut self.owners[index];
        owner.callee.assigned(PARTITION, generation);
        owner.generation = Some(generation);
        owner.next = self.committed;
        owner.committed = self.committed;
        self.checker.on_assigned(generation, self.committed);
    }

    fn end(&mut self, index: usize, coverage: &mut Coverage) {
        let owner = &mut self.owners[index];
        if let Some(generation) = owner.generation.take() {
            owner.callee.ended(PARTITION, generation);
            self.checker.on_ended(generation, coverage);
        }
        owner.records.clear();
    }

    fn crash(&mut self, index: usize, coverage: &mut Coverage) {
        let owner = &self.owners[index];
        coverage.note_if(owner.callee.requests_held() > 0, Situation::Crashed);
        for (offset, progress) in owner.records() {
            let is_lost = progress == Progress::Pending && offset < self.committed;
            coverage.note_if(is_lost, Situation::LostByACrash);
        }
        self.end(index, coverage);
        self.owners[index] = Owner::new(&self.config);
    }

    fn fetch(&mut self, index: usize, coverage: &mut Coverage) -> Result<(), Claim> {
        let (now, owner) = (self.now, &mut self.owners[index]);
        let Some(generation) = owner.generation else {
            return Ok(());
        };
        let offset = owner.next;
        let record = usize::try_from(offset).ok().and_then(|at| self.log.get(at));
        let Some(record) = record.copied() else {
            return Ok(());
        };
        let id = request(generation, offset);
        owner.next += 1;
        match record {
            Record::Request {
                call,
                key,
                time,
                written,
            } => {
                let arrival = Arrival {
                    correlation: correlation(call),
                    key,
                    time,
                    age: now.saturating_duration_since(written),
                };
                owner.callee.fetched(now, id, arrival);
                owner.records.insert(offset, Progress::Held);
                self.checker.on_fetched(id, arrival, now);
                Ok(())
            }
            Record::Cancel { call } => {
                let call = correlation(call);
                let answer = owner.callee.cancel_fetched(id, call);
                owner.records.insert(offset, Progress::Done);
                let is_late = self.checker.on_cancel(id, call, answer, coverage)?;
                owner.counters.late_cancels += u64::from(is_late);
                Ok(())
            }
        }
    }

    fn begin(&mut self, index: usize, offset: i64, coverage: &mut Coverage) -> Result<(), Claim> {
        let is_former = self.is_former(index);
        let (now, owner) = (self.now, &mut self.owners[index]);
        let Some(generation) = owner.generation else {
            return Ok(());
        };
        let id = request(generation, offset);
        let decision = owner.callee.begin(now, id);
        count(&mut owner.counters, decision);
        let progress = match decision {
            Decision::Run { .. } => {
                coverage.note_if(is_former, Situation::RunsAtAFormerOwner);
                Progress::Running
            }
            Decision::CommitFirst => Progress::Pending,
            Decision::TooLate { .. }
            | Decision::Cancelled
            | Decision::Replay(_)
            | Decision::Running => Progress::Done,
            Decision::Stale => {
                return self
                    .checker
                    .on_begin(id, now, decision, is_former, coverage);
            }
        };
        owner.records.insert(offset, progress);
        self.checker
            .on_begin(id, now, decision, is_former, coverage)
    }

    fn ran(
        &mut self,
        index: usize,
        offset: i64,
        is_replied: bool,
        coverage: &mut Coverage,
    ) -> Result<(), Claim> {
        let owner = &mut self.owners[index];
        let Some(generation) = owner.generation else {
            return Ok(());
        };
        let id = request(generation, offset);
        let dropped = owner.callee.ran(id, is_replied);
        owner.records.insert(offset, Progress::Done);
        self.checker.on_ran(id, is_replied, dropped, coverage)
    }

    fn commit(&mut self, index: usize, is_answered: bool, coverage: &mut Coverage) {
        let is_former = self.is_former(index);
        let owner = &mut self.owners[index];
        let Some(generation) = owner.generation else {
            return;
        };
        if is_former {
            coverage.note(Situation::CommitRefused);
            return;
        }
        let position = owner.position(&self.config);
        self.committed = self.committed.max(position);
        if !is_answered {
            coverage.note(Situation::CommitUnknown);
            return;
        }
        owner.committed = position;
        // What is below is not needed any more, but for what runs or may run now.
        let is_over = |progress: Progress| progress == Progress::Done;
        owner
            .records
            .retain(|offset, progress| *offset >= position || !is_over(*progress));
        owner.callee.committed(PARTITION, generation, position);
        self.checker.on_committed(generation, position);
    }

    /// Leaves out what cannot matter.
    pub(super) fn make_canonical(&mut self) {
        for owner in &mut self.owners {
            owner.callee.make_canonical();
            owner.counters = *owner.callee.counters();
        }
    }
}

const fn request(generation: Generation, offset: i64) -> RequestId {
    RequestId {
        partition: PARTITION,
        generation,
        offset,
    }
}
