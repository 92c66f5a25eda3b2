//! What the state machines of the core have in common.

use std::fmt;
use std::time::Instant;

use livebus_core::calls::{self, Calls};
use livebus_core::dispatch::{self, Dispatcher};
use livebus_core::{Action, Event, Supervisor};

/// A state machine without IO and without a clock: the [`Supervisor`], a [`Dispatcher`] or [`Calls`].
pub trait StateMachine {
    /// What goes in.
    type Event<'a>: Copy;
    /// What comes out.
    type Action: Clone + fmt::Debug + Eq + Send + 'static;

    /// Takes an event that happened at `at`.
    fn handle_event(&mut self, at: Instant, event: Self::Event<'_>);

    /// Lets time pass to `now`.
    fn handle_timeout(&mut self, now: Instant);

    /// Returns the next thing to do; `None` when there is nothing more.
    fn poll_action(&mut self) -> Option<Self::Action>;

    /// Returns when to call [`handle_timeout`](Self::handle_timeout) at the latest.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Returns whether time alone changes something by `now`.
    fn is_due(&self, now: Instant) -> bool;
}

/// Calls the methods of the same names.
macro_rules! state_machine {
    ($type:ident, $event:ty, $action:ty) => {
        impl StateMachine for $type {
            type Event<'a> = $event;
            type Action = $action;

            fn handle_event(&mut self, at: Instant, event: Self::Event<'_>) {
                self.handle_event(at, event);
            }

            fn handle_timeout(&mut self, now: Instant) {
                self.handle_timeout(now);
            }

            fn poll_action(&mut self) -> Option<Self::Action> {
                self.poll_action()
            }

            fn poll_timeout(&self) -> Option<Instant> {
                self.poll_timeout()
            }

            fn is_due(&self, now: Instant) -> bool {
                self.is_due(now)
            }
        }
    };
}

state_machine!(Supervisor, Event, Action);
state_machine!(Dispatcher, dispatch::Event<'a>, dispatch::Action);
state_machine!(Calls, calls::Event, calls::Action);
