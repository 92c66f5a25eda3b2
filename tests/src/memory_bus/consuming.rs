//! Request handlers on a cluster in memory: a member of a group has all partitions of its topics.

use std::time::Instant;

use livebus_core::dispatch::{CommitId, Generation, Pace, PartitionId, Position, Room, Start};
use livebus_core::{Failure, FailureClass};
use livebus_runner::handlers::{
    Consumer, ConsumerBus, DeadLetter, Input, Numbered, PartitionNumbers, Polled, Subscription,
    Topics, Wake,
};

use super::{MemoryBus, MemoryCluster};

impl ConsumerBus for MemoryBus {
    fn check_subscriptions(&self, _subscriptions: &[&Subscription]) -> Result<(), String> {
        Ok(())
    }

    fn open_consumer(
        &self,
        subscription: &Subscription,
        numbers: &PartitionNumbers,
        wake: Wake,
    ) -> Result<Box<dyn Consumer>, Failure> {
        let Topics::Named(topics) = &subscription.topics else {
            return Err(FailureClass::TopicMissing.into());
        };
        let group = subscription.group.clone().unwrap_or_default();
        let mut inputs = Vec::new();
        let mut assigned = Vec::new();
        for topic in topics {
            for partition in 0..self.cluster.partitions(topic) {
                let number = i32::try_from(partition).map_err(|_| FailureClass::Other)?;
                let numbered = numbers.assign(topic, number);
                let position = self.cluster.position(&group, topic, number).unwrap_or(0);
                inputs.push(Input::Assigned {
                    assigned: numbered.clone(),
                    start: Start::Committed(position),
                    done: Vec::new(),
                });
                let next = usize::try_from(position).map_err(|_| FailureClass::Other)?;
                assigned.push((numbered, next));
            }
        }
        inputs.push(Input::Joined);
        self.cluster.add_wake(wake.clone());
        wake.wake();
        Ok(Box::new(MemoryConsumer {
            cluster: self.cluster.clone(),
            group,
            assigned,
            inputs,
            is_paused: false,
        }))
    }
}

struct MemoryConsumer {
    cluster: MemoryCluster,
    group: String,
    /// The partitions and the next offset of each.
    assigned: Vec<(Numbered, usize)>,
    inputs: Vec<Input>,
    is_paused: bool,
}

impl Consumer for MemoryConsumer {
    fn poll(&mut self, room: Room, _now: Instant, inputs: &mut Vec<Input>) -> Polled {
        inputs.append(&mut self.inputs);
        if self.is_paused {
            return Polled::Idle(None);
        }
        let mut left = room.records as usize;
        for (numbered, next) in &mut self.assigned {
            let partition = numbered.number.unsigned_abs() as usize;
            let batch = self.cluster.fetch(&numbered.topic, partition, *next, left);
            if let Some(batch) = batch {
                left -= batch.len();
                *next += batch.len();
                inputs.push(Input::Fetched {
                    partition: numbered.partition,
                    generation: numbered.generation,
                    batch,
                });
            }
        }
        Polled::Idle(None)
    }

    fn commit(&mut self, id: CommitId, positions: Vec<Position>, _deadline: Instant) {
        let mut results = Vec::new();
        {
            let mut state = self.cluster.lock();
            let may = state.may_commit.0;
            for position in positions {
                let of = self.assigned.iter().map(|(numbered, _)| numbered);
                let found = of.into_iter().find(|it| it.partition == position.partition);
                let result = match found {
                    Some(at) if may => {
                        let key = (self.group.clone(), at.topic.to_string(), at.number);
                        state.positions.insert(key, position.offset);
                        Ok(())
                    }
                    Some(_) | None => Err(FailureClass::Timeout.into()),
                };
                results.push((position.partition, result));
            }
        }
        self.inputs.push(Input::CommitAnswered { id, results });
        self.cluster.wake();
    }

    fn write_dead_letter(&mut self, letter: DeadLetter) {
        let result = Err(FailureClass::TopicMissing.into());
        self.inputs.push(Input::DeadLetterAnswered {
            id: letter.id,
            result,
        });
        self.cluster.wake();
    }

    fn set_pace(&mut self, pace: Pace) {
        self.is_paused = match pace {
            Pace::Full | Pace::Slow => false,
            Pace::Paused => true,
        };
        self.cluster.wake();
    }

    fn seek(&mut self, partition: PartitionId, _generation: Generation, offset: i64) {
        for (numbered, next) in &mut self.assigned {
            if numbered.partition == partition {
                *next = usize::try_from(offset).unwrap_or(0);
            }
        }
    }

    fn release(&mut self, partition: PartitionId, _generation: Generation) {
        self.assigned.retain(|(it, _)| it.partition != partition);
    }

    fn close(self: Box<Self>, _deadline: Instant) {}
}
