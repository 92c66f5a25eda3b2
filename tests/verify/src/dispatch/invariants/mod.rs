//! The invariant checker: it sees the inputs and actions of a dispatcher, and reports which [`Claim`] is broken.
//!
//! It knows `docs/dispatch-rules.md` and only the public API of the core, and keeps its own books. A driver lets time pass in a call of
//! its own before any event but those that end an assignment, which come first. So each step that the checker sees has one cause.

mod action;
mod bookkeeping;
mod event;
mod postconditions;

use std::time::Instant;

use livebus_core::dispatch::{Action, Dispatcher, Event};

pub use bookkeeping::{InvariantChecker, RunInFlight};

use super::claim::{Claim, Coverage};

/// One step: a call, and everything that followed from it.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The newest instant that the dispatcher received.
    pub now: Instant,
    /// The event; `None` when only time passed.
    pub event: Option<Event<'a>>,
    /// All actions that the call led to.
    pub actions: &'a [Action],
    /// The dispatcher after the call, with no action queued.
    pub dispatcher: &'a Dispatcher,
}

impl InvariantChecker {
    /// Checks one step.
    ///
    /// # Errors
    ///
    /// The claim that the step breaks.
    pub fn check_step(&mut self, step: &Step<'_>, coverage: &mut Coverage) -> Result<(), Claim> {
        let config = step.dispatcher.config();
        let mut cx = Cx {
            config,
            now: step.now,
            coverage,
        };
        self.begin_step(step.now);
        if let Some(event) = step.event {
            self.on_event(&mut cx, event)?;
        }
        for action in step.actions {
            self.on_action(&mut cx, action)?;
        }
        self.timeout = step.dispatcher.poll_timeout();
        self.check_after(&mut cx, step)
    }
}

/// What every part of the checker looks at.
#[derive(Debug)]
pub(super) struct Cx<'a, 'b> {
    pub(super) config: &'a livebus_core::dispatch::Config,
    pub(super) now: Instant,
    pub(super) coverage: &'b mut Coverage,
}

/// Calls a dispatcher, checks each step, and adds the actions to `actions`.
///
/// # Errors
///
/// The claim that a step breaks.
pub fn drive(
    dispatcher: &mut Dispatcher,
    checker: &mut InvariantChecker,
    now: Instant,
    event: Option<Event<'_>>,
    actions: &mut Vec<Action>,
    coverage: &mut Coverage,
) -> Result<(), Claim> {
    let ends_first = matches!(
        event,
        Some(Event::Assigned { .. } | Event::Lost { .. } | Event::ClientLost)
    );
    let passes_first = !ends_first && dispatcher.poll_timeout().is_some_and(|at| at <= now);
    if passes_first || event.is_none() {
        dispatcher.handle_timeout(now);
        check(dispatcher, checker, now, None, actions, coverage)?;
    }
    if let Some(event) = event {
        dispatcher.handle_event(now, event);
        check(dispatcher, checker, now, Some(event), actions, coverage)?;
    }
    Ok(())
}

fn check(
    dispatcher: &mut Dispatcher,
    checker: &mut InvariantChecker,
    now: Instant,
    event: Option<Event<'_>>,
    actions: &mut Vec<Action>,
    coverage: &mut Coverage,
) -> Result<(), Claim> {
    let first = actions.len();
    while let Some(action) = dispatcher.poll_action() {
        actions.push(action);
    }
    let step = Step {
        now,
        event,
        actions: &actions[first..],
        dispatcher,
    };
    checker.check_step(&step, coverage)
}
