//! The tables, and how events add to them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use livebus_core::dispatch::{
    Action, Delivery, DoneRecord, Event, Generation, Health, Pace, PartitionId, Record,
    RecordFailure, RunEnd, Settings, Start, Then,
};

/// The dispatcher as tables.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(super) settings: Settings,
    pub(super) now: Instant,
    pub(super) usable_since: Option<Instant>,
    pub(super) assignments: Vec<Assignment>,
    pub(super) records: Vec<Row>,
    pub(super) runs: Vec<Run>,
    pub(super) letters: Vec<Letter>,
    pub(super) commits: Vec<Commit>,
    pub(super) next_commit_at: Instant,
    pub(super) turns: VecDeque<PartitionId>,
    pub(super) run_records: u32,
    pub(super) pace: Pace,
    pub(super) health: Health,
    pub(super) shutdown_at: Option<Instant>,
    pub(super) stopped: bool,
    pub(super) shutdown_duplicates: u32,
    pub(super) random: u64,
    pub(super) actions: VecDeque<Action>,
}

#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) partition: PartitionId,
    pub(super) generation: Generation,
    /// Where it begins, or continued after a removal, and how many of its records came before that.
    pub(super) base: (i64, usize),
    pub(super) next_offset: i64,
    pub(super) acknowledged: Option<i64>,
    /// How many of its first records the acknowledged position covers.
    pub(super) covered: usize,
    pub(super) done_before: BTreeMap<i64, u32>,
    pub(super) removed: Option<(i64, i64)>,
    pub(super) drain: Option<Instant>,
    pub(super) drain_is_over: bool,
    pub(super) last_commit_sent: bool,
    pub(super) is_over: bool,
    /// How many commits of its position failed in a row, and until when it is held back.
    pub(super) failed_commits: u32,
    pub(super) held_back: Option<Instant>,
    pub(super) older_runs: Vec<usize>,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "they are facts that hold independently of each other"
)]
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) assignment: usize,
    pub(super) record: Record,
    pub(super) arrived: Instant,
    pub(super) is: Is,
    pub(super) is_done_before: bool,
    pub(super) is_acknowledged: bool,
    pub(super) attempts: u32,
    pub(super) class: Option<RecordFailure>,
    pub(super) stops: bool,
    pub(super) unwritten: u32,
    pub(super) was_begun: bool,
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    Waiting,
    Running,
    Failed { until: Instant },
    Writing,
    Unwritten { until: Instant },
    Final,
}

#[derive(Debug)]
pub(super) struct Run {
    pub(super) assignment: usize,
    pub(super) records: Vec<usize>,
    pub(super) deadline: Option<Instant>,
    pub(super) is_cancelled: bool,
    pub(super) is_timed_out: bool,
    pub(super) is_over: bool,
}

#[derive(Debug)]
pub(super) struct Letter {
    pub(super) record: usize,
    pub(super) is_over: bool,
}

#[derive(Debug)]
pub(super) struct Commit {
    /// The assignment, its position, how many records that covers, and which are final.
    pub(super) positions: Vec<(usize, i64, usize, Vec<usize>)>,
    pub(super) is_answered: bool,
}

impl Reference {
    pub(crate) fn new(settings: Settings, now: Instant) -> Self {
        Self {
            run_records: settings.limits.run_records,
            random: settings.seed,
            settings,
            now,
            usable_since: None,
            assignments: Vec::new(),
            records: Vec::new(),
            runs: Vec::new(),
            letters: Vec::new(),
            commits: Vec::new(),
            next_commit_at: now,
            turns: VecDeque::new(),
            pace: Pace::Full,
            health: Health::Working,
            shutdown_at: None,
            stopped: false,
            shutdown_duplicates: 0,
            actions: VecDeque::new(),
        }
    }

    pub(crate) fn handle_event(&mut self, now: Instant, event: Event<'_>) {
        let ends_first = matches!(
            event,
            Event::Assigned { .. } | Event::Lost { .. } | Event::ClientLost
        );
        // Rule 3.
        if ends_first {
            self.now = self.now.max(now);
        } else {
            self.advance(now);
        }
        self.take(event);
        self.update();
        self.advance(now);
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }

    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Assigned {
                partition,
                generation,
                start,
                done,
            } => self.assign(partition, generation, start, done),
            Event::Fetched {
                partition,
                generation,
                records,
            } => {
                let open = self.current(partition, generation);
                let open = open.filter(|&it| self.is_assigned(it));
                if let Some(it) = open.filter(|&it| self.assignments[it].removed.is_none()) {
                    self.fetch(it, records);
                }
            }
            Event::Pending { run, done } => self.pend(run.number(), done),
            Event::RunEnded { run, end } => self.end_run(run.number(), end),
            Event::DeadLetterAnswered { id, result } => {
                self.answer_letter(id.number(), result.is_ok());
            }
            Event::CommitAnswered { id, acknowledged } => {
                self.answer_commit(id.number(), acknowledged);
            }
            Event::Revoked {
                partition,
                generation,
            } => {
                if let Some(it) = self.current(partition, generation) {
                    self.drain(it, self.settings.revocation_drain);
                }
            }
            Event::Lost {
                partition,
                generation,
            } => {
                if let Some(it) = self.current(partition, generation) {
                    self.end_assignment(it);
                }
            }
            Event::Removed {
                partition,
                generation,
                from,
                to,
            } => {
                let current = self.current(partition, generation);
                if let Some(it) = current.filter(|&it| self.is_assigned(it)) {
                    self.assignments[it].removed = Some((from, to));
                }
            }
            Event::ClientLost => {
                for it in self.open() {
                    self.end_assignment(it);
                }
            }
            Event::BusUsable(true) => self.usable_since = self.usable_since.or(Some(self.now)),
            Event::BusUsable(false) => self.usable_since = None,
            Event::Shutdown if self.shutdown_at.is_none() => {
                self.shutdown_at = Some(self.now);
                for it in self.open() {
                    self.drain(it, self.settings.drain);
                }
            }
            Event::Shutdown => {}
        }
    }

    /// Rules 7 and 9.
    fn assign(
        &mut self,
        partition: PartitionId,
        generation: Generation,
        start: Start,
        done: &[DoneRecord],
    ) {
        if self.stopped {
            return;
        }
        let mut before = self.assignments.iter();
        if before.any(|it| it.partition == partition && it.generation >= generation) {
            return;
        }
        if let Some(it) = self.of(partition) {
            self.end_assignment(it);
        }
        let (position, is_committed) = match start {
            Start::Committed(position) => (position, true),
            Start::Resolved(position) => (position, false),
        };
        let is_known = is_committed || self.settings.delivery == Delivery::Broadcast;
        let older = self.runs.iter().enumerate().filter(|(_, run)| {
            !run.is_over && self.assignments[run.assignment].partition == partition
        });
        let older_runs = older.map(|(index, _)| index).collect();
        self.assignments.push(Assignment {
            partition,
            generation,
            base: (position, 0),
            next_offset: position,
            acknowledged: is_known.then_some(position),
            covered: 0,
            done_before: done
                .iter()
                .filter(|it| it.offset >= position)
                .map(|it| (it.offset, it.fingerprint))
                .collect(),
            removed: None,
            drain: self.shutdown_at.map(|_| self.now),
            drain_is_over: false,
            last_commit_sent: false,
            is_over: false,
            failed_commits: 0,
            held_back: None,
            older_runs,
        });
        self.actions.push_back(Action::SetPace(self.pace));
    }

    /// Rule 10.
    fn fetch(&mut self, it: usize, records: &[Record]) {
        for &record in records {
            let assignment = &mut self.assignments[it];
            if record.offset < assignment.next_offset {
                continue;
            }
            assignment.next_offset = record.offset + 1;
            let known = assignment.done_before.get(&record.offset).copied();
            assignment
                .done_before
                .retain(|offset, _| *offset > record.offset);
            let is_done = known == Some(record.fingerprint);
            self.records.push(Row {
                assignment: it,
                record,
                arrived: self.now,
                is: if is_done { Is::Final } else { Is::Waiting },
                is_done_before: is_done,
                is_acknowledged: false,
                attempts: 0,
                class: None,
                stops: false,
                unwritten: 0,
                was_begun: false,
            });
            if is_done {
                self.forget(self.records.len() - 1);
            }
        }
        self.take_turn(self.assignments[it].partition);
    }

    fn pend(&mut self, id: u64, done: u32) {
        let Some(index) = self.run_in_flight(id) else {
            return;
        };
        let records = self.runs[index].records.clone();
        let done = (done as usize).min(records.len() - 1);
        let timeout = self.settings.record_timeout;
        self.runs[index].records = vec![records[done]];
        self.runs[index].deadline = timeout.map(|timeout| self.now + timeout);
        self.run_records = u32::try_from(done.max(1)).unwrap_or(1);
        let it = self.runs[index].assignment;
        if !self.assignments[it].is_over {
            for &record in &records[..done] {
                self.records[record].is = Is::Final;
            }
            for &record in &records[done + 1..] {
                self.records[record].is = Is::Waiting;
            }
        }
        self.take_turn(self.assignments[it].partition);
    }

    /// Rule 16.
    fn end_run(&mut self, id: u64, end: RunEnd) {
        let Some(index) = self.run_in_flight(id) else {
            return;
        };
        self.runs[index].is_over = true;
        let it = self.runs[index].assignment;
        self.take_turn(self.assignments[it].partition);
        if self.assignments[it].is_over {
            return;
        }
        let records = self.runs[index].records.clone();
        let is_timed_out = self.runs[index].is_timed_out;
        let (done, failed, is_interrupted) = match end {
            RunEnd::Done => (records.len(), None, false),
            RunEnd::Returned { done } => (done as usize, None, false),
            RunEnd::Failed { done, class } => (done as usize, Some(class), false),
            RunEnd::Cancelled { done } if is_timed_out => {
                (done as usize, Some(RecordFailure::TimedOut), false)
            }
            RunEnd::Cancelled { done } => (done as usize, None, true),
        };
        let most = records.len() - usize::from(failed.is_some());
        let done = done.min(most);
        for &record in &records[..done] {
            self.records[record].is = Is::Final;
        }
        let mut rest = &records[done..];
        if let Some(class) = failed {
            self.fail(rest[0], class);
            rest = &rest[1..];
        } else if is_interrupted && !rest.is_empty() {
            self.records[rest[0]].was_begun = true;
        } else if u32::try_from(done) == Ok(self.run_records) {
            let max = self.settings.limits.run_records;
            self.run_records = self.run_records.saturating_mul(2).min(max);
        }
        for &record in rest {
            self.records[record].is = Is::Waiting;
        }
    }

    /// Rules 17 and 18.
    fn fail(&mut self, index: usize, class: RecordFailure) {
        let policy = match class {
            RecordFailure::Transient => self.settings.transient.clone(),
            RecordFailure::Permanent => self.settings.permanent.clone(),
            RecordFailure::TimedOut => self.settings.timed_out.clone(),
            RecordFailure::Panicked => self.settings.panicked.clone(),
        };
        let is_usable = self.usable_since.is_some();
        let row = &mut self.records[index];
        row.attempts += u32::from(is_usable);
        row.class = Some(class);
        let attempts = row.attempts;
        let it = row.assignment;
        let is_last = is_usable && attempts > policy.retries;
        if is_last && policy.then == Then::Skip {
            self.records[index].is = Is::Final;
            self.forget(index);
        } else if is_last && policy.then == Then::DeadLetter && self.is_assigned(it) {
            self.write(index);
        } else {
            self.records[index].stops |= is_last && policy.then == Then::Stop;
            let until = self.now + self.delay(&policy.backoff, attempts.max(1));
            self.records[index].is = Is::Failed { until };
        }
    }

    /// Rule 19.
    pub(super) fn write(&mut self, index: usize) {
        self.letters.push(Letter {
            record: index,
            is_over: false,
        });
        let row = &mut self.records[index];
        row.is = Is::Writing;
        let assignment = &self.assignments[row.assignment];
        let id = self.letters.len() as u64;
        self.actions.push_back(Action::WriteDeadLetter {
            id: livebus_core::dispatch::DeadLetterId::from_number(id),
            partition: assignment.partition,
            generation: assignment.generation,
            offset: row.record.offset,
            attempts: row.attempts,
            class: row.class.unwrap_or(RecordFailure::Transient),
        });
    }

    fn answer_letter(&mut self, id: u64, is_written: bool) {
        let index = usize::try_from(id).unwrap_or(0).wrapping_sub(1);
        let Some(letter) = self.letters.get_mut(index).filter(|it| !it.is_over) else {
            return;
        };
        letter.is_over = true;
        let record = letter.record;
        let it = self.records[record].assignment;
        if self.assignments[it].is_over {
            return;
        }
        if is_written {
            self.records[record].is = Is::Final;
            self.forget(record);
            self.take_turn(self.assignments[it].partition);
        } else {
            self.records[record].unwritten += 1;
            let backoff = self.settings.dead_letter_backoff;
            let until = self.now + self.delay(&backoff, self.records[record].unwritten);
            self.records[record].is = Is::Unwritten { until };
        }
    }

    /// Rule 23.
    fn answer_commit(&mut self, id: u64, acknowledged: &[PartitionId]) {
        let index = usize::try_from(id).unwrap_or(0).wrapping_sub(1);
        let Some(commit) = self.commits.get_mut(index).filter(|it| !it.is_answered) else {
            return;
        };
        commit.is_answered = true;
        for (it, position, covered, finals) in std::mem::take(&mut commit.positions) {
            let assignment = &mut self.assignments[it];
            if assignment.is_over {
                continue;
            }
            if !acknowledged.contains(&assignment.partition) {
                assignment.failed_commits += 1;
                let interval = self.settings.commit_interval;
                let max = interval.max(std::time::Duration::from_secs(10));
                let factor = 1 << (assignment.failed_commits - 1).min(31);
                assignment.held_back = Some(self.now + interval.saturating_mul(factor).min(max));
                continue;
            }
            assignment.failed_commits = 0;
            assignment.held_back = None;
            assignment.acknowledged = Some(position);
            assignment.covered = covered;
            for record in finals {
                self.records[record].is_acknowledged = true;
            }
            self.take_turn(self.assignments[it].partition);
        }
    }

    /// Rule 24.
    fn drain(&mut self, it: usize, time: std::time::Duration) {
        let until = self.now + time;
        let assignment = &mut self.assignments[it];
        assignment.drain = Some(assignment.drain.map_or(until, |before| before.min(until)));
    }

    pub(super) fn forget(&mut self, index: usize) {
        let row = &self.records[index];
        let assignment = &self.assignments[row.assignment];
        self.actions.push_back(Action::Forget {
            partition: assignment.partition,
            generation: assignment.generation,
            offset: row.record.offset,
        });
    }

    /// Rule 29, and what ends with any assignment. Its duplicates are counted for the shutdown.
    pub(super) fn end_assignment(&mut self, it: usize) {
        if self.shutdown_at.is_some() {
            self.shutdown_duplicates += self.duplicates(it);
        }
        self.cancel_runs(it);
        self.assignments[it].is_over = true;
        let partition = self.assignments[it].partition;
        self.turns.retain(|turn| *turn != partition);
        for letter in &mut self.letters {
            letter.is_over |= self.records[letter.record].assignment == it;
        }
    }

    pub(super) fn cancel_runs(&mut self, it: usize) {
        for (index, run) in self.runs.iter_mut().enumerate() {
            if run.assignment == it && !run.is_over && !run.is_cancelled {
                run.is_cancelled = true;
                run.is_timed_out = run.deadline.is_some_and(|deadline| deadline <= self.now);
                let run = livebus_core::dispatch::RunId::from_number(index as u64 + 1);
                self.actions.push_back(Action::Cancel { run });
            }
        }
    }
}
