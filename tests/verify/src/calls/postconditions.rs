//! What must be true after each step.

use livebus_core::calls::{Action, Calls, Counters, Sent};

use super::claim::Claim;
use super::invariants::{Gate, InvariantChecker, Noted, ReplyPartition, Stray};

pub(super) fn check(
    it: &mut InvariantChecker,
    machine: &Calls,
    noted: &Noted,
    actions: &[Action],
    before: &Counters,
) -> Result<(), Claim> {
    calls(it, noted)?;
    cancel_records(noted, actions)?;
    bounds(it, machine)?;
    counters(noted, actions, before, machine.counters())?;
    assignment(it)?;
    let is_true = machine.health() == it.health && it.health == it.health_now();
    holds(is_true || it.is_stopped, Claim::HealthIsTrue)?;
    let is_drained = it
        .drain_end
        .is_some_and(|end| end <= it.now || it.calls.is_empty());
    holds(it.is_stopped == is_drained, Claim::ShutdownEnds)?;
    holds(machine.is_stopped() == it.is_stopped, Claim::ShutdownEnds)?;
    timeout(it, machine)
}

fn holds(is: bool, claim: Claim) -> Result<(), Claim> {
    if is { Ok(()) } else { Err(claim) }
}

fn bounds(it: &InvariantChecker, machine: &Calls) -> Result<(), Claim> {
    let limits = &it.config.settings().limits;
    let bytes = it.calls.values().map(|seen| u64::from(seen.request.bytes));
    let bytes: u64 = bytes.sum();
    holds(it.calls.len() <= limits.calls as usize, Claim::LimitsHold)?;
    holds(bytes <= limits.bytes, Claim::LimitsHold)?;
    holds(machine.in_flight() == it.calls.len(), Claim::NothingLeaks)?;
    holds(machine.bytes_in_flight() == bytes, Claim::NothingLeaks)
}

/// Each call in flight has something to wait for.
fn calls(it: &mut InvariantChecker, noted: &Noted) -> Result<(), Claim> {
    let gate = it.gate();
    let settings = it.config.settings().clone();
    let is_draining = it.drain_end.is_some();
    for (id, seen) in &mut it.calls {
        if seen.request.deadline <= it.now {
            return Err(Claim::NeverLate);
        }
        if noted.ended == Some(*id) {
            return Err(Claim::WorkIsDone);
        }
        match gate {
            Gate::Closed(_) if seen.exposed() == 0 => return Err(Claim::FailsAtOnce),
            Gate::Open if seen.attempts.is_empty() => return Err(Claim::WorkIsDone),
            Gate::Open | Gate::Starting | Gate::Closed(_) => {}
        }
        let Some((sent, at)) = seen.attempts.last().copied().flatten() else {
            seen.waited |= seen.attempts.is_empty();
            continue;
        };
        let has_more = seen.request.is_idempotent
            && seen.attempts.len() < settings.attempts as usize
            && !is_draining;
        let latest = match sent {
            Sent::Acknowledged => at + settings.attempt_timeout,
            Sent::NotSent(_) | Sent::Unknown(_) => at + settings.retry_backoff.max,
        };
        if has_more && latest <= it.now {
            holds(gate != Gate::Open, Claim::WorkIsDone)?;
            seen.waited = true;
        }
        let can_succeed = has_more || sent == Sent::Acknowledged || seen.is_acknowledged();
        holds(
            can_succeed || noted.answered != Some(*id),
            Claim::WorkIsDone,
        )?;
    }
    Ok(())
}

/// A call that was cancelled sent its record, if there is one to send, and no other did.
fn cancel_records(noted: &Noted, actions: &[Action]) -> Result<(), Claim> {
    let records = actions.iter();
    let records = records.filter(|it| matches!(it, Action::SendCancel { .. }));
    let is_right = records.count() == usize::from(noted.cancel_record);
    holds(is_right, Claim::CancelIsSent)
}

/// Every end is counted, and every reply that changes nothing as what it is.
fn counters(
    noted: &Noted,
    actions: &[Action],
    before: &Counters,
    after: &Counters,
) -> Result<(), Claim> {
    let ends = actions.iter();
    let ends = ends.filter(|action| matches!(action, Action::End { .. }));
    let ended = after.ended() - before.ended();
    holds(ended == ends.count() as u64, Claim::NothingLeaks)?;
    let grown = [
        after.foreign_replies - before.foreign_replies,
        after.former_replies - before.former_replies,
        after.late_replies - before.late_replies,
        after.duplicate_replies - before.duplicate_replies,
    ];
    let expected = match noted.stray {
        None => [0; 4],
        Some(Stray::Foreign) => [1, 0, 0, 0],
        Some(Stray::Former) => [0, 1, 0, 0],
        Some(Stray::Late) => [0, 0, 1, 0],
        Some(Stray::Duplicate) => [0, 0, 0, 1],
    };
    holds(grown == expected, Claim::StraysAreCounted)
}

/// The partition is assigned as soon as it may be.
fn assignment(it: &InvariantChecker) -> Result<(), Claim> {
    let longest = it.config.settings().assign_backoff.max;
    let is_overdue = match it.partition {
        ReplyPartition::Unassigned(None) => it.bus.is_ok(),
        ReplyPartition::Unassigned(Some(at)) => it.bus.is_ok() && at + longest <= it.now,
        ReplyPartition::Assigning(_, deadline) => deadline <= it.now,
        ReplyPartition::Assigned => false,
    };
    holds(!is_overdue || it.is_stopped, Claim::AssignedFirst)
}

fn timeout(it: &InvariantChecker, machine: &Calls) -> Result<(), Claim> {
    let timeout = machine.poll_timeout();
    if it.is_stopped {
        return holds(timeout.is_none(), Claim::NothingLeaks);
    }
    if timeout.is_some_and(|at| at <= it.now) {
        return Err(Claim::DeadlinesAreKept);
    }
    let deadlines = it.calls.values().map(|seen| seen.request.deadline);
    let assigning = match it.partition {
        ReplyPartition::Assigning(_, deadline) => Some(deadline),
        ReplyPartition::Unassigned(_) | ReplyPartition::Assigned => None,
    };
    let latest = deadlines.chain(it.drain_end).chain(assigning).min();
    match (timeout, latest) {
        (None, Some(_)) => Err(Claim::DeadlinesAreKept),
        (Some(at), Some(latest)) if at > latest => Err(Claim::DeadlinesAreKept),
        // With nothing in flight there is no timer, but for the next assignment.
        (Some(_), None) if it.partition == ReplyPartition::Assigned => Err(Claim::NothingLeaks),
        (Some(_) | None, _) => Ok(()),
    }
}
