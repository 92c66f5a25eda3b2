//! What a supervision tells the loops of its handlers and callers.

use livebus_core::Cause;

/// A message of the supervision to a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Make the clients, unless they are there already.
    Open,
    /// The client of the bus was discarded: let the clients go.
    Discard,
    /// Whether the bus can be used; the cause why not.
    Bus(Result<(), Cause>),
    /// Stop in order.
    Shutdown,
    /// Stop at once.
    Close,
}

/// What takes commands for a loop.
pub(crate) trait Commands: Send + Sync {
    /// Gives a command to the loop, soon.
    fn command(&self, command: Command);
}
