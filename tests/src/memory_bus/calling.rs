//! Callers and replies on a cluster in memory.

use std::sync::Arc;
use std::time::Instant;

use livebus_core::calls::{AssignmentId, CallId, Sent};
use livebus_core::{Failure, FailureClass};
use livebus_runner::calls::{
    CallBus, CallClient, CallInput, OutgoingRecord, ReplyClient, ReplyPartitions, ReplySubscription,
};
use livebus_runner::handlers::{Polled, Subscription, Wake};

use super::{MemoryBus, MemoryCluster, SendFault};

impl CallBus for MemoryBus {
    fn check_caller(&self, replies: &ReplySubscription) -> Result<(), String> {
        if replies.topic.contains('/') {
            return Err(format!(
                "{:?} is no name of a topic: use letters",
                replies.topic
            ));
        }
        Ok(())
    }

    fn open_call_client(
        &self,
        replies: &ReplySubscription,
        wake: Wake,
    ) -> Result<Box<dyn CallClient>, Failure> {
        self.cluster.add_wake(wake);
        Ok(Box::new(MemoryCallClient {
            cluster: self.cluster.clone(),
            replies: replies.clone(),
            assigned: Vec::new(),
            inputs: Vec::new(),
            is_readable: true,
        }))
    }

    fn open_reply_client(
        &self,
        _subscription: &Subscription,
        _on_failure: Arc<dyn Fn(Failure) + Send + Sync>,
    ) -> Result<Arc<dyn ReplyClient>, Failure> {
        Ok(Arc::new(MemoryReplyClient(self.cluster.clone())))
    }
}

struct MemoryCallClient {
    cluster: MemoryCluster,
    replies: ReplySubscription,
    /// The reply partitions and the next offset of each.
    assigned: Vec<(usize, usize)>,
    inputs: Vec<CallInput>,
    is_readable: bool,
}

impl MemoryCallClient {
    fn assign(&mut self) -> Result<Option<i32>, Failure> {
        let topic = &*self.replies.topic;
        let count = self.cluster.partitions(topic);
        if count == 0 {
            return Err(FailureClass::TopicMissing.into());
        }
        if !self.cluster.lock().replies_are_readable.0 {
            return Err(FailureClass::NoLeader.into());
        }
        let (partitions, of_replies) = match self.replies.partitions {
            ReplyPartitions::OfInstance => {
                let one = usize::try_from(self.replies.instance % count as u64).unwrap_or(0);
                (one..one + 1, i32::try_from(one).ok())
            }
            ReplyPartitions::One(one) => {
                let index = one.unsigned_abs() as usize;
                (index..index + 1, Some(one))
            }
            ReplyPartitions::All => (0..count, None),
        };
        let before = std::mem::take(&mut self.assigned);
        for partition in partitions {
            let known = before.iter().find(|(known, _)| *known == partition);
            let end = || self.cluster.end_of(topic, partition);
            let next = known.map_or_else(end, |(_, next)| *next);
            self.assigned.push((partition, next));
        }
        Ok(of_replies)
    }
}

impl CallClient for MemoryCallClient {
    fn poll(&mut self, _now: Instant, inputs: &mut Vec<CallInput>) -> Polled {
        inputs.append(&mut self.inputs);
        let is_readable = self.cluster.lock().replies_are_readable.0;
        if is_readable != self.is_readable && !self.assigned.is_empty() {
            self.is_readable = is_readable;
            inputs.push(if is_readable {
                CallInput::RepliesReachable
            } else {
                CallInput::RepliesUnreachable(FailureClass::NoLeader.into())
            });
        }
        if !is_readable {
            return Polled::Idle(None);
        }
        for (partition, next) in &mut self.assigned {
            let topic = &self.replies.topic;
            while let Some(batch) = self.cluster.fetch(topic, *partition, *next, 1_000) {
                *next += batch.len();
                inputs.push(CallInput::Fetched(batch));
            }
        }
        Polled::Idle(None)
    }

    fn assign_replies(&mut self, id: AssignmentId, _deadline: Instant) {
        let result = self.assign();
        self.inputs.push(CallInput::RepliesAssigned { id, result });
        self.cluster.wake();
    }

    fn send(&mut self, call: CallId, attempt: u32, record: OutgoingRecord) {
        let failure = Failure::from(FailureClass::Timeout);
        let fault = self.cluster.lock().request_fault;
        let (result, partition) = match fault {
            SendFault::None => match self.cluster.write(&record) {
                Some(partition) => (Sent::Acknowledged, Some(partition)),
                None => (Sent::NotSent(FailureClass::TopicMissing.into()), None),
            },
            SendFault::NotSent => (Sent::NotSent(failure), None),
            SendFault::WrittenUnknown => (Sent::Unknown(failure), self.cluster.write(&record)),
            SendFault::LostUnknown => (Sent::Unknown(failure), None),
            SendFault::Hanging => return,
        };
        self.inputs.push(CallInput::SendAnswered {
            call,
            attempt,
            result,
            partition,
        });
        self.cluster.wake();
    }

    fn send_unanswered(&mut self, record: OutgoingRecord) {
        // It is best effort.
        let _ = self.cluster.write(&record);
    }

    fn close(self: Box<Self>, _deadline: Instant) {}
}

struct MemoryReplyClient(MemoryCluster);

impl ReplyClient for MemoryReplyClient {
    fn send(&self, record: OutgoingRecord) -> Result<(), Failure> {
        let copies = self.0.lock().reply_copies.unwrap_or(1);
        for _ in 0..copies {
            let written = self.0.write(&record);
            written.ok_or(FailureClass::TopicMissing)?;
        }
        Ok(())
    }

    fn flush(&self, _deadline: Instant) {}
}
