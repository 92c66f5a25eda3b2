//! What an input means, by the rules.

use std::collections::VecDeque;
use std::time::Instant;

use livebus_core::dispatch::{
    CommitId, DeadLetterId, Delivery, DoneRecord, Event, Generation, PartitionId, Record,
    RecordFailure, RunEnd, RunId, Start, Then,
};

use super::Cx;
use super::bookkeeping::{
    Assignment, Ends, Held, InvariantChecker, RunInFlight, State, delays, policy,
};
use crate::dispatch::claim::{Claim, Situation};

impl InvariantChecker {
    pub(super) fn on_event(&mut self, cx: &mut Cx<'_, '_>, event: Event<'_>) -> Result<(), Claim> {
        match event {
            Event::Assigned {
                partition,
                generation,
                start,
                done,
            } => self.on_assigned(cx, partition, generation, start, done)?,
            Event::Fetched {
                partition,
                generation,
                records,
            } => self.on_fetched(cx, partition, generation, records),
            Event::Pending { run, done } => self.on_pending(cx, run, done),
            Event::RunEnded { run, end } => self.on_run_ended(cx, run, end),
            Event::DeadLetterAnswered { id, result } => self.on_letter(cx, id, result.is_ok()),
            Event::CommitAnswered { id, acknowledged } => self.on_committed(cx, id, acknowledged),
            Event::Revoked {
                partition,
                generation,
            } => {
                let until = cx.now + cx.config.settings().revocation_drain;
                match self.current(partition, generation) {
                    Some(assignment) => assignment.end(cx.now, until),
                    None => self.due.is_stale = true,
                }
                let is_written = self.letters().any(|(_, of, _)| of == partition);
                cx.coverage
                    .note_if(is_written, Situation::DeadLetterAtRevocation);
            }
            Event::Lost {
                partition,
                generation,
            } => match self.current(partition, generation) {
                Some(_) => self.lose(cx, partition)?,
                None => self.due.is_stale = true,
            },
            Event::Removed {
                partition,
                generation,
                from,
                to,
            } => match self.current(partition, generation) {
                Some(assignment) if assignment.ends.is_none() => {
                    assignment.removed = Some((from, to));
                    cx.coverage.note(Situation::Removed);
                }
                Some(_) | None => self.due.is_stale = true,
            },
            Event::ClientLost => {
                for partition in self.partitions.keys().copied().collect::<Vec<_>>() {
                    self.lose(cx, partition)?;
                }
            }
            Event::BusUsable(true) => {
                self.usable_since = self.usable_since.or(Some(cx.now));
            }
            Event::BusUsable(false) => self.usable_since = None,
            Event::Shutdown => {
                if self.shutdown_at.is_none() {
                    self.shutdown_at = Some(cx.now);
                    let until = cx.now + cx.config.settings().drain;
                    for assignment in self.partitions.values_mut() {
                        assignment.end(cx.now, until);
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn current(
        &mut self,
        partition: PartitionId,
        generation: Generation,
    ) -> Option<&mut Assignment> {
        let assignment = self.partitions.get_mut(&partition);
        assignment.filter(|assignment| assignment.generation == generation)
    }

    fn on_assigned(
        &mut self,
        cx: &mut Cx<'_, '_>,
        partition: PartitionId,
        generation: Generation,
        start: Start,
        done: &[DoneRecord],
    ) -> Result<(), Claim> {
        let current = self.partitions.get(&partition);
        if self.is_stopped || current.is_some_and(|current| current.generation >= generation) {
            self.due.is_stale = true;
            return Ok(());
        }
        if current.is_some() {
            self.lose(cx, partition)?;
        }
        let (position, mut acknowledged) = match start {
            Start::Committed(position) => (position, Some(position)),
            Start::Resolved(position) => (position, None),
        };
        if cx.config.settings().delivery == Delivery::Broadcast {
            acknowledged = Some(position);
        }
        let older = self.runs.values().filter(|run| run.partition == partition);
        let mut assignment = Assignment {
            generation,
            ends: None,
            acknowledged,
            position,
            next_offset: position,
            done_before: done
                .iter()
                .filter(|done| done.offset >= position)
                .map(|done| (done.offset, done.fingerprint))
                .collect(),
            records: VecDeque::new(),
            finals: 0,
            removed: None,
            older_runs: u32::try_from(older.count()).unwrap_or(u32::MAX),
            held_back: None,
        };
        if self.shutdown_at.is_some() {
            assignment.end(cx.now, cx.now);
        }
        self.partitions.insert(partition, assignment);
        self.due.sets_pace = true;
        cx.coverage.note_if(
            self.pace != livebus_core::dispatch::Pace::Full,
            Situation::PaceRepeated,
        );
        Ok(())
    }

    fn on_fetched(
        &mut self,
        cx: &mut Cx<'_, '_>,
        partition: PartitionId,
        generation: Generation,
        records: &[Record],
    ) {
        let delivery = cx.config.settings().delivery;
        let is_open = |it: &&mut Assignment| it.ends.is_none() && it.removed.is_none();
        let Some(assignment) = self.current(partition, generation).filter(is_open) else {
            self.due.is_stale = true;
            return;
        };
        let mut forgets = Vec::new();
        for record in records {
            if record.offset < assignment.next_offset {
                continue;
            }
            assignment.next_offset = record.offset + 1;
            let later = assignment.done_before.split_off(&(record.offset + 1));
            let passed = std::mem::replace(&mut assignment.done_before, later);
            let is_done = passed.get(&record.offset) == Some(&record.fingerprint);
            if is_done {
                forgets.push((partition, generation, record.offset));
                cx.coverage.note(Situation::DoneBefore);
            }
            assignment.records.push_back(Held {
                offset: record.offset,
                key: record.key,
                bytes: record.bytes,
                fingerprint: record.fingerprint,
                arrived: cx.now,
                state: if is_done {
                    State::Final
                } else {
                    State::Waiting
                },
                attempts: 0,
                class: None,
                is_stopped: false,
                unwritten: 0,
                is_begun: false,
                is_done_before: is_done,
                is_in_commit: false,
                is_covered: false,
                backs_off_since: None,
                backed_off: std::time::Duration::ZERO,
            });
        }
        assignment.advance();
        assignment.leave(delivery);
        self.due.forgets = forgets;
    }

    fn on_pending(&mut self, cx: &mut Cx<'_, '_>, id: RunId, done: u32) {
        let Some(run) = self.runs.get(&id).cloned() else {
            self.due.is_stale = true;
            return;
        };
        cx.coverage.note(Situation::Pending);
        let done = done.min(run.records - 1);
        let offsets = self.offsets(&run);
        let offset = offsets.get(done as usize).copied().unwrap_or(run.offset);
        self.finish_records(cx, &run, &offsets[..offsets.len().min(done as usize)]);
        self.give_back(&run, offsets.get(done as usize + 1..).unwrap_or(&[]));
        let deadline = cx.config.settings().record_timeout;
        if let Some(run) = self.runs.get_mut(&id) {
            run.offset = offset;
            run.records = 1;
            run.deadline = deadline.map(|timeout| cx.now + timeout);
        }
    }

    fn on_run_ended(&mut self, cx: &mut Cx<'_, '_>, id: RunId, end: RunEnd) {
        let Some(run) = self.runs.remove(&id) else {
            self.due.is_stale = true;
            return;
        };
        if self.current(run.partition, run.generation).is_none() {
            cx.coverage.note(Situation::LateVerdict);
            if let Some(assignment) = self.partitions.get_mut(&run.partition) {
                assignment.older_runs -= 1;
            }
            return;
        }
        let offsets = self.offsets(&run);
        let (done, failed, interrupted) = match end {
            RunEnd::Done => (run.records, None, false),
            RunEnd::Returned { done } => (done.min(run.records), None, false),
            RunEnd::Failed { done, class } => (done.min(run.records - 1), Some(class), false),
            RunEnd::Cancelled { done } if run.is_timed_out => (
                done.min(run.records - 1),
                Some(RecordFailure::TimedOut),
                false,
            ),
            RunEnd::Cancelled { done } => (done.min(run.records), None, true),
        };
        let done = done as usize;
        self.finish_records(cx, &run, &offsets[..done]);
        if let Some(class) = failed {
            self.fail(cx, run.partition, offsets[done], class);
            self.give_back(&run, &offsets[done + 1..]);
            return;
        }
        self.give_back(&run, &offsets[done..]);
        if let Some(&offset) = offsets.get(done).filter(|_| interrupted)
            && let Some(assignment) = self.partitions.get_mut(&run.partition)
            && let Some(index) = assignment.index_of(offset)
        {
            assignment.records[index].is_begun = true;
        }
    }

    /// Returns the offsets of the records of a run of the current assignment.
    fn offsets(&self, run: &RunInFlight) -> Vec<i64> {
        let Some(assignment) = self.partitions.get(&run.partition) else {
            return vec![run.offset];
        };
        let Some(first) = assignment.index_of(run.offset) else {
            return vec![run.offset];
        };
        let records = assignment.records.iter().skip(first);
        let run = records.take(run.records as usize);
        run.map(|record| record.offset).collect()
    }

    fn finish_records(&mut self, cx: &mut Cx<'_, '_>, run: &RunInFlight, offsets: &[i64]) {
        let delivery = cx.config.settings().delivery;
        let Some(assignment) = self.current(run.partition, run.generation) else {
            return;
        };
        for &offset in offsets {
            if let Some(index) = assignment.index_of(offset) {
                let was_stopped = assignment.records[index].is_stopped;
                cx.coverage.note_if(was_stopped, Situation::Continued);
                assignment.finish(index);
            }
        }
        assignment.leave(delivery);
    }

    /// Takes back records that were not begun.
    fn give_back(&mut self, run: &RunInFlight, offsets: &[i64]) {
        let Some(assignment) = self.current(run.partition, run.generation) else {
            return;
        };
        for &offset in offsets {
            if let Some(index) = assignment.index_of(offset) {
                let record = &mut assignment.records[index];
                record.state = State::Waiting;
                record.is_begun |= record.class.is_some();
            }
        }
    }

    fn fail(&mut self, cx: &mut Cx<'_, '_>, id: PartitionId, offset: i64, class: RecordFailure) {
        let is_usable = self.usable_since.is_some();
        let policy = policy(cx.config, class);
        let delivery = cx.config.settings().delivery;
        let Some(assignment) = self.partitions.get_mut(&id) else {
            return;
        };
        let generation = assignment.generation;
        let is_ending = assignment.ends.is_some();
        let Some(index) = assignment.index_of(offset) else {
            return;
        };
        let record = &mut assignment.records[index];
        record.class = Some(class);
        record.is_begun = true;
        record.attempts += u32::from(is_usable);
        cx.coverage
            .note_if(!is_usable, Situation::FailedWhileUnusable);
        let is_last = is_usable && record.attempts > policy.retries;
        let (low, high) = delays(&policy.backoff, record.attempts.max(1));
        record.state = State::Failed {
            low: cx.now + low,
            high: cx.now + high,
        };
        let counts = is_usable && !is_last && !is_ending;
        record.backs_off_since =
            Some(cx.now).filter(|_| counts && cx.config.max_hold_up().is_some());
        match policy.then {
            Then::Skip if is_last => {
                assignment.finish(index);
                assignment.leave(delivery);
                self.due.forgets.push((id, generation, offset));
                cx.coverage.note(Situation::Skipped);
            }
            Then::DeadLetter if is_last && !is_ending => record.state = State::MustWrite,
            Then::Stop if is_last => {
                record.is_stopped = true;
                cx.coverage.note(Situation::Stopped);
            }
            Then::Skip | Then::DeadLetter | Then::Stop => {}
        }
    }

    fn on_letter(&mut self, cx: &mut Cx<'_, '_>, id: DeadLetterId, is_written: bool) {
        let Some((partition, generation, offset)) = self.letters.remove(&id) else {
            self.due.is_stale = true;
            return;
        };
        let delivery = cx.config.settings().delivery;
        let backoff = cx.config.settings().dead_letter_backoff;
        let Some(assignment) = self.current(partition, generation) else {
            self.due.is_stale = true;
            return;
        };
        let Some(index) = assignment.index_of(offset) else {
            return;
        };
        if is_written {
            assignment.finish(index);
            assignment.leave(delivery);
            self.due.forgets.push((partition, generation, offset));
            cx.coverage.note(Situation::DeadLetterWritten);
        } else {
            let record = &mut assignment.records[index];
            record.unwritten += 1;
            let (low, high) = delays(&backoff, record.unwritten);
            record.state = State::Unwritten {
                low: cx.now + low,
                high: cx.now + high,
            };
            cx.coverage.note(Situation::DeadLetterFailed);
        }
    }

    fn on_committed(&mut self, cx: &mut Cx<'_, '_>, id: CommitId, acknowledged: &[PartitionId]) {
        let Some(commit) = self.commit.take_if(|commit| commit.id == id) else {
            self.due.is_stale = true;
            return;
        };
        let settings = cx.config.settings();
        let of_commit = commit.positions.iter();
        let count = of_commit.filter(|(of, ..)| acknowledged.contains(of));
        let is_partial = (1..commit.positions.len()).contains(&count.count());
        cx.coverage.note_if(is_partial, Situation::PartialCommit);
        for (partition, generation, position) in commit.positions {
            let Some(assignment) = self.current(partition, generation) else {
                continue;
            };
            let is_acknowledged = acknowledged.contains(&partition);
            for record in &mut assignment.records {
                record.is_covered |= record.is_in_commit && is_acknowledged;
                record.is_in_commit = false;
            }
            if is_acknowledged {
                assignment.acknowledged = Some(position);
                assignment.held_back = None;
                assignment.leave(settings.delivery);
            } else {
                let failures = assignment.held_back.map_or(0, |(before, _)| before) + 1;
                let first = settings.commit_interval;
                let max = first.max(std::time::Duration::from_secs(10));
                let doublings = (failures - 1).min(31);
                let hold = first.saturating_mul(1 << doublings).min(max);
                assignment.held_back = Some((failures, cx.now + hold));
            }
            if let Some(ends) = &mut assignment.ends {
                ends.last_commit_failed = !is_acknowledged;
            }
        }
    }

    /// Ends an assignment without another commit.
    pub(super) fn lose(&mut self, cx: &mut Cx<'_, '_>, id: PartitionId) -> Result<(), Claim> {
        let Some(assignment) = self.partitions.get(&id) else {
            return Ok(());
        };
        let generation = assignment.generation;
        let duplicates = assignment.duplicates();
        let in_commit = self.commit.as_ref().is_some_and(|commit| {
            let mut of = commit.positions.iter();
            of.any(|&(partition, of, _)| (partition, of) == (id, generation))
        });
        cx.coverage.note_if(in_commit, Situation::LostWithCommit);
        self.end_assignment(cx, id, duplicates)
    }

    pub(super) fn end_assignment(
        &mut self,
        cx: &mut Cx<'_, '_>,
        id: PartitionId,
        duplicates: u32,
    ) -> Result<(), Claim> {
        let Some(assignment) = self.partitions.remove(&id) else {
            return Ok(());
        };
        self.letters
            .retain(|_, &mut (of, generation, _)| (of, generation) != (id, assignment.generation));
        if self.shutdown_at.is_some() {
            self.shutdown_duplicates += duplicates;
        }
        if cx.config.settings().delivery == Delivery::Broadcast {
            return Ok(());
        }
        let max = cx.config.max_duplicates();
        cx.coverage
            .note_if(duplicates == max, Situation::MaxDuplicates);
        if duplicates <= max {
            Ok(())
        } else {
            Err(Claim::DuplicatesAreCounted)
        }
    }
}

impl Assignment {
    fn end(&mut self, now: Instant, until: Instant) {
        match &mut self.ends {
            Some(ends) => ends.until = ends.until.min(until),
            None => {
                self.ends = Some(Ends {
                    since: now,
                    until,
                    is_late: false,
                    is_tried: false,
                    last_commit_failed: false,
                });
            }
        }
    }
}
