//! What follows from the tables.

use std::time::{Duration, Instant};

use livebus_core::Backoff;
use livebus_core::dispatch::{Delivery, Generation, Health, OnRemoved, Order, Pace, PartitionId};

use super::tables::{Is, Reference};

/// What is due, by rule 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    Stop,
    Deadline(usize),
    Backoff(PartitionId, usize),
    Drain(PartitionId),
    Stall(PartitionId),
    Commit,
}

impl Reference {
    /// Returns the assignments that are not over, by partition.
    pub(super) fn open(&self) -> Vec<usize> {
        let all = 0..self.assignments.len();
        let mut open: Vec<usize> = all.filter(|&it| !self.assignments[it].is_over).collect();
        open.sort_by_key(|&it| self.assignments[it].partition);
        open
    }

    pub(super) fn of(&self, partition: PartitionId) -> Option<usize> {
        let mut open = self.open().into_iter();
        open.find(|&it| self.assignments[it].partition == partition)
    }

    pub(super) fn current(&self, partition: PartitionId, generation: Generation) -> Option<usize> {
        self.of(partition)
            .filter(|&it| self.assignments[it].generation == generation)
    }

    pub(super) fn is_assigned(&self, it: usize) -> bool {
        self.assignments[it].drain.is_none()
    }

    pub(super) fn run_in_flight(&self, id: u64) -> Option<usize> {
        let index = usize::try_from(id).ok()?.checked_sub(1)?;
        let run = self.runs.get(index)?;
        (!run.is_over).then_some(index)
    }

    pub(super) fn rows(&self, it: usize) -> Vec<usize> {
        let all = 0..self.records.len();
        all.filter(|&row| self.records[row].assignment == it)
            .collect()
    }

    /// Returns how many of the first records are final.
    pub(super) fn finals_in_front(&self, it: usize) -> usize {
        let rows = self.rows(it).into_iter();
        rows.take_while(|&row| self.records[row].is == Is::Final)
            .count()
    }

    /// Rule 11.
    pub(super) fn position(&self, it: usize) -> i64 {
        let (base, before) = self.assignments[it].base;
        let rows = self.rows(it);
        let front = &rows[before..self.finals_in_front(it).max(before)];
        front
            .last()
            .map_or(base, |&row| self.records[row].record.offset + 1)
    }

    pub(super) fn unacknowledged(&self, it: usize) -> usize {
        let rows = self.rows(it).into_iter();
        rows.filter(|&row| {
            let row = &self.records[row];
            row.is == Is::Final && !row.is_done_before && !row.is_acknowledged
        })
        .count()
    }

    pub(super) fn is_dirty(&self, it: usize) -> bool {
        let is_group = self.settings.delivery == Delivery::Group;
        let known = self.assignments[it].acknowledged;
        is_group && (known != Some(self.position(it)) || self.unacknowledged(it) > 0)
    }

    /// Rule 27.
    pub(super) fn duplicates(&self, it: usize) -> u32 {
        if self.settings.delivery == Delivery::Broadcast {
            return 0;
        }
        let rows = self.rows(it).into_iter();
        let begun = rows.filter(|&row| {
            let row = &self.records[row];
            match row.is {
                Is::Final => false,
                Is::Waiting => row.class.is_some() || row.was_begun,
                Is::Running | Is::Failed { .. } | Is::Writing | Is::Unwritten { .. } => true,
            }
        });
        u32::try_from(begun.count() + self.unacknowledged(it)).unwrap_or(u32::MAX)
    }

    pub(super) fn runs_in_flight(&self, it: Option<usize>) -> usize {
        let runs = self.runs.iter().filter(|run| !run.is_over);
        runs.filter(|run| it.is_none_or(|it| run.assignment == it))
            .count()
    }

    pub(super) fn letters_in_flight(&self, it: usize) -> usize {
        let letters = self.letters.iter().filter(|letter| !letter.is_over);
        letters
            .filter(|letter| self.records[letter.record].assignment == it)
            .count()
    }

    /// Rules 12 and 14: the records of the next run of an assignment.
    pub(super) fn next_run(&self, it: usize) -> Vec<usize> {
        let assignment = &self.assignments[it];
        let is_held = assignment
            .older_runs
            .iter()
            .any(|&run| !self.runs[run].is_over);
        if !self.is_assigned(it) || is_held || assignment.acknowledged.is_none() {
            return Vec::new();
        }
        let rows = self.rows(it);
        let covered = match self.settings.delivery {
            Delivery::Group => assignment.covered,
            Delivery::Broadcast => self.finals_in_front(it),
        };
        let end = rows
            .len()
            .min(covered + self.settings.limits.unacknowledged as usize);
        let is = |row: usize| self.records[row].is;
        let failed = |row: usize| self.records[row].class.is_some();
        let is_stopped = rows
            .iter()
            .any(|&row| self.records[row].stops && is(row) != Is::Final);
        let may = |&index: &usize| {
            let row = rows[index];
            let mut before = rows[..index]
                .iter()
                .filter(|&&other| is(other) != Is::Final);
            let key = self.records[row].record.key;
            let is_in_order = match self.settings.order {
                Order::None => true,
                Order::Partition => before.next().is_none(),
                Order::Key => {
                    key.is_none() || before.all(|&other| self.records[other].record.key != key)
                }
            };
            is(row) == Is::Waiting && is_in_order && (!is_stopped || failed(row))
        };
        let mut ready: Vec<usize> = (0..end).filter(may).collect();
        ready.sort_by_key(|&index| (!failed(rows[index]), index));
        let Some(&first) = ready.first() else {
            return Vec::new();
        };
        let is_one = self.settings.order != Order::Partition || failed(rows[first]);
        let max = if is_one { 1 } else { self.run_records as usize };
        let waiting = rows[first..end].iter().copied();
        waiting
            .take_while(|&row| is(row) == Is::Waiting)
            .take(max)
            .collect()
    }

    pub(super) fn held(&self) -> (u64, u64) {
        let open = self.open();
        let rows = self.records.iter();
        let held = rows.filter(|row| row.is != Is::Final && open.contains(&row.assignment));
        held.fold((0, 0), |(records, bytes), row| {
            (records + 1, bytes + u64::from(row.record.bytes))
        })
    }

    /// Rule 33.
    pub(super) fn wanted_pace(&self) -> Pace {
        let limits = &self.settings.limits;
        let (records, bytes) = self.held();
        let high = u64::from(limits.records - limits.records / 4);
        if self.shutdown_at.is_some()
            || records >= u64::from(limits.records)
            || limits.bytes.saturating_sub(bytes) < u64::from(limits.record_bytes)
        {
            return Pace::Paused;
        }
        let is_high = records >= high || bytes >= limits.high_water_bytes;
        let is_low = records <= high / 2 && bytes <= limits.high_water_bytes / 2;
        match (self.pace, is_high, is_low) {
            (Pace::Full, true, _) => Pace::Slow,
            (Pace::Slow | Pace::Paused, _, true) => Pace::Full,
            (pace, _, _) => pace,
        }
    }

    /// Rules 34 and 36.
    pub(super) fn wanted_health(&self) -> Health {
        let all = self.open().into_iter().filter(|&it| self.is_assigned(it));
        let all = all.map(|it| self.health_of(it));
        let worst = all.min_by_key(|(rank, _)| *rank);
        worst.map_or(Health::Working, |(_, health)| health)
    }

    fn health_of(&self, it: usize) -> (u8, Health) {
        let partition = self.assignments[it].partition;
        if let Some((offset, _)) = self.assignments[it].removed
            && self.settings.on_removed == OnRemoved::Stop
        {
            return (0, Health::RecordsRemoved { partition, offset });
        }
        let rows = self.rows(it);
        let open = || {
            let rows = rows.iter().map(|&row| &self.records[row]);
            rows.filter(|row| row.is != Is::Final)
        };
        if let Some(row) = open().find(|row| row.stops)
            && let Some(class) = row.class
        {
            let offset = row.record.offset;
            return (
                1,
                Health::Stopped {
                    partition,
                    offset,
                    class,
                },
            );
        }
        if let Some(row) = open().find(|row| row.unwritten > 0) {
            let offset = row.record.offset;
            return (2, Health::DeadLetterFailed { partition, offset });
        }
        match self.stall(it) {
            Some((offset, at)) if at <= self.now => (3, Health::Stalled { partition, offset }),
            Some(_) | None => (4, Health::Working),
        }
    }

    fn stall(&self, it: usize) -> Option<(i64, Instant)> {
        let rows = self.rows(it).into_iter().map(|row| &self.records[row]);
        let oldest = rows.into_iter().find(|row| row.is != Is::Final)?;
        let since = oldest.arrived.max(self.usable_since?);
        Some((oldest.record.offset, since + self.settings.stall_timeout))
    }

    /// Rules 4 and 5.
    pub(super) fn next_due(&self) -> Option<(Instant, Due)> {
        if self.stopped {
            return None;
        }
        let mut all = Vec::new();
        if let Some(at) = self.shutdown_at {
            let bound = self.settings.drain + 2 * self.settings.commit_timeout;
            all.push((at + bound, Due::Stop));
        }
        for (index, run) in self.runs.iter().enumerate() {
            if let Some(at) = run.deadline.filter(|_| !run.is_over && !run.is_cancelled) {
                all.push((at, Due::Deadline(index)));
            }
        }
        for it in self.open() {
            let partition = self.assignments[it].partition;
            if let Some(at) = self.assignments[it].drain {
                if !self.assignments[it].drain_is_over {
                    all.push((at, Due::Drain(partition)));
                }
                continue;
            }
            if self.usable_since.is_some() {
                all.extend(self.rows(it).into_iter().filter_map(
                    |row| match self.records[row].is {
                        Is::Failed { until } | Is::Unwritten { until } => {
                            Some((until, Due::Backoff(partition, row)))
                        }
                        Is::Waiting | Is::Running | Is::Writing | Is::Final => None,
                    },
                ));
            }
            let stall = self.stall(it).filter(|(_, at)| *at > self.now);
            all.extend(stall.map(|(_, at)| (at, Due::Stall(partition))));
        }
        if self.commits.iter().all(|commit| commit.is_answered) {
            let commits = self.open().into_iter().filter_map(|it| self.commit_at(it));
            all.extend(commits.map(|at| (at, Due::Commit)));
        }
        // Partition by partition: a back-off, the drain, the stall.
        let rank = |due: &Due| match *due {
            Due::Stop => (0, PartitionId(0), 0, 0),
            Due::Deadline(run) => (1, PartitionId(0), 0, run),
            Due::Backoff(partition, row) => (2, partition, 0, row),
            Due::Drain(partition) => (2, partition, 1, 0),
            Due::Stall(partition) => (2, partition, 2, 0),
            Due::Commit => (3, PartitionId(0), 0, 0),
        };
        all.into_iter().min_by_key(|(at, due)| (*at, rank(due)))
    }

    /// Rules 22 and 23: when the position of an assignment may be committed.
    pub(super) fn commit_at(&self, it: usize) -> Option<Instant> {
        let held_back = self.assignments[it].held_back;
        let at = held_back.unwrap_or(self.next_commit_at);
        self.is_dirty(it).then(|| at.max(self.next_commit_at))
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if self.actions.is_empty() {
            self.next_due().map(|(at, _)| at)
        } else {
            Some(self.now)
        }
    }

    /// Rule 18: splitmix64 gives the jitter.
    pub(super) fn delay(&mut self, backoff: &Backoff, failures: u32) -> Duration {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let number = u32::try_from((mixed ^ (mixed >> 31)) % 1_025).unwrap_or(0);
        let factor = 1 << (failures - 1).min(31);
        let middle = backoff.first.saturating_mul(factor).min(backoff.max);
        let stray = middle / 100 * u32::from(backoff.jitter_percent);
        let low = middle.saturating_sub(stray).max(backoff.first);
        let high = middle.saturating_add(stray).min(backoff.max);
        low + high.saturating_sub(low) / 1_024 * number
    }
}
