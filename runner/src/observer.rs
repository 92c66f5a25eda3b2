//! Observers of a supervisor: everything that goes into it and comes out of it.

use std::error::Error;
use std::fmt;
use std::time::Instant;

use livebus_core::{Action, Config, Event, Supervisor};

/// Something that went into a supervisor or came out of it. Exhaustive: an observer that writes down or replays must know
/// them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// [`Supervisor::handle_event`] was called.
    Event(Event),
    /// [`Supervisor::handle_timeout`] was called, and something was due.
    Timeout,
    /// [`Supervisor::poll_action`] gave this.
    Action(Action),
}

/// An observer of one supervisor. Called in the loop, so it must be quick and never wait; one that panics ends the supervision.
pub trait Observer: Send + 'static {
    /// Begins, before the first entry: the supervisor of `service` is made with `config` at `now`. Does nothing unless it
    /// is implemented.
    ///
    /// # Errors
    ///
    /// When it cannot begin. The supervision does not start then.
    #[expect(unused_variables, reason = "the default needs none of them")]
    fn begin(&mut self, service: &str, config: &Config, now: Instant) -> Result<(), ObserverError> {
        Ok(())
    }

    /// Takes one entry. `at` is the instant that the supervisor was given; of an action, the newest of those.
    ///
    /// The same inputs at the same instants to an equal supervisor give the same actions.
    fn observe(&mut self, at: Instant, entry: Entry);
}

/// Why an observer cannot begin, in its own words.
pub type ObserverError = Box<dyn Error + Send + Sync>;

impl<F: FnMut(Instant, Entry) + Send + 'static> Observer for F {
    fn observe(&mut self, at: Instant, entry: Entry) {
        self(at, entry);
    }
}

/// Wraps a [`Supervisor`] and notifies observers of every input and action. The same four calls.
pub struct ObservedSupervisor {
    supervisor: Supervisor,
    observers: Vec<Box<dyn Observer>>,
    newest: Instant,
    /// The newest call of `handle_timeout` at which nothing was due, while nobody was notified of it.
    idle: Option<Instant>,
}

impl ObservedSupervisor {
    /// `supervisor` was made at `now` and has had no input yet.
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
        // Time does not go back: the supervisor takes this event as of the idle call.
        if let Some(idle) = self.idle.take().filter(|idle| *idle > at) {
            self.notify(idle, Entry::Timeout);
        }
        self.notify(at, Entry::Event(event));
        self.supervisor.handle_event(at, event);
    }

    /// As [`Supervisor::handle_timeout`].
    ///
    /// A loop calls it on every wake. One at which nothing is due says nothing that the next input does not say better,
    /// and no observer is notified.
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
