//! The watch: it sees what goes into a supervisor and what comes out, and says which [`Claim`] is broken.
//!
//! It knows the rules of the documentation and nothing of the core's insides. It keeps as little as it can, so that a model
//! checker can carry it along in every state, and a simulation for billions of steps.
//!
//! A driver lets time pass in a call of its own before it tells anything but evidence, which counts first: so each step that
//! the watch sees has one reason.

mod action;
mod afterwards;
mod books;
mod claim;
mod event;
mod shape;

use std::time::Instant;

use livebus_core::{Action, Config, Event, Supervisor};

pub use books::Watch;
pub use claim::Claim;
pub use shape::pack;

/// One step: a call, and all that it led to.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The newest instant that was told.
    pub now: Instant,
    /// What was told; `None` when time passed.
    pub event: Option<Event>,
    /// What was polled afterwards, all of it.
    pub actions: &'a [Action],
    /// The supervisor afterwards, drained.
    pub supervisor: &'a Supervisor,
    /// What the call led to besides.
    pub call: Call,
}

impl Watch {
    /// Looks at one step.
    ///
    /// # Errors
    ///
    /// The claim that the step breaks.
    pub fn see(&mut self, seen: &Seen<'_>) -> Result<(), Claim> {
        let config = seen.supervisor.config();
        let before = self.report;
        self.reason = false;
        match seen.event {
            Some(event @ Event::Live { .. }) => {
                self.hear(config, seen, event)?;
                self.let_time_pass(config, seen.now);
            }
            Some(event) => {
                self.let_time_pass(config, seen.now);
                self.hear(config, seen, event)?;
            }
            None => self.let_time_pass(config, seen.now),
        }
        for action in seen.actions {
            self.take(config, seen.now, action)?;
        }
        self.afterwards(config, seen, &before)
    }
}

/// Holds, or the claim is broken.
fn hold(so: bool, claim: Claim) -> Result<(), Claim> {
    if so { Ok(()) } else { Err(claim) }
}

/// What one call led to, beside the actions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Call {
    /// How many more answers are counted as stale.
    pub stale: u64,
    /// What the timeout was while actions were queued.
    pub due_while_queued: Option<Instant>,
}

/// Lets time pass, or tells an event, and polls everything into `actions`.
///
/// A supervisor that wants more than [`MOST_ACTIONS`] at once is interrupted: the step after that finds the rest.
pub fn drive(
    supervisor: &mut Supervisor,
    now: Instant,
    event: Option<Event>,
    actions: &mut Vec<Action>,
) -> Call {
    let stale = supervisor.stale_answers();
    match event {
        Some(event) => supervisor.handle_event(now, event),
        None => supervisor.handle_timeout(now),
    }
    poll(supervisor, stale, actions)
}

/// Polls everything that is queued into `actions`.
pub fn poll(supervisor: &mut Supervisor, stale: u64, actions: &mut Vec<Action>) -> Call {
    let due = supervisor.poll_timeout();
    actions.clear();
    actions.extend(std::iter::from_fn(|| supervisor.poll_action()).take(MOST_ACTIONS));
    Call {
        stale: supervisor.stale_answers() - stale,
        due_while_queued: due.filter(|_| !actions.is_empty()),
    }
}

/// Far more than any step leads to.
pub const MOST_ACTIONS: usize = 1_000;

/// Whether a failure proves that the bus lives.
fn proves(config: &Config, failure: livebus_core::Failure) -> bool {
    failure.class.kind() == livebus_core::FailureKind::Rejected
        && config.settings().on_rejection == livebus_core::RejectionPolicy::Live
}
