//! The clock and the timer of a loop.

use std::future::{Future, poll_fn};
use std::task::{Context, Poll};
use std::time::Instant;

/// The clock and the timers of a supervision: the runtime's, or those of a test.
pub trait Time: Send + Sync + 'static {
    /// Returns the current instant.
    fn now(&self) -> Instant;

    /// Returns a timer that is not set. A loop has one for as long as it runs, and so has each stream of changes.
    fn timer(&self) -> Box<dyn Timer>;
}

/// A timer that is set again and again, so that waiting allocates nothing.
pub trait Timer: Send + 'static {
    /// Sets the instant at which the timer elapses, which may be in the past; `None`: never. Called before each wait.
    fn set(&mut self, deadline: Option<Instant>);

    /// Is ready once the instant has come; the task of `context` is woken then. After that it must be set before it is polled
    /// again.
    fn poll_elapsed(&mut self, context: &mut Context<'_>) -> Poll<()>;
}

impl dyn Timer {
    /// Waits until the instant that was set. Cancel safe: dropping it changes nothing but which task is woken.
    pub fn elapsed(&mut self) -> impl Future<Output = ()> + Send + '_ {
        poll_fn(|context| self.poll_elapsed(context))
    }
}
