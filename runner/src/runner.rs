//! What a runner brings, and what it is handed.

use std::fmt;
use std::sync::Arc;

use futures::channel::mpsc::Receiver;
use livebus_readiness::Heartbeat;

use crate::bus::Bus;
use crate::effects::{Effects, Message};
use crate::observer::ObservedSupervisor;
use crate::owner::OwnerGone;
use crate::time::Time;

/// A way to run supervisions: an async runtime's, or any other.
pub trait Runner: Send + Sync + 'static {
    /// The clock and the timers that a supervision waits by. Called where the supervision is started.
    fn time() -> Arc<dyn Time>;

    /// Drives the supervision, in the background, until the supervisor has stopped or the owner is gone.
    fn launch<B: Bus>(supervision: Supervision<B>);
}

/// One supervision that is ready to run.
///
/// The loop is always this. Poll the actions and carry each out by [`effects`](Self::effects), spawning what takes time. If
/// the supervisor has stopped, end. Poll the timeout and promise it to the heartbeat. Arm the bus's observations. Wait for a
/// message, an observation, the deadline, or the end of the owner. Then tell the supervisor, in this order: good news, at the
/// instant when it was seen, and not later than now; all messages that are there, each at its own; bad news; that time has
/// passed.
///
/// Whatever ends the loop, dropping this tells everyone that nobody watches any more.
pub struct Supervision<B: Bus> {
    /// What decides.
    pub supervisor: ObservedSupervisor,
    /// What its actions mean.
    pub effects: Effects<B>,
    /// What comes from outside: answers of operations, and the shutdown. Bounded: each operation that the loop has started
    /// sends one message, and one shutdown waits at a time.
    pub inbox: Receiver<Message>,
    /// Ends when the owner of the supervision is gone.
    pub owner: OwnerGone,
    /// Where the loop promises when it will be back.
    pub heartbeat: Heartbeat,
    /// The clock that it reads on every wake, and the timer that it waits by, one for its whole life.
    pub time: Arc<dyn Time>,
}

impl<B: Bus> fmt::Debug for Supervision<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervision")
            .field("supervisor", &self.supervisor)
            .finish_non_exhaustive()
    }
}
