//! Each event.

use std::collections::BTreeMap;

use crate::dispatch::action::Action;
use crate::dispatch::dispatcher::{Dispatcher, Phase};
use crate::dispatch::event::{DoneRecord, Record, RecordFailure, RunEnd, Start};
use crate::dispatch::ids::{CommitId, DeadLetterId, Generation, PartitionId, RunId};
use crate::dispatch::partition::{Consequence, Context, Partition};
use crate::dispatch::runs::Cancelled;
use crate::dispatch::window::Seq;
use crate::failure::Failure;

impl Dispatcher {
    pub(super) fn on_assigned(
        &mut self,
        id: PartitionId,
        generation: Generation,
        start: Start,
        done: &[DoneRecord],
    ) {
        if self.is_stopped() {
            return self.ignore_stale();
        }
        let newest = self.generations.get(&id);
        if newest.is_some_and(|&newest| newest >= generation) {
            return self.ignore_stale();
        }
        self.generations.insert(id, generation);
        if let Some(current) = self.partitions.get(&id).map(Partition::generation) {
            // Its end was not reported.
            self.on_lost(id, current);
        }
        let older_runs = u32::try_from(self.runs.of(id)).unwrap_or(u32::MAX);
        let mut partition = Partition::new(id, generation, start, done, older_runs, &self.config);
        match self.phase {
            Phase::Working => {}
            Phase::Stopping { .. } | Phase::Stopped => partition.drain(self.now),
        }
        self.partitions.insert(id, partition);
        self.actions.push_back(Action::SetPace(self.pace));
    }

    pub(super) fn on_fetched(
        &mut self,
        id: PartitionId,
        generation: Generation,
        records: &[Record],
    ) {
        let (actions, counters) = (&mut self.actions, &mut self.counters);
        let partition = assigned(&mut self.partitions, id, generation);
        let Some(partition) = partition.filter(|partition| partition.accepts_records()) else {
            return self.ignore_stale();
        };
        let repeated = partition.on_fetched(records, self.now, |offset| {
            counters.done_before += 1;
            actions.push_back(Action::Forget {
                partition: id,
                generation,
                offset,
            });
        });
        counters.repeated += u64::from(repeated);
        self.take_turn(id);
    }

    pub(super) fn on_pending(&mut self, id: RunId, done: u32) {
        let record_timeout = self.config.settings().record_timeout;
        let deadline = record_timeout.map(|timeout| self.now + timeout);
        let Some(run) = self.runs.get_mut(id) else {
            return self.ignore_stale();
        };
        let before = *run;
        let done = done.min(before.records - 1);
        run.first += u64::from(done);
        run.records = 1;
        run.deadline = deadline;
        self.run_records = done.max(1);
        if let Some(partition) = current(&mut self.partitions, before.partition, before.generation)
        {
            partition.on_done(before.first, done);
            let rest = before.records - done - 1;
            partition.on_returned(before.first + u64::from(done) + 1, rest);
            self.counters.done += u64::from(done);
        }
        self.take_turn(before.partition);
    }

    pub(super) fn on_run_ended(&mut self, id: RunId, end: RunEnd) {
        let Some(run) = self.runs.remove(id) else {
            return self.ignore_stale();
        };
        self.take_turn(run.partition);
        let Some(partition) = current(&mut self.partitions, run.partition, run.generation) else {
            if let Some(partition) = self.partitions.get_mut(&run.partition) {
                partition.on_older_run_ended();
            }
            self.counters.late_verdicts += 1;
            return;
        };
        let is_interrupted = matches!(end, RunEnd::Cancelled { .. });
        let (done, failure) = match end {
            RunEnd::Done => (run.records, None),
            RunEnd::Returned { done } => (done.min(run.records), None),
            RunEnd::Failed { done, class } => (done.min(run.records - 1), Some(class)),
            RunEnd::Cancelled { done } => match run.cancelled {
                Some(Cancelled::TimedOut) => {
                    (done.min(run.records - 1), Some(RecordFailure::TimedOut))
                }
                Some(Cancelled::AssignmentEnded) | None => (done.min(run.records), None),
            },
        };
        partition.on_done(run.first, done);
        self.counters.done += u64::from(done);
        let mut next = run.first + u64::from(done);
        let mut rest = run.records - done;
        if let Some(class) = failure {
            self.record_failed(run.partition, next, class);
            next += 1;
            rest -= 1;
        } else if is_interrupted && rest > 0 {
            partition.on_interrupted(next);
        } else if done == self.run_records {
            // It took the longest run at once: it may take a longer one.
            let max = self.config.settings().limits.run_records;
            self.run_records = self.run_records.saturating_mul(2).min(max);
        }
        if let Some(partition) = self.partitions.get_mut(&run.partition) {
            partition.on_returned(next, rest);
        }
    }

    pub(super) fn record_failed(&mut self, id: PartitionId, seq: Seq, class: RecordFailure) {
        let cx = Context {
            now: self.now,
            config: &self.config,
            usable_since: self.usable_since,
        };
        let Some(partition) = self.partitions.get_mut(&id) else {
            return;
        };
        self.counters.failed += 1;
        let generation = partition.generation();
        let consequence = partition.on_failed(seq, class, cx, &mut self.jitter);
        self.follow(id, generation, consequence);
    }

    /// Does what follows from a failure, or from the end of a back-off.
    pub(super) fn follow(
        &mut self,
        partition: PartitionId,
        generation: Generation,
        consequence: Consequence,
    ) {
        match consequence {
            Consequence::None => {}
            Consequence::Skipped { offset } => {
                self.counters.skipped += 1;
                self.actions.push_back(Action::Forget {
                    partition,
                    generation,
                    offset,
                });
            }
            Consequence::Write(letter) => {
                let id = self.dead_letters.add(partition, generation, letter.seq);
                self.actions.push_back(Action::WriteDeadLetter {
                    id,
                    partition,
                    generation,
                    offset: letter.offset,
                    attempts: letter.attempts,
                    class: letter.class,
                });
            }
        }
    }

    pub(super) fn on_dead_letter_answered(
        &mut self,
        id: DeadLetterId,
        result: Result<(), Failure>,
    ) {
        let cx = Context {
            now: self.now,
            config: &self.config,
            usable_since: self.usable_since,
        };
        let letter = self.dead_letters.in_flight.remove(&id);
        let partition = letter.and_then(|(partition, generation, seq)| {
            Some((current(&mut self.partitions, partition, generation)?, seq))
        });
        let Some((partition, seq)) = partition else {
            return self.ignore_stale();
        };
        let (id, generation) = (partition.id(), partition.generation());
        if let Some(offset) = partition.on_dead_letter(seq, result.is_ok(), cx, &mut self.jitter) {
            self.counters.dead_letters += 1;
            self.actions.push_back(Action::Forget {
                partition: id,
                generation,
                offset,
            });
            self.take_turn(id);
        }
    }

    pub(super) fn on_commit_answered(&mut self, id: CommitId, acknowledged: &[PartitionId]) {
        let Some(covered) = self.commits.on_answer(id) else {
            return self.ignore_stale();
        };
        let interval = self.config.settings().commit_interval;
        let mut has_failed = false;
        for covered in covered {
            let is_acknowledged = acknowledged.contains(&covered.partition);
            has_failed |= !is_acknowledged;
            let Some(partition) =
                current(&mut self.partitions, covered.partition, covered.generation)
            else {
                continue;
            };
            if is_acknowledged {
                partition.on_committed(covered);
                self.take_turn(covered.partition);
            } else {
                partition.on_commit_failed(self.now, interval);
            }
        }
        if has_failed {
            self.counters.failed_commits += 1;
        } else {
            self.counters.commits += 1;
        }
    }

    pub(super) fn on_revoked(&mut self, id: PartitionId, generation: Generation) {
        let until = self.now + self.config.settings().revocation_drain;
        match current(&mut self.partitions, id, generation) {
            Some(partition) => partition.drain(until),
            None => self.ignore_stale(),
        }
    }

    pub(super) fn on_lost(&mut self, id: PartitionId, generation: Generation) {
        let delivery = self.config.settings().delivery;
        match current(&mut self.partitions, id, generation) {
            Some(partition) => {
                let duplicates = partition.duplicates(delivery);
                self.count_duplicates(duplicates);
                self.end_assignment(id, generation);
            }
            None => self.ignore_stale(),
        }
    }

    pub(super) fn on_removed(
        &mut self,
        id: PartitionId,
        generation: Generation,
        from: i64,
        to: i64,
    ) {
        match assigned(&mut self.partitions, id, generation) {
            Some(partition) => partition.on_removed(from, to),
            None => self.ignore_stale(),
        }
    }

    pub(super) fn on_client_lost(&mut self) {
        let all = self.partitions.values();
        let all: Vec<_> = all
            .map(|partition| (partition.id(), partition.generation()))
            .collect();
        for (id, generation) in all {
            self.on_lost(id, generation);
        }
    }

    pub(super) fn on_bus_usable(&mut self, usable: bool) {
        self.usable_since = match (usable, self.usable_since) {
            (true, None) => Some(self.now),
            (true, since @ Some(_)) => since,
            (false, _) => None,
        };
    }

    pub(super) fn on_shutdown(&mut self) {
        match self.phase {
            Phase::Working => {}
            Phase::Stopping { .. } | Phase::Stopped => return,
        }
        let deadline = self.now + self.config.shutdown_bound();
        self.phase = Phase::Stopping {
            deadline,
            duplicates: 0,
        };
        let until = self.now + self.config.settings().drain;
        for partition in self.partitions.values_mut() {
            partition.drain(until);
        }
    }
}

/// Returns the assignment, if this generation is the current one.
fn current(
    partitions: &mut BTreeMap<PartitionId, Partition>,
    id: PartitionId,
    generation: Generation,
) -> Option<&mut Partition> {
    let partition = partitions.get_mut(&id);
    partition.filter(|partition| partition.generation() == generation)
}

/// Returns the assignment, if this generation is the current one and does not end.
fn assigned(
    partitions: &mut BTreeMap<PartitionId, Partition>,
    id: PartitionId,
    generation: Generation,
) -> Option<&mut Partition> {
    current(partitions, id, generation).filter(|partition| partition.is_assigned())
}
