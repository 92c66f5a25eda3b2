//! Whether an action is allowed, by the rules.

use livebus_core::dispatch::{
    Action, Delivery, Generation, Health, OnRemoved, Order, Pace, PartitionId, Position, Run, RunId,
};

use super::Cx;
use super::bookkeeping::{
    Assignment, CommitInFlight, InvariantChecker, RunInFlight, State, policy,
};
use crate::dispatch::claim::{Claim, Situation};

/// Returns the claim unless it holds.
fn check(holds: bool, claim: Claim) -> Result<(), Claim> {
    if holds { Ok(()) } else { Err(claim) }
}

impl InvariantChecker {
    pub(super) fn on_action(&mut self, cx: &mut Cx<'_, '_>, action: &Action) -> Result<(), Claim> {
        check(!self.is_stopped, Claim::ShutdownEnds)?;
        match action {
            Action::Run(run) => self.on_run(cx, *run),
            Action::Cancel { run } => self.on_cancel(cx, *run),
            Action::Commit { .. } => self.on_commit(cx, action),
            Action::WriteDeadLetter { .. } => self.on_dead_letter(cx, action),
            Action::Forget {
                partition,
                generation,
                offset,
            } => {
                let forgets = &mut self.due.forgets;
                let expected = forgets
                    .iter()
                    .position(|it| *it == (*partition, *generation, *offset));
                let index = expected.ok_or(Claim::PayloadsAreForgotten)?;
                forgets.swap_remove(index);
                Ok(())
            }
            Action::SetPace(pace) => {
                let may = *pace != self.pace || self.due.sets_pace;
                check(may, Claim::FetchingIsPaced)?;
                self.pace = *pace;
                self.due.sets_pace = false;
                cx.coverage.note_if(*pace == Pace::Slow, Situation::Slow);
                cx.coverage
                    .note_if(*pace == Pace::Paused, Situation::Paused);
                Ok(())
            }
            Action::Seek {
                partition,
                generation,
                offset,
            } => self.on_seek(cx, *partition, *generation, *offset),
            Action::Release {
                partition,
                generation,
                duplicates,
            } => {
                check(self.commit.is_none(), Claim::OneCommit)?;
                let assignment = self.current(*partition, *generation);
                let assignment = assignment.ok_or(Claim::OnlyCurrentGeneration)?;
                let expected = assignment.duplicates();
                self.check_release(cx, *partition)?;
                let is_group = cx.config.settings().delivery == Delivery::Group;
                let expected = if is_group { expected } else { 0 };
                check(*duplicates == expected, Claim::DuplicatesAreCounted)?;
                self.end_assignment(cx, *partition, expected)
            }
            Action::SetHealth(health) => {
                check(*health != self.health, Claim::HealthIsTrue)?;
                self.health = *health;
                let is_stalled = matches!(health, Health::Stalled { .. });
                cx.coverage.note_if(is_stalled, Situation::Stalled);
                Ok(())
            }
            Action::Stopped { duplicates } => self.on_stopped(cx, *duplicates),
        }
    }

    fn on_commit(&mut self, cx: &mut Cx<'_, '_>, action: &Action) -> Result<(), Claim> {
        let Action::Commit {
            id,
            positions,
            deadline,
        } = action
        else {
            return Ok(());
        };
        check(self.commit.is_none(), Claim::OneCommit)?;
        check(id.number() > self.newest.2, Claim::OneCommit)?;
        self.newest.2 = id.number();
        let in_time = cx.now + cx.config.settings().commit_timeout;
        check(*deadline == in_time, Claim::DeadlinesAreKept)?;
        self.check_positions(cx, positions)?;
        let positions = positions.iter();
        let positions = positions.map(|it| (it.partition, it.generation, it.offset));
        self.commit = Some(CommitInFlight {
            id: *id,
            deadline: *deadline,
            positions: positions.collect(),
        });
        self.next_commit_at = Some(cx.now + cx.config.settings().commit_interval);
        Ok(())
    }

    fn on_dead_letter(&mut self, cx: &Cx<'_, '_>, action: &Action) -> Result<(), Claim> {
        let &Action::WriteDeadLetter {
            id,
            partition,
            generation,
            offset,
            attempts,
            class,
        } = action
        else {
            return Ok(());
        };
        check(id.number() > self.newest.1, Claim::PolicyIsFollowed)?;
        self.newest.1 = id.number();
        let is_usable = self.usable_since.is_some();
        let assignment = self.current(partition, generation);
        let assignment = assignment.ok_or(Claim::OnlyCurrentGeneration)?;
        check(assignment.ends.is_none(), Claim::OnlyCurrentGeneration)?;
        check(is_usable, Claim::NoAttemptWhileUnusable)?;
        let index = assignment.index_of(offset);
        let record = &mut assignment.records[index.ok_or(Claim::PolicyIsFollowed)?];
        let may = match record.state {
            State::MustWrite => true,
            State::Unwritten { low, .. } => low <= cx.now,
            State::Waiting
            | State::Running
            | State::Failed { .. }
            | State::Writing
            | State::Final => false,
        };
        let is_right = record.attempts == attempts && record.class == Some(class);
        check(may && is_right, Claim::PolicyIsFollowed)?;
        let is_last = attempts > policy(cx.config, class).retries;
        check(is_last, Claim::PolicyIsFollowed)?;
        record.state = State::Writing;
        self.letters.insert(id, (partition, generation, offset));
        Ok(())
    }

    fn on_seek(
        &mut self,
        cx: &mut Cx<'_, '_>,
        partition: PartitionId,
        generation: Generation,
        offset: i64,
    ) -> Result<(), Claim> {
        let assignment = self.current(partition, generation);
        let assignment = assignment.ok_or(Claim::OnlyCurrentGeneration)?;
        let continues = cx.config.settings().on_removed == OnRemoved::Continue;
        let to = assignment.removed.take().map(|(_, to)| to);
        let may = continues && to == Some(offset) && assignment.ends.is_none();
        check(may && assignment.held().0 == 0, Claim::RemovalIsDecided)?;
        // Where it goes back, the topic was created again, and the offsets name other records.
        let is_back = offset < assignment.next_offset;
        assignment
            .done_before
            .retain(|known, _| !is_back && *known >= offset);
        assignment.position = offset;
        assignment.next_offset = offset;
        cx.coverage.note(Situation::Seek);
        Ok(())
    }

    fn on_run(&mut self, cx: &mut Cx<'_, '_>, run: Run) -> Result<(), Claim> {
        let settings = cx.config.settings();
        let limits = &settings.limits;
        check(
            run.id.number() > self.newest.0,
            Claim::OnlyCurrentGeneration,
        )?;
        self.newest.0 = run.id.number();
        check(self.usable_since.is_some(), Claim::NoAttemptWhileUnusable)?;
        check(self.runs.len() < limits.runs as usize, Claim::LimitsHold)?;
        let size = 1..=limits.run_records;
        check(size.contains(&run.records), Claim::LimitsHold)?;
        let one_order = settings.order == Order::Partition;
        check(run.records == 1 || one_order, Claim::OrderIsKept)?;
        let now = cx.now;
        let assignment = self.current(run.partition, run.generation);
        let assignment = assignment.ok_or(Claim::OnlyCurrentGeneration)?;
        check(assignment.ends.is_none(), Claim::OnlyCurrentGeneration)?;
        check(assignment.older_runs == 0, Claim::OrderIsKept)?;
        check(assignment.acknowledged.is_some(), Claim::NothingIsLost)?;
        let first = assignment
            .index_of(run.offset)
            .ok_or(Claim::OnlyCurrentGeneration)?;
        let end = first + run.records as usize;
        check(end <= assignment.records.len(), Claim::LimitsHold)?;
        check(end <= limits.unacknowledged as usize, Claim::LimitsHold)?;
        check(
            assignment.is_in_order(first, settings.order),
            Claim::OrderIsKept,
        )?;
        let is_stopped = assignment.is_stopped();
        for index in first..end {
            let record = &mut assignment.records[index];
            match record.state {
                State::Waiting => check(
                    !is_stopped || record.class.is_some(),
                    Claim::PolicyIsFollowed,
                )?,
                State::Failed { low, high } => {
                    check(low <= now, Claim::PolicyIsFollowed)?;
                    cx.coverage.note(Situation::Retried);
                    // Beyond the longest back-off it waits for a slot, or for the bus.
                    if let Some(held_up) = record.end_backoff(now.min(high)) {
                        let max = cx.config.max_hold_up();
                        check(Some(held_up) <= max, Claim::HoldUpIsBounded)?;
                        cx.coverage
                            .note_if(Some(held_up) == max, Situation::MaxHoldUp);
                    }
                }
                State::Running => return Err(Claim::OrderIsKept),
                State::MustWrite | State::Writing | State::Unwritten { .. } | State::Final => {
                    return Err(Claim::PolicyIsFollowed);
                }
            }
            let is_alone = record.class.is_none() || run.records == 1;
            check(is_alone, Claim::PolicyIsFollowed)?;
            record.state = State::Running;
        }
        let attempt = assignment.records[first].attempts + 1;
        check(run.attempt == attempt, Claim::PolicyIsFollowed)?;
        let alone = settings.record_timeout.filter(|_| run.records == 1);
        self.runs.insert(
            run.id,
            RunInFlight {
                partition: run.partition,
                generation: run.generation,
                offset: run.offset,
                records: run.records,
                deadline: alone.map(|timeout| now + timeout),
                is_timed_out: false,
                is_cancelled: false,
            },
        );
        Ok(())
    }

    fn on_cancel(&mut self, cx: &mut Cx<'_, '_>, id: RunId) -> Result<(), Claim> {
        let run = self.runs.get(&id).ok_or(Claim::CancelledInTime)?;
        check(!run.is_cancelled, Claim::CancelledInTime)?;
        let is_late = run.deadline.is_some_and(|deadline| deadline <= cx.now);
        let assignment = self.partitions.get(&run.partition);
        let assignment = assignment.filter(|it| it.generation == run.generation);
        let is_over = assignment.is_none_or(|it| it.ends.is_some_and(|it| it.until <= cx.now));
        // The last step of a shutdown cancels before it says so.
        let stops = self
            .shutdown_at
            .is_some_and(|at| at + cx.config.shutdown_bound() <= cx.now);
        check(is_late || is_over || stops, Claim::CancelledInTime)?;
        if let Some(run) = self.runs.get_mut(&id) {
            run.is_cancelled = true;
            run.is_timed_out = is_late;
            cx.coverage.note_if(run.is_timed_out, Situation::TimedOut);
        }
        Ok(())
    }

    fn check_positions(
        &mut self,
        cx: &mut Cx<'_, '_>,
        positions: &[Position],
    ) -> Result<(), Claim> {
        let settings = cx.config.settings();
        check(settings.delivery == Delivery::Group, Claim::NothingIsLost)?;
        let is_due = self.partitions.iter().any(|(&id, it)| {
            let at = it.commit_at(settings.delivery, self.next_commit_at);
            at.is_some_and(|at| at.is_due(cx.now)) || self.is_commit_urgent(cx, id, it)
        });
        check(is_due, Claim::CommitsAreSpaced)?;
        self.check_committed(cx, positions)?;
        let runs = self.runs_of_assignments();
        let letters: Vec<PartitionId> = self.letters().map(|(_, of, _)| of).collect();
        let mut before = None;
        for position in positions {
            check(before < Some(position.partition), Claim::OneCommit)?;
            before = Some(position.partition);
            let assignment = self.current(position.partition, position.generation);
            let assignment = assignment.ok_or(Claim::OnlyCurrentGeneration)?;
            check(assignment.position == position.offset, Claim::NothingIsLost)?;
            let mut done = position.done.iter();
            let finals = assignment.records.iter();
            let above = finals.skip_while(|record| record.state == State::Final);
            for record in above.filter(|record| record.state == State::Final) {
                let named = done.next().ok_or(Claim::NothingIsLost)?;
                let is_right =
                    (named.offset, named.fingerprint) == (record.offset, record.fingerprint);
                check(is_right, Claim::NothingIsLost)?;
                cx.coverage.note(Situation::DoneAbovePosition);
            }
            for (offset, fingerprint) in &assignment.done_before {
                let named = done.next().ok_or(Claim::NothingIsLost)?;
                let is_right = (named.offset, named.fingerprint) == (*offset, *fingerprint);
                check(is_right, Claim::NothingIsLost)?;
            }
            check(done.next().is_none(), Claim::NothingIsLost)?;
            for record in &mut assignment.records {
                record.is_in_commit = record.state == State::Final;
            }
            let is_drained = assignment.is_drained(cx, &runs, &letters, position.partition);
            if let Some(ends) = &mut assignment.ends {
                ends.is_tried |= is_drained;
            }
        }
        Ok(())
    }

    /// Checks that a commit has every position that is to be committed, and none that is held back.
    fn check_committed(&self, cx: &mut Cx<'_, '_>, positions: &[Position]) -> Result<(), Claim> {
        let delivery = cx.config.settings().delivery;
        for (&id, assignment) in &self.partitions {
            let held_back = assignment.held_back;
            let is_held_back = held_back.is_some_and(|(_, until)| until > cx.now)
                && !self.awaits_last_commit(cx, id, assignment);
            let is_dirty = assignment.is_dirty(delivery);
            cx.coverage
                .note_if(is_dirty && is_held_back, Situation::HeldBack);
            let is_committed = positions.iter().any(|it| it.partition == id);
            check(
                is_committed == (is_dirty && !is_held_back),
                Claim::CommitsAreSpaced,
            )?;
        }
        Ok(())
    }

    /// Returns whether a commit for this assignment need not wait for its interval.
    pub(super) fn is_commit_urgent(
        &self,
        cx: &Cx<'_, '_>,
        id: PartitionId,
        assignment: &Assignment,
    ) -> bool {
        let half = cx.config.settings().limits.unacknowledged.div_ceil(2);
        let is_much = assignment.unacknowledged_verdicts() >= half;
        self.awaits_last_commit(cx, id, assignment)
            || assignment.held_back.is_none() && (assignment.acknowledged.is_none() || is_much)
    }

    fn awaits_last_commit(
        &self,
        cx: &Cx<'_, '_>,
        id: PartitionId,
        assignment: &Assignment,
    ) -> bool {
        let runs = self.runs_of_assignments();
        let letters: Vec<PartitionId> = self.letters().map(|(_, of, _)| of).collect();
        assignment.is_drained(cx, &runs, &letters, id)
            && !assignment.ends.is_some_and(|ends| ends.is_tried)
            && assignment.is_dirty(cx.config.settings().delivery)
    }

    /// Returns the partitions of the runs that belong to a current assignment.
    pub(super) fn runs_of_assignments(&self) -> Vec<PartitionId> {
        let runs = self.runs.values().filter(|run| {
            let assignment = self.partitions.get(&run.partition);
            assignment.is_some_and(|it| it.generation == run.generation)
        });
        runs.map(|run| run.partition).collect()
    }

    fn check_release(&self, cx: &mut Cx<'_, '_>, id: PartitionId) -> Result<(), Claim> {
        let runs = self.runs_of_assignments();
        let letters: Vec<PartitionId> = self.letters().map(|(_, of, _)| of).collect();
        let assignment = self.partitions.get(&id).ok_or(Claim::RevocationEnds)?;
        let ends = assignment.ends.ok_or(Claim::RevocationEnds)?;
        let is_drained = assignment.is_drained(cx, &runs, &letters, id);
        let is_saved = ends.is_tried || !assignment.is_dirty(cx.config.settings().delivery);
        check(is_drained && is_saved, Claim::RevocationEnds)?;
        let hold = cx.now.saturating_duration_since(ends.since);
        cx.coverage
            .note_if(hold == cx.config.revocation_bound(), Situation::MaxHold);
        cx.coverage
            .note_if(ends.is_tried, Situation::ReleaseAfterCommit);
        cx.coverage.note_if(
            ends.is_tried && ends.last_commit_failed,
            Situation::LastCommitFailed,
        );
        cx.coverage
            .note_if(runs.contains(&id), Situation::ReleaseWithRuns);
        Ok(())
    }

    fn on_stopped(&mut self, cx: &mut Cx<'_, '_>, duplicates: u32) -> Result<(), Claim> {
        let since = self.shutdown_at.ok_or(Claim::ShutdownEnds)?;
        let took = cx.now.saturating_duration_since(since);
        let bound = cx.config.shutdown_bound();
        check(
            self.partitions.is_empty() || took >= bound,
            Claim::ShutdownEnds,
        )?;
        cx.coverage.note_if(took < bound, Situation::StoppedInTime);
        cx.coverage
            .note_if(!self.partitions.is_empty(), Situation::StoppedByBound);
        cx.coverage.note_if(took == bound, Situation::MaxShutdown);
        let is_group = cx.config.settings().delivery == Delivery::Group;
        for id in self.partitions.keys().copied().collect::<Vec<_>>() {
            let left = self.partitions.get(&id).map_or(0, Assignment::duplicates);
            self.end_assignment(cx, id, if is_group { left } else { 0 })?;
        }
        let expected = if is_group {
            self.shutdown_duplicates
        } else {
            0
        };
        check(duplicates == expected, Claim::DuplicatesAreCounted)?;
        self.is_stopped = true;
        Ok(())
    }
}

impl Assignment {
    /// Returns whether it ends and nothing of it is waited for any more.
    pub(super) fn is_drained(
        &self,
        cx: &Cx<'_, '_>,
        runs: &[PartitionId],
        letters: &[PartitionId],
        id: PartitionId,
    ) -> bool {
        let is_idle = !runs.contains(&id) && !letters.contains(&id);
        self.ends
            .is_some_and(|ends| ends.until <= cx.now || is_idle)
    }
}
