//! What fires, and what follows after each event (rule 6).

use std::time::Instant;

use livebus_core::dispatch::{
    Action, CommitId, Delivery, DoneRecord, OnRemoved, PartitionId, Position, RunId,
};

use super::queries::Due;
use super::tables::{Commit, Is, Reference, Run};

impl Reference {
    pub(super) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
        while let Some((_, due)) = self.next_due().filter(|(at, _)| *at <= self.now) {
            self.fire(due);
            self.update();
        }
        self.update_health();
    }

    fn fire(&mut self, due: Due) {
        match due {
            Due::Stop => self.stop(),
            Due::Deadline(index) => {
                self.runs[index].is_cancelled = true;
                self.runs[index].is_timed_out = true;
                let run = RunId::from_number(index as u64 + 1);
                self.actions.push_back(Action::Cancel { run });
            }
            Due::Backoff(partition, row) => {
                match self.records[row].is {
                    Is::Failed { .. } => self.records[row].is = Is::Waiting,
                    Is::Unwritten { .. } => self.write(row),
                    Is::Waiting | Is::Running | Is::Writing | Is::Final => {}
                }
                self.take_turn(partition);
            }
            Due::Drain(_) | Due::Stall(_) | Due::Commit => {}
        }
    }

    pub(super) fn take_turn(&mut self, partition: PartitionId) {
        if self.of(partition).is_some() && !self.turns.contains(&partition) {
            self.turns.push_back(partition);
        }
    }

    pub(super) fn update(&mut self) {
        if self.stopped {
            return;
        }
        self.pass_over_removed();
        self.begin_runs();
        self.end_assignments();
        self.commit();
        let pace = self.wanted_pace();
        if pace != self.pace {
            self.pace = pace;
            self.actions.push_back(Action::SetPace(pace));
        }
        self.update_health();
        if self.shutdown_at.is_some() && self.open().is_empty() {
            self.stop();
        }
    }

    fn update_health(&mut self) {
        let health = self.wanted_health();
        if !self.stopped && health != self.health {
            self.health = health;
            self.actions.push_back(Action::SetHealth(health));
        }
    }

    /// Rule 31.
    fn pass_over_removed(&mut self) {
        if self.settings.on_removed == OnRemoved::Stop {
            return;
        }
        for it in self.open() {
            let rows = self.rows(it).len();
            let is_done = self.is_assigned(it) && self.finals_in_front(it) == rows;
            let removed = self.assignments[it].removed;
            if let Some((_, to)) = removed.filter(|_| is_done) {
                let assignment = &mut self.assignments[it];
                assignment.removed = None;
                assignment.base = (to, rows);
                let is_back = to < assignment.next_offset;
                assignment
                    .done_before
                    .retain(|offset, _| !is_back && *offset >= to);
                assignment.next_offset = to;
                self.actions.push_back(Action::Seek {
                    partition: assignment.partition,
                    generation: assignment.generation,
                    offset: to,
                });
            }
        }
    }

    /// Rules 13 to 15.
    fn begin_runs(&mut self) {
        while self.usable_since.is_some()
            && self.runs_in_flight(None) < self.settings.limits.runs as usize
            && let Some(partition) = self.turns.pop_front()
        {
            let Some(it) = self.of(partition) else {
                continue;
            };
            let records = self.next_run(it);
            let Some(&first) = records.first() else {
                continue;
            };
            for &record in &records {
                self.records[record].is = Is::Running;
            }
            let is_alone = records.len() == 1;
            let timeout = self.settings.record_timeout.filter(|_| is_alone);
            let assignment = &self.assignments[it];
            let run = livebus_core::dispatch::Run {
                id: RunId::from_number(self.runs.len() as u64 + 1),
                partition,
                generation: assignment.generation,
                offset: self.records[first].record.offset,
                records: u32::try_from(records.len()).unwrap_or(u32::MAX),
                attempt: self.records[first].attempts + 1,
            };
            self.actions.push_back(Action::Run(run));
            self.runs.push(Run {
                assignment: it,
                records,
                deadline: timeout.map(|timeout| self.now + timeout),
                is_cancelled: false,
                is_timed_out: false,
                is_over: false,
            });
            self.take_turn(partition);
        }
    }

    /// Rules 25 and 26.
    fn end_assignments(&mut self) {
        for it in self.open() {
            let Some(until) = self.assignments[it].drain else {
                continue;
            };
            let is_idle = self.runs_in_flight(Some(it)) == 0 && self.letters_in_flight(it) == 0;
            if !self.assignments[it].drain_is_over && (until <= self.now || is_idle) {
                self.assignments[it].drain_is_over = true;
                self.cancel_runs(it);
            }
            let assignment = &self.assignments[it];
            let is_saved = assignment.last_commit_sent || !self.is_dirty(it);
            let is_quiet = self.commits.iter().all(|commit| commit.is_answered);
            if assignment.drain_is_over && is_saved && is_quiet {
                let (partition, generation) = (assignment.partition, assignment.generation);
                let duplicates = self.duplicates(it);
                self.end_assignment(it);
                self.actions.push_back(Action::Release {
                    partition,
                    generation,
                    duplicates,
                });
            }
        }
    }

    /// Rules 21 to 23.
    fn commit(&mut self) {
        let is_quiet = self.commits.iter().all(|commit| commit.is_answered);
        if !is_quiet || self.settings.delivery == Delivery::Broadcast {
            return;
        }
        let half = self.settings.limits.unacknowledged.div_ceil(2) as usize;
        let is_due = self.open().into_iter().any(|it| {
            let assignment = &self.assignments[it];
            let is_much = assignment.acknowledged.is_none() || self.unacknowledged(it) >= half;
            self.awaits_last_commit(it)
                || assignment.failed_commits == 0 && is_much
                || self.commit_at(it).is_some_and(|at| at <= self.now)
        });
        if !is_due {
            return;
        }
        let is_held_back = |it: usize| {
            let until = self.assignments[it].held_back;
            until.is_some_and(|until| until > self.now)
        };
        let committed = self
            .open()
            .into_iter()
            .filter(|&it| self.awaits_last_commit(it) || self.is_dirty(it) && !is_held_back(it));
        let committed: Vec<usize> = committed.collect();
        let mut positions = Vec::new();
        let mut facts = Vec::new();
        for it in committed {
            let covered = self.finals_in_front(it);
            let rows = self.rows(it);
            let is_final = |row: &&usize| self.records[**row].is == Is::Final;
            let finals: Vec<usize> = rows.iter().filter(is_final).copied().collect();
            let above = rows[covered..].iter().filter(is_final).map(|&row| {
                let record = self.records[row].record;
                (record.offset, record.fingerprint)
            });
            let known = self.assignments[it].done_before.iter();
            let known = known.map(|(&offset, &fingerprint)| (offset, fingerprint));
            let done = above.chain(known).map(|(offset, fingerprint)| DoneRecord {
                offset,
                fingerprint,
            });
            positions.push(Position {
                partition: self.assignments[it].partition,
                generation: self.assignments[it].generation,
                offset: self.position(it),
                done: done.collect(),
            });
            facts.push((it, self.position(it), covered, finals));
        }
        for (it, ..) in &facts {
            let assignment = &mut self.assignments[*it];
            assignment.last_commit_sent |= assignment.drain_is_over;
        }
        self.commits.push(Commit {
            positions: facts,
            is_answered: false,
        });
        self.next_commit_at = self.now + self.settings.commit_interval;
        self.actions.push_back(Action::Commit {
            id: CommitId::from_number(self.commits.len() as u64),
            positions,
            deadline: self.now + self.settings.commit_timeout,
        });
    }

    /// Rule 25.
    fn awaits_last_commit(&self, it: usize) -> bool {
        let assignment = &self.assignments[it];
        assignment.drain_is_over && !assignment.last_commit_sent && self.is_dirty(it)
    }

    /// Rules 38 to 40.
    fn stop(&mut self) {
        for it in self.open() {
            self.end_assignment(it);
        }
        self.stopped = true;
        let duplicates = self.shutdown_duplicates;
        self.actions.push_back(Action::Stopped { duplicates });
    }
}
