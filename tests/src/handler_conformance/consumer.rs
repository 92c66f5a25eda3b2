//! A bus that works, and a consumer in the hand of the harness.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use futures::channel::oneshot;
use livebus_core::dispatch::{
    CommitId, DeadLetterId, Generation, Pace, PartitionId, Position, RecordFailure, Room,
};
use livebus_core::{ClientId, Failure};
use livebus_runner::handlers::{
    Consumer, ConsumerBus, DeadLetter, Input, PartitionNumbers, Polled, Subscription, Wake,
};
use livebus_runner::{Bus, Observations};

/// What the harness, the consumer and the function share. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Mutex<State>>);

/// How a function ends.
pub(super) type FunctionEnd = Result<(), RecordFailure>;

#[derive(Default)]
pub(super) struct State {
    pub(super) inputs: Vec<Input>,
    pub(super) wake: Option<Wake>,
    pub(super) numbers: Option<PartitionNumbers>,
    pub(super) commits: VecDeque<(CommitId, Vec<PartitionId>)>,
    pub(super) letters: VecDeque<DeadLetterId>,
    /// The functions that wait, by partition and offset.
    pub(super) waiting: HashMap<(i32, i64), oneshot::Sender<FunctionEnd>>,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no thread panics with the lock")
    }
}

/// A bus that starts at once and answers at once.
pub(super) struct WorkingBus {
    pub(super) shared: Shared,
    pub(super) observations: Observations,
}

impl Bus for WorkingBus {
    async fn start(&self, _client: ClientId, _deadline: Instant) -> Result<(), Failure> {
        Ok(())
    }

    async fn send_liveness(&self, _deadline: Instant) -> Result<(), Failure> {
        Ok(())
    }

    fn discard_client(&self, _client: ClientId) {}

    async fn stop(&self, _deadline: Instant) -> Result<(), Failure> {
        Ok(())
    }

    fn observations(&self) -> &Observations {
        &self.observations
    }
}

impl ConsumerBus for WorkingBus {
    fn check_subscriptions(&self, _subscriptions: &[&Subscription]) -> Result<(), String> {
        Ok(())
    }

    fn open_consumer(
        &self,
        _subscription: &Subscription,
        numbers: &PartitionNumbers,
        wake: Wake,
    ) -> Result<Box<dyn Consumer>, Failure> {
        let mut state = self.shared.lock();
        (state.wake, state.numbers) = (Some(wake), Some(numbers.clone()));
        Ok(Box::new(ScriptedConsumer(self.shared.clone())))
    }
}

struct ScriptedConsumer(Shared);

impl Consumer for ScriptedConsumer {
    fn poll(&mut self, _room: Room, _now: Instant, inputs: &mut Vec<Input>) -> Polled {
        inputs.append(&mut self.0.lock().inputs);
        Polled::Idle(None)
    }

    fn commit(&mut self, id: CommitId, positions: Vec<Position>, _deadline: Instant) {
        let partitions = positions.iter().map(|it| it.partition);
        self.0.lock().commits.push_back((id, partitions.collect()));
    }

    fn write_dead_letter(&mut self, letter: DeadLetter) {
        self.0.lock().letters.push_back(letter.id);
    }

    fn set_pace(&mut self, _pace: Pace) {}

    fn seek(&mut self, _partition: PartitionId, _generation: Generation, _offset: i64) {}

    fn release(&mut self, _partition: PartitionId, _generation: Generation) {}

    fn close(self: Box<Self>, _deadline: Instant) {}
}
