//! Executes actions: operations are spawned, everything else is done at once.

use std::collections::HashMap;
use std::time::Instant;

use async_std::task::JoinHandle;
use futures::FutureExt;
use livebus_core::{Action, OpId};
use livebus_runner::{Bus, Effects, Operation};

/// The operations in flight. Dropping it cancels them.
#[derive(Default)]
pub(crate) struct Operations {
    tasks: HashMap<OpId, (Instant, Task)>,
}

impl Operations {
    pub(crate) fn execute<B: Bus>(&mut self, action: Action, effects: &Effects<B>, now: Instant) {
        match action {
            Action::Start {
                id,
                attempt,
                deadline,
            } => self.spawn(id, deadline, now, effects.start(id, attempt, deadline)),
            Action::SendLiveness { id, deadline } => {
                self.spawn(id, deadline, now, effects.send_liveness(id, deadline));
            }
            Action::RegisterHandler {
                id,
                handler,
                attempt,
                deadline,
            } => self.spawn(
                id,
                deadline,
                now,
                effects.register_handler(id, handler, attempt),
            ),
            Action::Stop { id, deadline } => {
                self.tasks.clear();
                self.spawn(id, deadline, now, effects.stop(id, deadline));
            }
            Action::DiscardClient { client } => {
                self.tasks.remove(&client.into());
                effects.discard_client(client);
            }
            Action::DiscardRegistration { registration } => {
                self.tasks.remove(&registration.into());
            }
            Action::SetStatus(report) => effects.set_status(report),
            Action::Renew { evidence, lease } => effects.renew(evidence, lease),
        }
    }

    /// Spawns an operation, and drops those whose deadline has passed, so that they do not accumulate.
    fn spawn(
        &mut self,
        id: impl Into<OpId>,
        deadline: Instant,
        now: Instant,
        operation: Operation,
    ) {
        self.tasks.retain(|_, (deadline, _)| *deadline > now);
        self.tasks
            .insert(id.into(), (deadline, Task::spawn(operation)));
    }
}

/// A task that is cancelled on drop.
struct Task(Option<JoinHandle<()>>);

impl Task {
    fn spawn(operation: Operation) -> Self {
        Self(Some(async_std::task::spawn(operation)))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // The first poll cancels the task; the rest of the future would wait for its end.
        self.0.take().map(|task| task.cancel().now_or_never());
    }
}
