//! A group: its members, its partitions, and the coordinator that has the committed positions.
//!
//! The explorer makes every move that a model allows; the simulation makes random ones. Nothing here decides what happens next.

mod operations;

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use livebus_core::dispatch::{
    Action, CommitId, Config, Dispatcher, DoneRecord, Event, PartitionId, Position, Record,
};

use super::claim::{Claim, Coverage};
use super::invariants::{InvariantChecker, drive};

/// The instant at which every run begins.
pub static EPOCH: LazyLock<Instant> =
    LazyLock::new(|| Instant::now() + Duration::from_hours(24 * 365));

/// The settings of every member, and the records of each partition.
#[derive(Debug, Clone)]
pub struct Topic {
    /// The settings of every member.
    pub config: Config,
    /// The records of each partition.
    pub logs: Vec<Vec<Record>>,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Group {
    /// What the clocks of all members show.
    pub now: Instant,
    /// The members; `None` for one that is not running.
    pub members: Vec<Option<Member>>,
    /// The partitions.
    pub partitions: Vec<Partition>,
    /// What is counted.
    pub counts: Counts,
}

/// A running member.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Member {
    /// Its dispatcher.
    pub dispatcher: Dispatcher,
    /// What checks it.
    pub checker: InvariantChecker,
    /// Its commit in flight.
    pub commit: Option<Commit>,
    /// Whether its bus can be used.
    pub is_usable: bool,
}

/// A commit in flight.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Commit {
    /// Its id.
    pub id: CommitId,
    /// What is committed.
    pub positions: Vec<Position>,
    /// When it must be answered.
    pub deadline: Instant,
    /// The partitions whose positions the coordinator has taken.
    pub applied: BTreeSet<PartitionId>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Partition {
    /// Which member has it.
    pub owner: Option<usize>,
    /// The newest generation.
    pub generation: u64,
    /// What the group committed.
    pub committed: Option<(i64, Vec<DoneRecord>)>,
    /// The index of the first record that was not removed.
    pub first: usize,
    /// Which records were handled: by the function, or by a decision that somebody wrote down.
    pub handled: Vec<bool>,
}

/// What is counted in a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    /// Events.
    pub events: u64,
    /// Records handled for the first time.
    pub handled: u64,
    /// Records handled again.
    pub again: u64,
    /// How many might have been, by what was reported.
    pub may_be_again: u64,
    /// Assignments that ended without a release.
    pub abrupt_ends: u64,
    /// Releases.
    pub releases: u64,
}

/// What a move leaves behind beside the state.
#[derive(Debug, Default)]
pub struct Trace {
    /// The actions, with the members.
    pub actions: Vec<(usize, Action)>,
    /// The situations that were reached.
    pub coverage: Coverage,
}

impl Group {
    /// Returns a group of so many members, with buses that can be used and without assignments.
    #[must_use]
    pub fn new(topic: &Topic, members: usize) -> Self {
        let partition = |log: &Vec<Record>| Partition {
            owner: None,
            generation: 0,
            committed: None,
            first: 0,
            handled: vec![false; log.len()],
        };
        Self {
            now: *EPOCH,
            members: vec![None; members],
            partitions: topic.logs.iter().map(partition).collect(),
            counts: Counts::default(),
        }
    }

    /// Gives one event to a member, and does what its actions say.
    ///
    /// # Errors
    ///
    /// The claim that this breaks.
    pub(super) fn give(
        &mut self,
        topic: &Topic,
        index: usize,
        event: Option<Event<'_>>,
        trace: &mut Trace,
    ) -> Result<(), Claim> {
        let Some(member) = self.members.get_mut(index).and_then(Option::as_mut) else {
            return Ok(());
        };
        let mut actions = Vec::new();
        self.counts.events += 1;
        drive(
            &mut member.dispatcher,
            &mut member.checker,
            self.now,
            event,
            &mut actions,
            &mut trace.coverage,
        )?;
        for action in actions {
            self.follow(topic, index, &action);
            trace.actions.push((index, action));
        }
        Ok(())
    }

    fn follow(&mut self, topic: &Topic, index: usize, action: &Action) {
        match action {
            Action::Commit {
                id,
                positions,
                deadline,
            } => {
                if let Some(member) = &mut self.members[index] {
                    member.commit = Some(Commit {
                        id: *id,
                        positions: positions.clone(),
                        deadline: *deadline,
                        applied: BTreeSet::new(),
                    });
                }
            }
            Action::Release {
                partition,
                duplicates,
                ..
            } => {
                self.counts.releases += 1;
                self.counts.may_be_again += u64::from(*duplicates);
                self.partition(*partition).owner = None;
            }
            Action::Forget {
                partition, offset, ..
            } => {
                if let Some(at) = index_of(&topic.logs[partition.0 as usize], *offset) {
                    self.partition(*partition).handled[at] = true;
                }
            }
            Action::Stopped { duplicates } => {
                self.counts.may_be_again += u64::from(*duplicates);
                for partition in &mut self.partitions {
                    partition.owner = partition.owner.filter(|owner| *owner != index);
                }
            }
            Action::Run(_)
            | Action::Cancel { .. }
            | Action::WriteDeadLetter { .. }
            | Action::SetPace(_)
            | Action::Seek { .. }
            | Action::SetHealth(_) => {}
        }
    }

    fn partition(&mut self, id: PartitionId) -> &mut Partition {
        &mut self.partitions[id.0 as usize]
    }

    /// Drops what cannot matter any more.
    pub fn make_canonical(&mut self, topic: &Topic) {
        let it = self;
        it.counts = Counts::default();
        for member in it.members.iter_mut().flatten() {
            member.dispatcher.make_canonical();
            member.checker.make_canonical(it.now, &topic.config);
            if let Some(commit) = &mut member.commit {
                commit.id = CommitId::from_number(1);
            }
        }
    }
}

/// Returns the index of a record.
#[must_use]
pub fn index_of(log: &[Record], offset: i64) -> Option<usize> {
    log.binary_search_by_key(&offset, |record| record.offset)
        .ok()
}
