//! What the loop of a call handler and its runs share: which requests are held, and the replies that are kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use futures::channel::oneshot;
use livebus_core::calls::{
    Arrival, Callee, CalleeConfig, CalleeCounters, Correlation, Decision, RequestId,
};
use livebus_core::dispatch::{Generation, PartitionId};

use crate::calls::wire::{IncomingRequest, Reply};

/// A record of a request topic that was read, and has not begun.
#[derive(Debug)]
pub(super) enum Held {
    Request(Arc<IncomingRequest>),
    Cancel,
    /// It is not what a caller of this wire writes; why not.
    Unreadable(String),
}

/// The memory of a call handler.
pub(super) struct State {
    callee: Callee,
    held: HashMap<RequestId, Held>,
    /// What cancels requests that run.
    running: HashMap<RequestId, oneshot::Sender<()>>,
    /// What tells requests that run after a commit of their position.
    committing: HashMap<RequestId, oneshot::Sender<()>>,
    /// What tells refusals that the group has a position above their requests.
    refused: HashMap<RequestId, oneshot::Sender<()>>,
    /// The positions that the group has, of each assignment.
    positions: HashMap<(PartitionId, Generation), i64>,
    /// The replies that are kept for idempotency keys.
    replies: HashMap<RequestId, Arc<Reply>>,
    /// How many records were no requests.
    unreadable: u64,
}

impl State {
    pub(super) fn new(config: CalleeConfig) -> Self {
        Self {
            callee: Callee::new(config),
            held: HashMap::new(),
            running: HashMap::new(),
            committing: HashMap::new(),
            refused: HashMap::new(),
            positions: HashMap::new(),
            replies: HashMap::new(),
            unreadable: 0,
        }
    }

    pub(super) fn assigned(&mut self, partition: PartitionId, generation: Generation) {
        self.callee.assigned(partition, generation);
        self.positions.insert((partition, generation), i64::MIN);
    }

    pub(super) fn ended(&mut self, partition: PartitionId, generation: Generation) {
        self.callee.ended(partition, generation);
        let stays = |id: &RequestId| id.partition != partition || id.generation != generation;
        self.held.retain(|id, _| stays(id));
        self.committing.retain(|id, _| stays(id));
        self.refused.retain(|id, _| stays(id));
        self.positions.remove(&(partition, generation));
        self.replies.retain(|id, _| stays(id));
    }

    pub(super) fn request_fetched(
        &mut self,
        now: Instant,
        id: RequestId,
        arrival: Arrival,
        request: IncomingRequest,
    ) {
        self.callee.fetched(now, id, arrival);
        self.held.insert(id, Held::Request(Arc::new(request)));
    }

    pub(super) fn cancel_fetched(&mut self, id: RequestId, cancels: Correlation) {
        self.held.insert(id, Held::Cancel);
        if let Some(running) = self.callee.cancel_fetched(id, cancels)
            && let Some(cancel) = self.running.remove(&running)
        {
            // It may have ended.
            let _ = cancel.send(());
        }
    }

    pub(super) fn unreadable_fetched(&mut self, id: RequestId, error: String) {
        self.unreadable += 1;
        self.held.insert(id, Held::Unreadable(error));
    }

    /// Returns what was read of a record; `None` if its assignment is over.
    pub(super) fn take(&mut self, id: RequestId) -> Option<Held> {
        self.held.remove(&id)
    }

    /// Decides whether a request runs. If so, the receiver resolves when its caller cancels it.
    pub(super) fn begin(
        &mut self,
        now: Instant,
        id: RequestId,
    ) -> (Decision, Option<oneshot::Receiver<()>>) {
        let decision = self.callee.begin(now, id);
        let receiver = match decision {
            Decision::Run { .. } => {
                let (cancel, cancelled) = oneshot::channel();
                self.running.insert(id, cancel);
                Some(cancelled)
            }
            Decision::CommitFirst => {
                let (committed, is_committed) = oneshot::channel();
                self.committing.insert(id, committed);
                Some(is_committed)
            }
            Decision::TooLate { .. }
            | Decision::Cancelled
            | Decision::Running
            | Decision::Replay(_)
            | Decision::Stale => None,
        };
        (decision, receiver)
    }

    pub(super) fn old_reply(&self, id: RequestId) -> Option<Arc<Reply>> {
        self.replies.get(&id).map(Arc::clone)
    }

    pub(super) fn committed(
        &mut self,
        partition: PartitionId,
        generation: Generation,
        position: i64,
    ) {
        self.callee.committed(partition, generation, position);
        if let Some(known) = self.positions.get_mut(&(partition, generation)) {
            *known = position;
        }
        let is_below = |id: &RequestId| {
            id.partition == partition && id.generation == generation && id.offset < position
        };
        for waiting in [&mut self.committing, &mut self.refused] {
            for (_, committed) in waiting.extract_if(|id, _| is_below(id)) {
                // It may not wait any more.
                let _ = committed.send(());
            }
        }
    }

    /// Resolves when the group has a position above a request: no other member will run it. Without one, the assignment has ended first.
    pub(super) fn position_above(&mut self, id: RequestId) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        match self.positions.get(&(id.partition, id.generation)) {
            Some(position) if *position > id.offset => {
                let _ = sender.send(());
            }
            Some(_) => {
                self.refused.insert(id, sender);
            }
            None => {}
        }
        receiver
    }

    /// A run is over, with the reply if there is one.
    pub(super) fn ran(&mut self, id: RequestId, reply: Option<&Arc<Reply>>) {
        self.running.remove(&id);
        if let Some(reply) = reply {
            self.replies.insert(id, Arc::clone(reply));
        }
        if let Some(dropped) = self.callee.ran(id, reply.is_some()) {
            self.replies.remove(&dropped);
        }
    }

    pub(super) const fn counters(&self) -> &CalleeCounters {
        self.callee.counters()
    }

    pub(super) const fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Returns how many requests wait or run.
    pub(super) fn requests_held(&self) -> usize {
        self.callee.requests_held()
    }
}
