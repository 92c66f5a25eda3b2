//! Drives a `Calls` and its invariant checker through one step.

use std::time::Instant;

use livebus_core::calls::{Action, Calls, Event};

use super::claim::{Claim, Coverage};
use super::invariants::InvariantChecker;
use super::postconditions;

/// Gives an event, or the time, to a `Calls`, polls its actions, and checks both.
///
/// # Errors
///
/// The claim that this breaks.
pub(super) fn drive(
    machine: &mut Calls,
    checker: &mut InvariantChecker,
    now: Instant,
    event: Option<Event>,
    coverage: &mut Coverage,
) -> Result<Vec<Action>, Claim> {
    // A call before anything is due changes nothing.
    if machine.poll_timeout().is_none_or(|at| at > checker.now) {
        let mut early = machine.clone();
        early.handle_timeout(checker.now);
        if early != *machine {
            return Err(Claim::DeadlinesAreKept);
        }
    }
    let before = *machine.counters();
    match event {
        Some(event) => machine.handle_event(now, event),
        None => machine.handle_timeout(now),
    }
    let mut actions = Vec::new();
    loop {
        let timeout = machine.poll_timeout();
        let Some(action) = machine.poll_action() else {
            break;
        };
        if timeout.is_none_or(|at| at > now.max(checker.now)) {
            return Err(Claim::DeadlinesAreKept);
        }
        actions.push(action);
    }
    let noted = checker.follow(now, event, &actions, coverage)?;
    postconditions::check(checker, machine, &noted, &actions, &before)?;
    Ok(actions)
}
