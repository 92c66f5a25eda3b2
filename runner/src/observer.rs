//! Observers of the state machines: they are notified of their inputs and actions.

use std::error::Error;
use std::fmt;
use std::time::Instant;

use livebus_core::calls::{self, Calls, Identity};
use livebus_core::dispatch::{self, Dispatcher, PartitionId};
use livebus_core::{Action, Config, Event, Supervisor};

use crate::state_machine::StateMachine;

/// An input or an action of a state machine. Exhaustive: an observer that records or replays must know all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<E = Event, A = Action> {
    /// `handle_event` was called.
    Event(E),
    /// `handle_timeout` was called, and something was due.
    Timeout,
    /// `poll_action` returned this.
    Action(A),
}

/// An entry of a dispatcher.
pub type DispatchEntry<'a> = Entry<dispatch::Event<'a>, &'a dispatch::Action>;

/// An entry of the calls of a caller.
pub type CallsEntry = Entry<calls::Event, calls::Action>;

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

    /// Called once for each request handler of the service, after [`begin`](Self::begin): its dispatcher is made with `config` at `now`.
    /// Returns what observes that dispatcher; `None`, the default, if nothing does.
    ///
    /// # Errors
    ///
    /// When the observer cannot begin. The supervision does not start then.
    #[expect(unused_variables, reason = "the default needs none of them")]
    fn begin_handler(
        &mut self,
        handler: &str,
        config: &dispatch::Config,
        now: Instant,
    ) -> Result<Option<Box<dyn DispatchObserver>>, ObserverError> {
        Ok(None)
    }

    /// Called once for each caller of the service, after [`begin`](Self::begin): its `Calls` is made with `config` and `identity` at `now`.
    /// Returns what observes it; `None`, the default, if nothing does.
    ///
    /// # Errors
    ///
    /// When the observer cannot begin. The supervision does not start then.
    #[expect(unused_variables, reason = "the default needs none of them")]
    fn begin_caller(
        &mut self,
        caller: &str,
        config: &calls::Config,
        identity: Identity,
        now: Instant,
    ) -> Result<Option<Box<dyn CallsObserver>>, ObserverError> {
        Ok(None)
    }

    /// Called with each entry. `at` is the instant that the supervisor received; for an action, the newest of those.
    ///
    /// An equal supervisor with the same inputs at the same instants returns the same actions.
    fn observe(&mut self, at: Instant, entry: Entry);
}

/// An observer of the dispatcher of one request handler. Called in the loop of the handler, so it must be quick and must not wait; a panic
/// in it ends the handler.
pub trait DispatchObserver: Send + 'static {
    /// Called before each assignment with the name of its partition: the topic, and the number in it. The default does nothing.
    #[expect(unused_variables, reason = "the default needs none of them")]
    fn name(&mut self, partition: PartitionId, topic: &str, number: i32) {}

    /// Called with each entry, as [`Observer::observe`].
    fn observe(&mut self, at: Instant, entry: DispatchEntry<'_>);
}

/// An observer of the calls of one caller. Called in the loop of the caller, so it must be quick and must not wait; a panic in it ends the
/// caller.
pub trait CallsObserver: Send + 'static {
    /// Called with each entry, as [`Observer::observe`].
    fn observe(&mut self, at: Instant, entry: CallsEntry);
}

/// The reason why an observer cannot begin.
pub type ObserverError = Box<dyn Error + Send + Sync>;

impl<F: FnMut(Instant, Entry) + Send + 'static> Observer for F {
    fn observe(&mut self, at: Instant, entry: Entry) {
        self(at, entry);
    }
}

/// What is notified of the entries of a state machine.
pub trait Notify<M: StateMachine> {
    /// Called with each entry.
    fn notify(&mut self, at: Instant, entry: Entry<M::Event<'_>, &M::Action>);
}

impl Notify<Supervisor> for Box<dyn Observer> {
    fn notify(&mut self, at: Instant, entry: Entry<Event, &Action>) {
        self.observe(at, by_value(entry));
    }
}

impl Notify<Dispatcher> for Box<dyn DispatchObserver> {
    fn notify(&mut self, at: Instant, entry: DispatchEntry<'_>) {
        self.observe(at, entry);
    }
}

impl Notify<Calls> for Box<dyn CallsObserver> {
    fn notify(&mut self, at: Instant, entry: Entry<calls::Event, &calls::Action>) {
        self.observe(at, by_value(entry));
    }
}

const fn by_value<E: Copy, A: Copy>(entry: Entry<E, &A>) -> Entry<E, A> {
    match entry {
        Entry::Event(event) => Entry::Event(event),
        Entry::Timeout => Entry::Timeout,
        Entry::Action(action) => Entry::Action(*action),
    }
}

/// Wraps a state machine and notifies observers of every input and action. It has the same four methods.
pub struct ObservedMachine<M, O> {
    machine: M,
    observers: Vec<O>,
    newest: Instant,
    /// The newest call of `handle_timeout` at which nothing was due, if the observers were not notified of it.
    idle: Option<Instant>,
}

/// A supervisor with its observers.
pub type ObservedSupervisor = ObservedMachine<Supervisor, Box<dyn Observer>>;

/// A dispatcher with its observers.
pub type ObservedDispatcher = ObservedMachine<Dispatcher, Box<dyn DispatchObserver>>;

/// The calls of a caller with their observers.
pub type ObservedCalls = ObservedMachine<Calls, Box<dyn CallsObserver>>;

impl<M: StateMachine, O: Notify<M>> ObservedMachine<M, O> {
    /// Wraps `machine`, which was made at `now` and has received no input.
    #[must_use]
    pub fn new(machine: M, now: Instant, observers: Vec<O>) -> Self {
        Self {
            machine,
            observers,
            newest: now,
            idle: None,
        }
    }

    /// As that of the state machine.
    pub fn handle_event(&mut self, at: Instant, event: M::Event<'_>) {
        if !self.observers.is_empty() {
            // Time does not go back: to the state machine this event happens at the instant of the idle call.
            if let Some(idle) = self.idle.take().filter(|idle| *idle > at) {
                self.notify(idle, Entry::Timeout);
            }
            self.notify(at, Entry::Event(event));
        }
        self.machine.handle_event(at, event);
    }

    /// As that of the state machine.
    ///
    /// A loop calls it on every wake. Observers are not notified of a call at which nothing is due: the next input implies
    /// that its time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.observers.is_empty() {
        } else if self.machine.is_due(now) {
            self.idle = None;
            self.notify(now, Entry::Timeout);
        } else {
            self.idle = self.idle.max(Some(now));
        }
        self.machine.handle_timeout(now);
    }

    /// As that of the state machine.
    pub fn poll_action(&mut self) -> Option<M::Action> {
        let action = self.machine.poll_action()?;
        self.notify(self.newest, Entry::Action(&action));
        Some(action)
    }

    /// As that of the state machine.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout()
    }

    fn notify(&mut self, at: Instant, entry: Entry<M::Event<'_>, &M::Action>) {
        self.newest = self.newest.max(at);
        for observer in &mut self.observers {
            observer.notify(at, entry);
        }
    }
}

impl ObservedSupervisor {
    /// As [`Supervisor::wants_evidence`].
    #[must_use]
    pub fn wants_evidence(&self) -> bool {
        self.machine.wants_evidence()
    }

    /// As [`Supervisor::is_stopped`].
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        self.machine.is_stopped()
    }
}

impl ObservedDispatcher {
    /// Returns the dispatcher, for its queries.
    #[must_use]
    pub const fn dispatcher(&self) -> &Dispatcher {
        &self.machine
    }

    /// Returns whether somebody observes it.
    #[must_use]
    pub const fn is_observed(&self) -> bool {
        !self.observers.is_empty()
    }

    /// Gives the observers the name of a partition that is assigned next.
    pub fn name(&mut self, partition: PartitionId, topic: &str, number: i32) {
        for observer in &mut self.observers {
            observer.name(partition, topic, number);
        }
    }
}

impl ObservedCalls {
    /// Returns the calls, for their queries.
    #[must_use]
    pub const fn calls(&self) -> &Calls {
        &self.machine
    }

    /// Returns whether somebody observes them.
    #[must_use]
    pub const fn is_observed(&self) -> bool {
        !self.observers.is_empty()
    }
}

impl<M: fmt::Debug, O> fmt::Debug for ObservedMachine<M, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservedMachine")
            .field("machine", &self.machine)
            .field("observers", &self.observers.len())
            .finish_non_exhaustive()
    }
}
