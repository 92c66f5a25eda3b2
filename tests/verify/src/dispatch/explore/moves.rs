//! What can happen next in a state of a model.

use livebus_core::dispatch::{DeadLetterId, RunEnd, RunId};

use super::budget::Budget;
use super::models::Model;
use crate::dispatch::claim::Claim;
use crate::dispatch::environment::{Group, Trace};

/// A move. Members and partitions are numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Move {
    /// Time passes by one tick.
    Tick,
    /// A member starts.
    Start(usize),
    /// The process of a member ends.
    Crash(usize),
    /// A partition is assigned to a member.
    Assign(usize, usize),
    /// The same, and the first record that is done above the position is another one by now.
    AssignChanged(usize, usize),
    /// A partition is lost a tick later, before the runner noticed the time.
    LoseLate(usize),
    /// A partition is revoked.
    Revoke(usize),
    /// A partition is lost.
    Lose(usize),
    /// The client of a member is lost.
    LoseClient(usize),
    /// So many records are fetched of a partition.
    Fetch(usize, usize),
    /// A function is found pending.
    Pend(usize, RunId, u32),
    /// A run ends.
    End(usize, RunId, RunEnd),
    /// A dead letter is written, or not.
    Letter(usize, DeadLetterId, bool),
    /// The coordinator takes a commit.
    Apply(usize),
    /// The coordinator takes the position of one partition, and refuses those of the others.
    ApplyOne(usize, usize),
    /// A commit is answered: with the positions that the coordinator has taken, or as failed.
    Committed(usize, bool),
    /// The bus of a member can be used, or not.
    Usable(usize, bool),
    /// The records before an index are removed.
    Remove(usize, usize),
    /// A member shuts down.
    ShutDown(usize),
}

/// A state of a model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    /// The group.
    pub(super) group: Group,
    /// What the environment may still do.
    pub(super) left: Budget,
}

impl State {
    /// Returns the first state of a model: its members run.
    #[must_use]
    pub(super) fn first(model: &Model) -> Self {
        let mut group = Group::new(&model.topic, model.members);
        let mut trace = Trace::default();
        for member in 0..model.members {
            group
                .start(&model.topic, member, &mut trace)
                .expect("a new member breaks no claim");
        }
        group.make_canonical(&model.topic);
        Self {
            group,
            left: model.budget,
        }
    }

    /// Adds the possible moves.
    pub(super) fn moves(&self, model: &Model, moves: &mut Vec<Move>) {
        let (group, left) = (&self.group, &self.left);
        let is_late = |member: &crate::dispatch::environment::Member| {
            let commit = member.commit.as_ref();
            commit.is_some_and(|commit| commit.deadline <= group.now)
        };
        if left.ticks > 0 && !group.members.iter().flatten().any(is_late) {
            moves.push(Move::Tick);
        }
        for (id, partition) in group.partitions.iter().enumerate() {
            if partition.owner.is_none() {
                let members = group.members.iter().enumerate();
                let running = members.filter(|(_, member)| {
                    member.as_ref().is_some_and(|it| !it.checker.is_stopped())
                });
                let committed = partition.committed.as_ref();
                let has_done = committed.is_some_and(|(_, done)| !done.is_empty());
                for (member, _) in running {
                    moves.push(Move::Assign(id, member));
                    if has_done && left.changes > 0 {
                        moves.push(Move::AssignChanged(id, member));
                    }
                }
            } else {
                if left.revocations > 0 && self.is_open(id) {
                    moves.push(Move::Revoke(id));
                }
                if left.losses > 0 {
                    moves.push(Move::Lose(id));
                }
                if left.late_losses > 0 && moves.first() == Some(&Move::Tick) {
                    moves.push(Move::LoseLate(id));
                }
                match group.fetchable(&model.topic, id, model.batch) {
                    Some(Ok(records)) => {
                        moves.extend((1..=records.len()).map(|count| Move::Fetch(id, count)));
                    }
                    Some(Err(_)) => moves.push(Move::Fetch(id, 1)),
                    None => {}
                }
            }
            if left.removals > 0 {
                moves.extend(model.removals.iter().map(|&first| Move::Remove(id, first)));
            }
        }
        for index in 0..group.members.len() {
            self.moves_of_member(model, index, moves);
        }
    }

    fn is_open(&self, partition: usize) -> bool {
        let Some(owner) = self.group.partitions[partition].owner else {
            return false;
        };
        let id = livebus_core::dispatch::PartitionId(u32::try_from(partition).unwrap_or(0));
        let member = self.group.members[owner].as_ref();
        let assignment = member.and_then(|member| member.checker.assignment(id));
        assignment.is_some_and(|(_, ends)| !ends)
    }

    fn moves_of_member(&self, model: &Model, index: usize, moves: &mut Vec<Move>) {
        let left = &self.left;
        let Some(member) = &self.group.members[index] else {
            moves.push(Move::Start(index));
            return;
        };
        if left.crashes > 0 {
            moves.push(Move::Crash(index));
        }
        if let Some(commit) = &member.commit {
            if commit.applied.is_empty() {
                moves.push(Move::Apply(index));
                if left.failed_positions > 0 && commit.positions.len() > 1 {
                    let positions = commit.positions.iter();
                    let partitions = positions.map(|it| it.partition.0 as usize);
                    moves.extend(partitions.map(|of| Move::ApplyOne(index, of)));
                }
            } else {
                moves.push(Move::Committed(index, true));
            }
            if left.failed_commits > 0 {
                moves.push(Move::Committed(index, false));
            }
        }
        for (id, run) in member.checker.runs() {
            moves.push(Move::End(index, id, RunEnd::Done));
            if left.failures > 0 {
                for done in 0..run.records {
                    let ends = model
                        .classes
                        .iter()
                        .map(|&class| RunEnd::Failed { done, class });
                    moves.extend(ends.map(|end| Move::End(index, id, end)));
                }
            }
            if left.pending > 0 {
                moves.extend((0..run.records).map(|done| Move::Pend(index, id, done)));
            }
            if member.checker.is_cancelled(id) || left.returns > 0 {
                moves.push(Move::End(index, id, RunEnd::Cancelled { done: 0 }));
            }
            if left.returns > 0 {
                let ends = (0..run.records).map(|done| RunEnd::Returned { done });
                moves.extend(ends.map(|end| Move::End(index, id, end)));
            }
        }
        for (id, ..) in member.checker.letters() {
            moves.push(Move::Letter(index, id, true));
            if left.failed_letters > 0 {
                moves.push(Move::Letter(index, id, false));
            }
        }
        if member.checker.is_stopped() {
            return;
        }
        if left.client_losses > 0 {
            moves.push(Move::LoseClient(index));
        }
        match member.is_usable {
            true if left.outages > 0 => moves.push(Move::Usable(index, false)),
            true => {}
            false => moves.push(Move::Usable(index, true)),
        }
        if left.shutdowns > 0 {
            moves.push(Move::ShutDown(index));
        }
    }

    /// Makes a move.
    ///
    /// # Errors
    ///
    /// The claim that it breaks.
    pub(super) fn after(
        &self,
        model: &Model,
        what: Move,
        trace: &mut Trace,
    ) -> Result<Self, Claim> {
        let mut next = self.clone();
        let topic = &model.topic;
        let (group, left) = (&mut next.group, &mut next.left);
        match what {
            Move::Tick => {
                left.ticks -= 1;
                group.pass(topic, model.tick, trace)?;
            }
            Move::Start(member) => group.start(topic, member, trace)?,
            Move::Crash(member) => {
                left.crashes -= 1;
                group.crash(member, trace);
            }
            Move::Assign(partition, member) => {
                group.assign(topic, partition, member, false, trace)?;
            }
            Move::AssignChanged(partition, member) => {
                left.changes -= 1;
                group.assign(topic, partition, member, true, trace)?;
            }
            Move::LoseLate(partition) => {
                left.ticks -= 1;
                left.late_losses -= 1;
                group.now += model.tick;
                group.lose(topic, partition, trace)?;
                group.pass(topic, std::time::Duration::ZERO, trace)?;
            }
            Move::Revoke(partition) => {
                left.revocations -= 1;
                group.revoke(topic, partition, trace)?;
            }
            Move::Lose(partition) => {
                left.losses -= 1;
                group.lose(topic, partition, trace)?;
            }
            Move::LoseClient(member) => {
                left.client_losses -= 1;
                group.lose_client(topic, member, trace)?;
            }
            Move::Fetch(partition, count) => group.fetch(topic, partition, count, trace)?,
            Move::Pend(member, run, done) => {
                left.pending -= 1;
                group.pend(topic, member, run, done, trace)?;
            }
            Move::End(member, run, end) => {
                let is_cancelled = group.members[member]
                    .as_ref()
                    .is_some_and(|member| member.checker.is_cancelled(run));
                match end {
                    RunEnd::Done => {}
                    RunEnd::Failed { .. } => left.failures -= 1,
                    RunEnd::Cancelled { .. } if is_cancelled => {}
                    RunEnd::Cancelled { .. } | RunEnd::Returned { .. } => left.returns -= 1,
                }
                group.end_run(topic, member, run, end, trace)?;
            }
            Move::Letter(member, id, is_written) => {
                left.failed_letters -= u8::from(!is_written);
                group.answer_letter(topic, member, id, is_written, trace)?;
            }
            Move::Apply(member) => group.apply_commit(topic, member, |_| true)?,
            Move::ApplyOne(member, partition) => {
                left.failed_positions -= 1;
                group.apply_commit(topic, member, |it| it.0 as usize == partition)?;
            }
            Move::Committed(member, is_acknowledged) => {
                left.failed_commits -= u8::from(!is_acknowledged);
                group.answer_commit(topic, member, |_| is_acknowledged, trace)?;
            }
            Move::Usable(member, usable) => {
                left.outages -= u8::from(!usable);
                group.set_usable(topic, member, usable, trace)?;
            }
            Move::Remove(partition, first) => {
                left.removals -= 1;
                group.remove(partition, first);
            }
            Move::ShutDown(member) => {
                left.shutdowns -= 1;
                group.shut_down(topic, member, trace)?;
            }
        }
        next.group.make_canonical(topic);
        Ok(next)
    }
}
