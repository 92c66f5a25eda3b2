//! A supervisor with somebody who looks on.

use std::fmt;
use std::time::Instant;

use livebus_core::{Action, Event, Supervisor};

/// Something that went into a supervisor or came out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// [`Supervisor::handle_event`] was called.
    Event(Event),
    /// [`Supervisor::handle_timeout`] was called, and something was due.
    Timeout,
    /// [`Supervisor::poll_action`] gave this.
    Action(Action),
}

/// Who looks on. Called in the loop, so it must be quick and never wait.
pub trait Record: Send + 'static {
    /// Takes one entry. `at` is the instant that the supervisor was told; of an action, the newest of those.
    ///
    /// Feeding the same inputs at the same instants to an equal supervisor gives the same actions.
    fn record(&mut self, at: Instant, entry: Entry);
}

impl<F: FnMut(Instant, Entry) + Send + 'static> Record for F {
    fn record(&mut self, at: Instant, entry: Entry) {
        self(at, entry);
    }
}

/// A [`Supervisor`] by the same four calls, each told to all who look on.
pub struct RecordedSupervisor {
    supervisor: Supervisor,
    records: Vec<Box<dyn Record>>,
    newest: Instant,
    /// The newest call of `handle_timeout` at which nothing was due, while nobody was told of it.
    idle: Option<Instant>,
}

impl RecordedSupervisor {
    /// `supervisor` was made at `now` and told nothing yet.
    #[must_use]
    pub fn new(supervisor: Supervisor, now: Instant, records: Vec<Box<dyn Record>>) -> Self {
        Self {
            supervisor,
            records,
            newest: now,
            idle: None,
        }
    }

    /// As [`Supervisor::handle_event`].
    pub fn handle_event(&mut self, at: Instant, event: Event) {
        // Time does not go back: the supervisor takes this event as of the idle call.
        if let Some(idle) = self.idle.take().filter(|idle| *idle > at) {
            self.tell(idle, Entry::Timeout);
        }
        self.tell(at, Entry::Event(event));
        self.supervisor.handle_event(at, event);
    }

    /// As [`Supervisor::handle_timeout`].
    ///
    /// A loop calls it on every wake. One at which nothing is due says nothing that the next input does not say better,
    /// and is not recorded.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.supervisor.is_due(now) {
            self.idle = None;
            self.tell(now, Entry::Timeout);
        } else {
            self.idle = self.idle.max(Some(now));
        }
        self.supervisor.handle_timeout(now);
    }

    /// As [`Supervisor::poll_action`].
    pub fn poll_action(&mut self) -> Option<Action> {
        let action = self.supervisor.poll_action()?;
        self.tell(self.newest, Entry::Action(action));
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

    fn tell(&mut self, at: Instant, entry: Entry) {
        self.newest = self.newest.max(at);
        for record in &mut self.records {
            record.record(at, entry);
        }
    }
}

impl fmt::Debug for RecordedSupervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordedSupervisor")
            .field("supervisor", &self.supervisor)
            .field("records", &self.records.len())
            .finish_non_exhaustive()
    }
}
