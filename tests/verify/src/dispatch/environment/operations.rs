//! What can happen to a group.

use std::time::Duration;

use livebus_core::FailureClass;
use livebus_core::dispatch::{
    DeadLetterId, Dispatcher, Event, Generation, Pace, PartitionId, Record, RunEnd, RunId, Start,
};

use super::{Group, Member, Topic, Trace, index_of};
use crate::dispatch::claim::Claim;
use crate::dispatch::invariants::InvariantChecker;

impl Group {
    /// Lets time pass for all members.
    ///
    /// # Errors
    ///
    /// The claim that this breaks, as for all others.
    pub fn pass(&mut self, topic: &Topic, time: Duration, trace: &mut Trace) -> Result<(), Claim> {
        self.now += time;
        for index in 0..self.members.len() {
            let is_due = self.members[index].as_ref().is_some_and(|member| {
                let timeout = member.dispatcher.poll_timeout();
                timeout.is_some_and(|at| at <= self.now)
            });
            if is_due {
                self.give(topic, index, None, trace)?;
            }
        }
        Ok(())
    }

    /// Starts a member.
    ///
    /// # Errors
    ///
    /// The claim that this breaks.
    pub fn start(&mut self, topic: &Topic, index: usize, trace: &mut Trace) -> Result<(), Claim> {
        self.members[index] = Some(Member {
            dispatcher: Dispatcher::new(topic.config.clone(), self.now),
            checker: InvariantChecker::new(),
            commit: None,
            is_usable: false,
        });
        self.set_usable(topic, index, true, trace)
    }

    /// Says whether the bus of a member can be used.
    ///
    /// # Errors
    ///
    /// The claim that this breaks.
    pub fn set_usable(
        &mut self,
        topic: &Topic,
        index: usize,
        usable: bool,
        trace: &mut Trace,
    ) -> Result<(), Claim> {
        if let Some(member) = &mut self.members[index] {
            member.is_usable = usable;
        }
        self.give(topic, index, Some(Event::BusUsable(usable)), trace)
    }

    /// Assigns a partition that nobody has. With `changes_fingerprint` the first record that is done above the position is another one by now.
    ///
    /// # Errors
    ///
    /// The claim that this breaks.
    pub fn assign(
        &mut self,
        topic: &Topic,
        partition: usize,
        index: usize,
        changes_fingerprint: bool,
        trace: &mut Trace,
    ) -> Result<(), Claim> {
        let at = &mut self.partitions[partition];
        at.owner = Some(index);
        at.generation += 1;
        let generation = Generation(at.generation);
        let log = &topic.logs[partition];
        let begin = log.get(at.first).map_or(0, |record| record.offset);
        let (start, mut done) = match &at.committed {
            Some((position, done)) => (Start::Committed(*position), done.clone()),
            None => (Start::Resolved(begin), Vec::new()),
        };
        if changes_fingerprint && let Some(first) = done.first_mut() {
            // Another record has the offset now, which is to be handled.
            first.fingerprint ^= 1;
            self.counts.may_be_again += 1;
        }
        let event = Event::Assigned {
            partition: id(partition),
            generation,
            start,
            done: &done,
        };
        self.give(topic, index, Some(event), trace)
    }

    /// Takes a partition away, in order.
    ///
    /// # Errors
    ///
    /// The claim that this breaks.
    pub fn revoke(
        &mut self,
        topic: &Topic,
        partition: usize,
        trace: &mut Trace,
    ) -> Result<(), Claim> {
        let Some((owner, partition, generation)) = self.assignment(partition) else {
            return Ok(());
        };
        let event = Event::Revoked {
            partition,
            generation,
        };
        self.give(topic, owner, Some(event), trace)
    }

    /// Takes a partition away at once.
    ///
    /// # Errors
    ///
    /// The claim that this breaks.
    pub fn lose(
        &mut self,
        topic: &Topic,
        partition: usize,
        trace: &mut Trace,
    ) -> Result<(), Claim> {
        let Some((owner, of, generation)) = self.assignment(partition) else {
            return Ok(());
        };
        let event = Event::Lost {
            partition: of,
            generation,
        };
        self.count_end(partition);
        self.partitions[partition].owner = None;
        self.give(topic, owner, Some(event), trace)
    }

    /// Returns who has a partition, and the names of the assignment.
    fn assignment(&self, partition: usize) -> Option<(usize, PartitionId, Generation)> {
        let at = &self.partitions[partition];
        Some((at.owner?, id(partition), Generation(at.generation)))
    }

    /// Ends the client of a member.
    ///
    /// # Errors
    ///
    /// The claim that this breaks.
    pub fn lose_client(
        &mut self,
        topic: &Topic,
        index: usize,
        trace: &mut Trace,
    ) -> Result<(), Claim> {
        self.disown(index);
        self.give(topic, index, Some(Event::ClientLost), trace)
    }

    /// Ends the process of a member.
    pub fn crash(&mut self, index: usize, trace: &mut Trace) {
        for partition in 0..self.partitions.len() {
            if self.partitions[partition].owner == Some(index)
                && let Some(member) = &self.members[index]
            {
                let duplicates = member.checker.duplicates(id(partition));
                let max = member.dispatcher.config().max_duplicates();
                let is_max = duplicates == max;
                trace
                    .coverage
                    .note_if(is_max, crate::dispatch::claim::Situation::MaxDuplicates);
            }
        }
        self.disown(index);
        self.members[index] = None;
    }

    fn disown(&mut self, index: usize) {
        for partition in 0..self.partitions.len() {
            if self.partitions[partition].owner == Some(index) {
                self.count_end(partition);
                self.partitions[partition].owner = None;
            }
        }
    }

    fn count_end(&mut self, partition: usize) {
        let owner = self.partitions[partition].owner;
        if let Some(member) = owner.and_then(|owner| self.members[owner].as_ref()) {
            let duplicates = member.checker.duplicates(id(partition));
            self.counts.may_be_again += u64::from(duplicates);
            self.counts.abrupt_ends += 1;
        }
    }

    /// Returns the records that a member may fetch next of a partition, at most `max`; `Err` with the offsets between which records were
    /// removed.
    #[must_use]
    pub fn fetchable(
        &self,
        topic: &Topic,
        partition: usize,
        max: usize,
    ) -> Option<Result<Vec<Record>, (i64, i64)>> {
        let at = &self.partitions[partition];
        let member = self.members[at.owner?].as_ref()?;
        let next = member.checker.fetches_from(id(partition))?;
        let log = &topic.logs[partition];
        let begin = log.partition_point(|record| record.offset < next);
        if begin < at.first {
            let to = log.get(at.first).map_or(next, |record| record.offset);
            return Some(Err((next, to)));
        }
        if member.checker.pace() == Pace::Paused {
            return None;
        }
        let room = member.dispatcher.room();
        let mut bytes = room.bytes;
        let fits = log[begin..].iter().take(max).take(room.records as usize);
        let fits = fits.take_while(|record| {
            let left = bytes.checked_sub(u64::from(record.bytes));
            bytes = left.unwrap_or(0);
            left.is_some()
        });
        let records: Vec<Record> = fits.copied().collect();
        (!records.is_empty()).then_some(Ok(records))
    }

    /// Delivers records, or that they were removed.
    ///
    /// # Errors
    ///
    /// The claim that this breaks.
    pub fn fetch(
        &mut self,
        topic: &Topic,
        partition: usize,
        max: usize,
        trace: &mut Trace,
    ) -> Result<(), Claim> {
        let Some(owner) = self.partitions[partition].owner else {
            return Ok(());
        };
        let generation = Generation(self.partitions[partition].generation);
        let partition_id = id(partition);
        match self.fetchable(topic, partition, max) {
            None => Ok(()),
            Some(Ok(records)) => {
                let event = Event::Fetched {
                    partition: partition_id,
                    generation,
                    records: &records,
                };
                self.give(topic, owner, Some(event), trace)
            }
            Some(Err((from, to))) => {
                let event = Event::Removed {
                    partition: partition_id,
                    generation,
                    from,
                    to,
                };
                self.give(topic, owner, Some(event), trace)
            }
        }
    }

    /// Removes the records before an index: nobody can handle them any more.
    pub fn remove(&mut self, partition: usize, first: usize) {
        let at = &mut self.partitions[partition];
        at.first = at.first.max(first);
        for handled in &mut at.handled[..first] {
            *handled = true;
        }
    }

    /// Says that a function was found pending.
    ///
    /// # Errors
    ///
    /// The claim that this breaks.
    pub fn pend(
        &mut self,
        topic: &Topic,
        index: usize,
        run: RunId,
        done: u32,
        trace: &mut Trace,
    ) -> Result<(), Claim> {
        self.handle(topic, index, run, done);
        self.give(topic, index, Some(Event::Pending { run, done }), trace)
    }

    /// Ends a run.
    ///
    /// # Errors
    ///
    /// The claim that this breaks.
    pub fn end_run(
        &mut self,
        topic: &Topic,
        index: usize,
        run: RunId,
        end: RunEnd,
        trace: &mut Trace,
    ) -> Result<(), Claim> {
        let done = match end {
            RunEnd::Done => u32::MAX,
            RunEnd::Failed { done, .. }
            | RunEnd::Cancelled { done }
            | RunEnd::Returned { done } => done,
        };
        self.handle(topic, index, run, done);
        self.give(topic, index, Some(Event::RunEnded { run, end }), trace)
    }

    /// Notes which records of a run are done.
    fn handle(&mut self, topic: &Topic, index: usize, run: RunId, done: u32) {
        let Some(member) = &self.members[index] else {
            return;
        };
        let Some((_, run)) = member.checker.runs().find(|(id, _)| *id == run) else {
            return;
        };
        let partition = run.partition.0 as usize;
        let Some(first) = index_of(&topic.logs[partition], run.offset) else {
            return;
        };
        let records = run.records.min(done) as usize;
        let at = &mut self.partitions[partition];
        for index in first..first + records {
            if !at.handled[index] {
                self.counts.handled += 1;
            } else if index >= at.first {
                // One that was removed counts as handled already.
                self.counts.again += 1;
            }
            at.handled[index] = true;
        }
    }

    /// Answers a dead letter.
    ///
    /// # Errors
    ///
    /// The claim that this breaks.
    pub fn answer_letter(
        &mut self,
        topic: &Topic,
        index: usize,
        id: DeadLetterId,
        is_written: bool,
        trace: &mut Trace,
    ) -> Result<(), Claim> {
        let result = if is_written {
            Ok(())
        } else {
            Err(FailureClass::Unreachable.into())
        };
        let event = Event::DeadLetterAnswered { id, result };
        self.give(topic, index, Some(event), trace)
    }

    /// Lets the coordinator take those positions of a commit that `takes` names, also of a member that does not own its partitions any
    /// more: nothing fences one that is late.
    ///
    /// # Errors
    ///
    /// [`Claim::GroupLosesNothing`].
    pub fn apply_commit(
        &mut self,
        topic: &Topic,
        index: usize,
        mut takes: impl FnMut(PartitionId) -> bool,
    ) -> Result<(), Claim> {
        let Some(commit) = self.members[index]
            .as_mut()
            .and_then(|it| it.commit.as_mut())
        else {
            return Ok(());
        };
        for position in commit.positions.clone() {
            if !takes(position.partition) {
                continue;
            }
            commit.applied.insert(position.partition);
            let partition = position.partition.0 as usize;
            let log = &topic.logs[partition];
            let at = &mut self.partitions[partition];
            let end = log.partition_point(|record| record.offset < position.offset);
            let below = at.handled[..end].iter();
            let above = position
                .done
                .iter()
                .filter_map(|it| index_of(log, it.offset));
            let mut all = below.copied().chain(above.map(|index| at.handled[index]));
            if !all.all(|handled| handled) {
                return Err(Claim::GroupLosesNothing);
            }
            if let Some((before, done)) = &at.committed {
                // A late commit of an earlier owner.
                let before = log.partition_point(|record| record.offset < *before);
                self.counts.may_be_again += before.saturating_sub(end) as u64;
                let is_kept = |offset| {
                    offset < position.offset || position.done.iter().any(|it| it.offset == offset)
                };
                let dropped = done.iter().filter(|done| !is_kept(done.offset));
                self.counts.may_be_again += dropped.count() as u64;
            }
            at.committed = Some((position.offset, position.done));
        }
        Ok(())
    }

    /// Answers a commit. A position that `is_seen` names is acknowledged if it was applied before; every other one failed.
    ///
    /// # Errors
    ///
    /// The claim that this breaks.
    pub fn answer_commit(
        &mut self,
        topic: &Topic,
        index: usize,
        mut is_seen: impl FnMut(PartitionId) -> bool,
        trace: &mut Trace,
    ) -> Result<(), Claim> {
        let commit = self.members[index].as_mut().and_then(|it| it.commit.take());
        let Some(commit) = commit else { return Ok(()) };
        let applied = commit.applied.into_iter();
        let acknowledged: Vec<_> = applied.filter(|&it| is_seen(it)).collect();
        let event = Event::CommitAnswered {
            id: commit.id,
            acknowledged: &acknowledged,
        };
        self.give(topic, index, Some(event), trace)
    }

    /// Requests the shutdown of a member.
    ///
    /// # Errors
    ///
    /// The claim that this breaks.
    pub fn shut_down(
        &mut self,
        topic: &Topic,
        index: usize,
        trace: &mut Trace,
    ) -> Result<(), Claim> {
        self.give(topic, index, Some(Event::Shutdown), trace)
    }
}

fn id(partition: usize) -> PartitionId {
    PartitionId(u32::try_from(partition).unwrap_or(u32::MAX))
}
