//! The interface trait of a runner, and the supervision that it runs.

use std::fmt;
use std::sync::Arc;

use futures::channel::mpsc::Receiver;
use livebus_readiness::Heartbeat;

use crate::bus::Bus;
use crate::cancel::CancelSignal;
use crate::effects::Effects;
use crate::message::Message;
use crate::observer::ObservedSupervisor;
use crate::time::Time;

/// Runs supervisions, on an async runtime or in any other way.
pub trait Runner: Send + Sync + 'static {
    /// Returns the clock and the timers of a supervision. Called where the supervision is started.
    fn time() -> Arc<dyn Time>;

    /// Runs the supervision in the background until the supervisor has stopped or the supervision is cancelled.
    fn launch<B: Bus>(supervision: Supervision<B>);
}

/// A supervision that is ready to run.
///
/// The loop is always this. Poll the actions and execute each by [`effects`](Self::effects), spawning what takes time. If
/// the supervisor has stopped, end. Poll the timeout and set it as the heartbeat's deadline. Arm the bus's observations. Wait for
/// a message, an observation, the deadline, or the cancellation. Then give the supervisor its inputs, in this order: evidence, at
/// the instant of its observation, and not later than now; all messages that are there, each at its own instant; the suspicion;
/// the loss of a client; the time.
///
/// On drop, whatever ends the loop, publishes Stopped.
pub struct Supervision<B: Bus> {
    /// The state machine.
    pub supervisor: ObservedSupervisor,
    /// Executes its actions.
    pub effects: Effects<B>,
    /// The answers of operations, and the shutdown. Bounded: each operation that the loop has started sends one message, and at
    /// most one shutdown waits.
    pub inbox: Receiver<Message>,
    /// Resolves when the handle is dropped.
    pub cancel: CancelSignal,
    /// Holds the deadline for the next wake of the loop.
    pub heartbeat: Heartbeat,
    /// The clock that the loop reads on every wake, and the timer that it waits with, one for its whole life.
    pub time: Arc<dyn Time>,
}

impl<B: Bus> fmt::Debug for Supervision<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervision")
            .field("supervisor", &self.supervisor)
            .finish_non_exhaustive()
    }
}
