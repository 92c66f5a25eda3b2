//! What must be true after each step.

use std::time::Instant;

use livebus_core::dispatch::{Delivery, Health, OnRemoved, Order, Pace, PartitionId};

use super::bookkeeping::{Assignment, CommitAt, InvariantChecker, State, next_pace};
use super::{Cx, Step};
use crate::dispatch::claim::{Claim, Situation};

fn check(holds: bool, claim: Claim) -> Result<(), Claim> {
    if holds { Ok(()) } else { Err(claim) }
}

impl InvariantChecker {
    pub(super) fn check_after(
        &mut self,
        cx: &mut Cx<'_, '_>,
        step: &Step<'_>,
    ) -> Result<(), Claim> {
        let is_silent = step.actions.is_empty();
        check(
            !self.due.is_stale || is_silent,
            Claim::OnlyCurrentGeneration,
        )?;
        check(self.due.forgets.is_empty(), Claim::PayloadsAreForgotten)?;
        check(!self.due.sets_pace, Claim::FetchingIsPaced)?;
        let timeout = step.dispatcher.poll_timeout();
        check(
            timeout.is_none_or(|at| at > cx.now),
            Claim::DeadlinesAreKept,
        )?;
        check(
            step.dispatcher.is_stopped() == self.is_stopped,
            Claim::ShutdownEnds,
        )?;
        if self.is_stopped {
            return check(timeout.is_none(), Claim::ShutdownEnds);
        }
        self.check_held(cx, step)?;
        self.check_runs(cx)?;
        for (&id, assignment) in &self.partitions {
            self.check_assignment(cx, id, assignment)?;
        }
        self.check_commits(cx)?;
        self.check_health(cx)?;
        let is_in_time = |at: Instant| timeout.is_some_and(|timeout| timeout <= at);
        check(
            self.deadlines(cx).into_iter().all(is_in_time),
            Claim::DeadlinesAreKept,
        )
    }

    fn held(&self) -> (u32, u64) {
        let all = self.partitions.values().map(Assignment::held);
        all.fold((0, 0), |sum, held| (sum.0 + held.0, sum.1 + held.1))
    }

    fn check_held(&self, cx: &Cx<'_, '_>, step: &Step<'_>) -> Result<(), Claim> {
        let limits = &cx.config.settings().limits;
        let held = self.held();
        let room = step.dispatcher.room();
        let is_right = room.records == limits.records.saturating_sub(held.0)
            && room.bytes == limits.bytes.saturating_sub(held.1)
            && step.dispatcher.records_held() == held.0;
        check(is_right, Claim::FetchingIsPaced)?;
        check(held.0 <= limits.records, Claim::LimitsHold)?;
        check(held.1 <= limits.bytes, Claim::LimitsHold)?;
        let pace = match self.shutdown_at {
            None => next_pace(self.pace, held, limits),
            Some(_) => Pace::Paused,
        };
        check(self.pace == pace, Claim::FetchingIsPaced)
    }

    fn check_runs(&self, cx: &Cx<'_, '_>) -> Result<(), Claim> {
        for run in self.runs.values() {
            let assignment = self.partitions.get(&run.partition);
            let assignment = assignment.filter(|it| it.generation == run.generation);
            let is_late = run.deadline.is_some_and(|deadline| deadline <= cx.now);
            let is_over =
                assignment.is_none_or(|it| it.ends.is_some_and(|ends| ends.until <= cx.now));
            check(
                run.is_cancelled || !(is_late || is_over),
                Claim::CancelledInTime,
            )?;
        }
        Ok(())
    }

    fn check_assignment(
        &self,
        cx: &mut Cx<'_, '_>,
        id: PartitionId,
        assignment: &Assignment,
    ) -> Result<(), Claim> {
        let settings = cx.config.settings();
        if let Some(ends) = assignment.ends {
            let runs = self.runs_of_assignments();
            let letters: Vec<PartitionId> = self.letters().map(|(_, of, _)| of).collect();
            let is_drained = assignment.is_drained(cx, &runs, &letters, id);
            let is_saved = ends.is_tried || !assignment.is_dirty(settings.delivery);
            let may_go = is_drained && is_saved && self.commit.is_none();
            cx.coverage.note_if(!is_drained, Situation::DrainWaits);
            let runs_on = runs.contains(&id) || letters.contains(&id);
            cx.coverage
                .note_if(is_drained && runs_on, Situation::DrainEnds);
            let bound = ends.until + 2 * settings.commit_timeout;
            let is_in_time = ends.is_late || cx.now <= bound;
            return check(!may_go && is_in_time, Claim::RevocationEnds);
        }
        let must_write = assignment.records.iter().any(|record| match record.state {
            State::MustWrite => true,
            State::Unwritten { high, .. } => high <= cx.now && self.usable_since.is_some(),
            State::Waiting
            | State::Running
            | State::Failed { .. }
            | State::Writing
            | State::Final => false,
        });
        check(!must_write, Claim::PolicyIsFollowed)?;
        if assignment.removed.is_some() {
            let may_seek = settings.on_removed == OnRemoved::Continue && assignment.held().0 == 0;
            check(!may_seek, Claim::RemovalIsDecided)?;
        }
        check(!self.keeps_waiting(cx, assignment), Claim::WorkIsDone)
    }

    /// Returns whether a record may run that does not.
    fn keeps_waiting(&self, cx: &mut Cx<'_, '_>, assignment: &Assignment) -> bool {
        let settings = cx.config.settings();
        let has_slot = self.runs.len() < settings.limits.runs as usize;
        let is_stopped = assignment.is_stopped();
        for (index, record) in assignment.records.iter().enumerate() {
            let is_ready = match record.state {
                State::Waiting => !is_stopped || record.class.is_some(),
                State::Failed { high, .. } => high <= cx.now,
                State::Running
                | State::MustWrite
                | State::Writing
                | State::Unwritten { .. }
                | State::Final => false,
            };
            if !is_ready || self.usable_since.is_none() {
                // Nothing behind it can run: looking further would only cost time.
                if settings.order == Order::Partition && record.state != State::Final {
                    break;
                }
                continue;
            }
            let reason = if assignment.acknowledged.is_none() {
                Situation::WaitsForStart
            } else if assignment.older_runs > 0 {
                Situation::WaitsForOlderRun
            } else if index >= settings.limits.unacknowledged as usize {
                Situation::WaitsForWindow
            } else if !assignment.is_in_order(index, settings.order) {
                Situation::WaitsForOrder
            } else if !has_slot {
                Situation::WaitsForSlot
            } else {
                return true;
            };
            cx.coverage.note(reason);
            if settings.order == Order::Partition {
                break;
            }
        }
        false
    }

    fn check_commits(&self, cx: &Cx<'_, '_>) -> Result<(), Claim> {
        let delivery = cx.config.settings().delivery;
        if self.commit.is_some() || delivery == Delivery::Broadcast {
            return Ok(());
        }
        let is_due = self.partitions.iter().any(|(&id, it)| {
            let at = it.commit_at(delivery, self.next_commit_at);
            at.is_some_and(|at| at.is_due(cx.now)) || self.is_commit_urgent(cx, id, it)
        });
        check(!is_due, Claim::CommitsAreSpaced)
    }

    fn check_health(&self, cx: &Cx<'_, '_>) -> Result<(), Claim> {
        let all = self.partitions.iter();
        let all = all.map(|(&id, it)| self.health_of(cx, id, it));
        let worst = all.min_by_key(|(rank, _)| *rank);
        let health = worst.map_or(Health::Working, |(_, health)| health);
        check(self.health == health, Claim::HealthIsTrue)
    }

    fn health_of(&self, cx: &Cx<'_, '_>, partition: PartitionId, it: &Assignment) -> (u8, Health) {
        let working = (4, Health::Working);
        if it.ends.is_some() {
            return working;
        }
        if let Some((offset, _)) = it.removed
            && cx.config.settings().on_removed == OnRemoved::Stop
        {
            return (0, Health::RecordsRemoved { partition, offset });
        }
        if let Some(record) = it.records.iter().find(|record| record.is_stopped)
            && let Some(class) = record.class
        {
            let offset = record.offset;
            return (
                1,
                Health::Stopped {
                    partition,
                    offset,
                    class,
                },
            );
        }
        let unwritten =
            |it: &&super::bookkeeping::Held| it.unwritten > 0 && it.state != State::Final;
        if let Some(record) = it.records.iter().find(unwritten) {
            let offset = record.offset;
            return (2, Health::DeadLetterFailed { partition, offset });
        }
        match self.stall(cx, it) {
            Some((offset, at)) if at <= cx.now => (3, Health::Stalled { partition, offset }),
            Some(_) | None => working,
        }
    }

    fn stall(&self, cx: &Cx<'_, '_>, it: &Assignment) -> Option<(i64, Instant)> {
        let mut records = it.records.iter();
        let oldest = records.find(|record| record.state != State::Final)?;
        let since = oldest.arrived.max(self.usable_since?);
        Some((oldest.offset, since + cx.config.settings().stall_timeout))
    }

    /// Returns every deadline that the dispatcher must not miss.
    fn deadlines(&self, cx: &Cx<'_, '_>) -> Vec<Instant> {
        let settings = cx.config.settings();
        let runs = self.runs.values().filter(|run| !run.is_cancelled);
        let mut all: Vec<Instant> = runs.filter_map(|run| run.deadline).collect();
        let bound = cx.config.shutdown_bound();
        all.extend(self.shutdown_at.map(|at| at + bound));
        let letters: Vec<PartitionId> = self.letters().map(|(_, of, _)| of).collect();
        let of_runs = self.runs_of_assignments();
        for (&id, it) in &self.partitions {
            if let Some(ends) = it.ends {
                if !it.is_drained(cx, &of_runs, &letters, id) {
                    all.push(ends.until);
                }
                continue;
            }
            let stall = self.stall(cx, it).map(|(_, at)| at);
            all.extend(stall.filter(|at| *at > cx.now));
            if self.usable_since.is_some() {
                all.extend(it.records.iter().filter_map(|record| match record.state {
                    // One that may be over waits for a slot.
                    State::Failed { low, high } | State::Unwritten { low, high } => {
                        Some(high).filter(|_| low > cx.now)
                    }
                    State::Waiting
                    | State::Running
                    | State::MustWrite
                    | State::Writing
                    | State::Final => None,
                }));
            }
        }
        if self.commit.is_none() {
            let of = self.partitions.values();
            let all_at = of.filter_map(|it| it.commit_at(settings.delivery, self.next_commit_at));
            all.extend(all_at.filter_map(|at| match at {
                CommitAt::Now => None,
                CommitAt::Instant(at) => Some(at),
            }));
        }
        all
    }
}
