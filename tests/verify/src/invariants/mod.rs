//! The invariant checker: it sees the inputs and actions of a supervisor, and reports which [`Claim`] is broken.
//!
//! It knows the rules of the documentation, and only the public API of the core. It keeps little state, so that the explorer can have
//! a checker in every state, and the simulation can run it for billions of steps.
//!
//! A driver lets time pass in a call of its own before any event but evidence, which counts first. So each step that the checker
//! sees has one cause.

mod action;
mod bookkeeping;
mod canonical;
mod claim;
mod diagnosis;
mod event;
mod postconditions;

use std::time::Instant;

use livebus_core::{Action, Config, Event, Supervisor};

pub use bookkeeping::InvariantChecker;
pub use canonical::encode;
pub use claim::Claim;

/// One step: a call, and everything that followed from it.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// The newest instant that the supervisor received.
    pub now: Instant,
    /// The event; `None` when only time passed.
    pub event: Option<Event>,
    /// All actions that the call led to.
    pub actions: &'a [Action],
    /// The supervisor after the call, with no action queued.
    pub supervisor: &'a Supervisor,
    /// The other effects of the call.
    pub effects: CallEffects,
}

impl InvariantChecker {
    /// Checks one step.
    ///
    /// # Errors
    ///
    /// The claim that the step breaks.
    pub fn check_step(&mut self, step: &Step<'_>) -> Result<(), Claim> {
        let config = step.supervisor.config();
        let before = self.report;
        self.step_ends_running = false;
        self.step_is_diagnosed = false;
        match step.event {
            Some(event @ Event::Live { .. }) => {
                self.on_event(config, step, event)?;
                self.expire_operations(config, step.now);
            }
            Some(event) => {
                self.expire_operations(config, step.now);
                self.on_event(config, step, event)?;
            }
            None => self.expire_operations(config, step.now),
        }
        for action in step.actions {
            self.on_action(config, step.now, action)?;
        }
        self.check_postconditions(config, step, &before)
    }
}

/// Returns the claim as an error if the condition is false.
fn check(condition: bool, claim: Claim) -> Result<(), Claim> {
    if condition { Ok(()) } else { Err(claim) }
}

/// The effects of one call other than its actions.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallEffects {
    /// The number of stale answers that the call added.
    pub stale: u64,
    /// The timeout while actions were queued.
    pub due_while_queued: Option<Instant>,
}

/// Gives an event to a supervisor, or lets time pass, and polls all actions into `actions`.
///
/// Polls at most [`MAX_ACTIONS`]; the rest appears in the next step.
pub fn drive(
    supervisor: &mut Supervisor,
    now: Instant,
    event: Option<Event>,
    actions: &mut Vec<Action>,
) -> CallEffects {
    let stale = supervisor.stale_answers();
    match event {
        Some(event) => supervisor.handle_event(now, event),
        None => supervisor.handle_timeout(now),
    }
    poll(supervisor, stale, actions)
}

/// Polls all queued actions into `actions`.
pub fn poll(supervisor: &mut Supervisor, stale: u64, actions: &mut Vec<Action>) -> CallEffects {
    let due = supervisor.poll_timeout();
    actions.clear();
    actions.extend(std::iter::from_fn(|| supervisor.poll_action()).take(MAX_ACTIONS));
    CallEffects {
        stale: supervisor.stale_answers() - stale,
        due_while_queued: due.filter(|_| !actions.is_empty()),
    }
}

/// The maximum number of actions that is polled after one call: far more than a correct step has.
pub const MAX_ACTIONS: usize = 1_000;

/// Returns whether a failure proves that the bus works.
fn proves(config: &Config, failure: livebus_core::Failure) -> bool {
    failure.class.kind() == livebus_core::FailureKind::Rejected
        && config.settings().on_rejection == livebus_core::RejectionPolicy::Live
}
