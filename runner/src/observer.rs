//! Observers of a supervisor: they are notified of its inputs and actions.

use std::error::Error;
use std::fmt;
use std::time::Instant;

use livebus_core::{Action, Config, Event, Supervisor};

/// An input or an action of a supervisor. Exhaustive: an observer that records or replays must know all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// [`Supervisor::handle_event`] was called.
    Event(Event),
    /// [`Supervisor::handle_timeout`] was called, and something was due.
    Timeout,
    /// [`Supervisor::poll_action`] returned this.
    Action(Action),
}

/// An observer of one supervisor. Called in the loop, so it must be quick and must not wait; a panic in it ends the supervision.
pub trait Observer: Send + 'static {
    /// Called once, before the first entry: the supervisor of `service` is made with `config` at `now`. The default does
    /// nothing.
    ///
    /// # Errors
    ///
    /// When the observer cannot begin. The supervision does not start then.
    #[expect(unused_variables, reason = "the default needs none of them")]
    fn begin(&mut self, service: &str, config: &Config, now: Instant) -> Result<(), ObserverError> {
        Ok(())
    }

    /// Called with each entry. `at` is the instant that the supervisor received; for an action, the newest of those.
    ///
    /// An equal supervisor with the same inputs at the same instants returns the same actions.
    fn observe(&mut self, at: Instant, entry: Entry);
}

/// The reason why an observer cannot begin.
pub type ObserverError = Box<dyn Error + Send + Sync>;

impl<F: FnMut(Instant, Entry) + Send + 'static> Observer for F {
    fn observe(&mut self, at: Instant, entry: Entry) {
        self(at, entry);
    }
}

/// Wraps a [`Supervisor`] and notifies observers of every input and action. It has the same methods.
pub struct ObservedSupervisor {
    supervisor: Supervisor,
    observers: Vec<Box<dyn Observer>>,
    newest: Instant,
    /// The newest call of `handle_timeout` at which nothing was due, if the observers were not notified of it.
    idle: Option<Instant>,
}

impl ObservedSupervisor {
    /// Wraps `supervisor`, which was made at `now` and has received no input.
    #[must_use]
    pub fn new(supervisor: Supervisor, now: Instant, observers: Vec<Box<dyn Observer>>) -> Self {
        Self {
            supervisor,
            observers,
            newest: now,
            idle: None,
        }
    }

    /// As [`Supervisor::handle_event`].
    pub fn handle_event(&mut self, at: Instant, event: Event) {
        // Time does not go back: to the supervisor this event happens at the instant of the idle call.
        if let Some(idle) = self.idle.take().filter(|idle| *idle > at) {
            self.notify(idle, Entry::Timeout);
        }
        self.notify(at, Entry::Event(event));
        self.supervisor.handle_event(at, event);
    }

    /// As [`Supervisor::handle_timeout`].
    ///
    /// A loop calls it on every wake. Observers are not notified of a call at which nothing is due: the next input implies
    /// that its time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.supervisor.is_due(now) {
            self.idle = None;
            self.notify(now, Entry::Timeout);
        } else {
            self.idle = self.idle.max(Some(now));
        }
        self.supervisor.handle_timeout(now);
    }

    /// As [`Supervisor::poll_action`].
    pub fn poll_action(&mut self) -> Option<Action> {
        let action = self.supervisor.poll_action()?;
        self.notify(self.newest, Entry::Action(action));
        Some(action)
    }

    /// As [`Supervisor::poll_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.supervisor.poll_timeout()
    }

    /// As [`Supervisor::wants_evidence`].
    #[must_use]
    pub fn wants_evidence(&self) -> bool {
        self.supervisor.wants_evidence()
    }

    /// As [`Supervisor::is_stopped`].
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        self.supervisor.is_stopped()
    }

    fn notify(&mut self, at: Instant, entry: Entry) {
        self.newest = self.newest.max(at);
        for observer in &mut self.observers {
            observer.observe(at, entry);
        }
    }
}

impl fmt::Debug for ObservedSupervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedSupervisor")
            .field("supervisor", &self.supervisor)
            .field("observers", &self.observers.len())
            .finish_non_exhaustive()
    }
}
