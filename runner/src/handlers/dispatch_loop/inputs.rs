//! What comes in: messages, and what happened to the consumer.

use std::sync::Arc;
use std::time::Instant;

use livebus_core::Failure;
use livebus_core::dispatch::{
    CommitId, DoneRecord, Event, Generation, Order, PartitionId, RunEnd, RunId, Start,
};

use super::{HandlerLoop, length_of, offset_of, one_of};
use crate::handlers::batch::Batch;
use crate::handlers::consumer::Input;
use crate::handlers::failed::Failed;
use crate::handlers::key_hash::hash_of_key;
use crate::handlers::mailbox::LoopMessage;
use crate::handlers::numbers::Numbered;
use crate::loops::{Command, Source};

impl HandlerLoop {
    /// Returns whether the loop is to end at once.
    pub(super) fn on_message(&mut self, now: Instant, message: LoopMessage) -> bool {
        match message {
            LoopMessage::Pending { run, done } => self.on_pending(now, run, done),
            LoopMessage::Ended { run, end, failed } => self.on_ended(now, run, end, failed),
            LoopMessage::Command(command) => return self.on_command(now, command),
        }
        false
    }

    /// Returns whether the loop is to end at once.
    fn on_command(&mut self, now: Instant, command: Command) -> bool {
        match command {
            Command::Open => {
                if self.consumer.is_none() && self.open_at.is_none() && self.stop_deadline.is_none()
                {
                    self.open_at = Some(now);
                }
            }
            Command::Discard => {
                self.lose_consumer(now);
                self.open_at = None;
                self.reopening.reset();
            }
            Command::Bus(usable) => {
                let usable = Event::BusUsable(usable.is_ok());
                self.dispatcher.handle_event(now, usable);
            }
            Command::Shutdown => {
                let deadline = now + self.dispatcher.dispatcher().config().shutdown_bound();
                self.stop_deadline.get_or_insert(deadline);
                self.open_at = None;
                self.dispatcher.handle_event(now, Event::Shutdown);
            }
            Command::Close => return true,
        }
        false
    }

    fn on_pending(&mut self, now: Instant, id: RunId, done: u32) {
        if let Some(run) = self.runs.get_mut(&id) {
            let (partition, generation) = (run.partition, run.generation);
            if let Some(first) = offset_of(&run.slices, 0) {
                self.store.finish(partition, generation, first, done);
            }
            run.slices = one_of(&run.slices, done as usize);
            if done > 0 {
                run.attempt = 1;
            }
        }
        self.dispatcher
            .handle_event(now, Event::Pending { run: id, done });
    }

    fn on_ended(&mut self, now: Instant, id: RunId, end: RunEnd, failed: Option<Failed>) {
        if let Some(run) = self.runs.remove(&id) {
            let (partition, generation) = (run.partition, run.generation);
            let done = match end {
                RunEnd::Done => length_of(&run.slices),
                RunEnd::Failed { done, .. }
                | RunEnd::Cancelled { done }
                | RunEnd::Returned { done } => done as usize,
            };
            if let Some(first) = offset_of(&run.slices, 0) {
                let done = u32::try_from(done).unwrap_or(u32::MAX);
                self.store.finish(partition, generation, first, done);
            }
            if let (Some(failed), Some(offset)) = (failed, offset_of(&run.slices, done)) {
                let at = self.names.get(&partition);
                if !failed.is_logged {
                    tracing::warn!(
                        topic = at.map(|it| &*it.topic),
                        partition = at.map(|it| it.number),
                        offset,
                        attempt = if done == 0 { run.attempt } else { 1 },
                        class = ?failed.class,
                        reason = failed.text,
                        "a record failed"
                    );
                }
                self.store.fail(partition, generation, offset, failed.text);
            }
        }
        self.dispatcher
            .handle_event(now, Event::RunEnded { run: id, end });
    }

    pub(super) fn on_input(&mut self, now: Instant, input: Input) {
        match input {
            Input::Joined => {
                self.registration.health.set(Source::Consumer, None);
                self.registration.succeed();
            }
            Input::Assigned {
                assigned,
                start,
                done,
            } => self.on_assigned(now, assigned, start, &done),
            Input::Fetched {
                partition,
                generation,
                batch,
            } => self.on_fetched(now, partition, generation, batch),
            Input::End {
                partition,
                generation,
                offset,
            } => self.shown.on_end(partition, generation, offset, now),
            Input::Removed {
                partition,
                generation,
                from,
                to,
            } => {
                self.log_removed(partition, from, to);
                self.dispatcher.handle_event(
                    now,
                    Event::Removed {
                        partition,
                        generation,
                        from,
                        to,
                    },
                );
            }
            Input::Revoked {
                partition,
                generation,
            } => self.dispatcher.handle_event(
                now,
                Event::Revoked {
                    partition,
                    generation,
                },
            ),
            Input::Lost {
                partition,
                generation,
            } => {
                self.end_assignment(partition, generation);
                self.dispatcher.handle_event(
                    now,
                    Event::Lost {
                        partition,
                        generation,
                    },
                );
            }
            Input::CommitAnswered { id, results } => {
                let mut acknowledged = Vec::with_capacity(results.len());
                for (partition, result) in results {
                    match result {
                        Ok(()) => acknowledged.push(partition),
                        Err(failure) => self.log_commit_failed(partition, failure),
                    }
                }
                self.on_committed(id, &acknowledged);
                let acknowledged = &acknowledged;
                self.dispatcher
                    .handle_event(now, Event::CommitAnswered { id, acknowledged });
            }
            Input::DeadLetterAnswered { id, result } => {
                if let Err(failure) = result {
                    tracing::warn!(%failure, "a dead letter failed");
                }
                self.dispatcher
                    .handle_event(now, Event::DeadLetterAnswered { id, result });
            }
            Input::Failed(failure) => self.on_failed(failure),
            Input::FetchRefused(failure) => {
                self.report_consumer(failure, "the records cannot be fetched");
            }
            Input::FetchesWork => self.registration.health.set(Source::Consumer, None),
            Input::ClientLost(failure) => {
                tracing::warn!(%failure, "the consumer is lost");
                self.lose_consumer(now);
                self.on_failed(failure);
                if self.stop_deadline.is_none() {
                    self.reopen_later(now);
                }
            }
        }
    }

    /// Ends the records of an assignment.
    pub(super) fn end_assignment(&mut self, partition: PartitionId, generation: Generation) {
        self.store.end(partition, generation);
        if let Some(intake) = &self.spec.intake {
            intake.ended(partition, generation);
        }
    }

    /// The group has the positions of a commit for these partitions.
    fn on_committed(&mut self, id: CommitId, acknowledged: &[PartitionId]) {
        let (Some(intake), Some((_, positions))) = (
            &self.spec.intake,
            self.committing.take_if(|(newest, _)| *newest == id),
        ) else {
            return;
        };
        for position in positions {
            if acknowledged.contains(&position.partition) {
                let (partition, generation) = (position.partition, position.generation);
                intake.committed(partition, generation, position.offset);
            }
        }
    }

    /// Takes that something failed. It is shown while the consumer has not joined its group: until then, nothing is handled.
    pub(super) fn on_failed(&mut self, failure: Failure) {
        if !self.registration.is_registered() {
            self.report_consumer(failure, "the consumer cannot join its group");
        }
        self.registration.fail(failure);
    }

    fn on_fetched(
        &mut self,
        now: Instant,
        partition: PartitionId,
        generation: Generation,
        batch: Batch,
    ) {
        let batch = Arc::new(batch);
        let Some(first) = self.store.push(partition, generation, &batch) else {
            return;
        };
        if let Some(intake) = &self.spec.intake {
            intake.fetched(now, partition, generation, &batch, first);
        }
        // A recording has them in any case: a replay with an order by key needs them. Records whose keys have the same hash wait for each other,
        // which is harmless.
        let is_keyed =
            self.spec.config.settings().order == Order::Key || self.dispatcher.is_observed();
        let hash = |key: &[u8]| is_keyed.then(|| hash_of_key(key));
        let mut records = std::mem::take(&mut self.records);
        records.extend(batch.for_dispatcher(first, hash));
        self.dispatcher.handle_event(
            now,
            Event::Fetched {
                partition,
                generation,
                records: &records,
            },
        );
        records.clear();
        self.records = records;
    }

    fn on_assigned(&mut self, now: Instant, assigned: Numbered, start: Start, done: &[DoneRecord]) {
        let (partition, generation) = (assigned.partition, assigned.generation);
        tracing::info!(
            topic = &*assigned.topic,
            partition = assigned.number,
            ?start,
            done = done.len(),
            "assigned"
        );
        let (Start::Committed(position) | Start::Resolved(position)) = start;
        self.store.begin(partition, generation, position);
        self.dispatcher
            .name(partition, &assigned.topic, assigned.number);
        self.names.insert(partition, assigned);
        if let Some(intake) = &self.spec.intake {
            intake.assigned(partition, generation);
        }
        self.dispatcher.handle_event(
            now,
            Event::Assigned {
                partition,
                generation,
                start,
                done,
            },
        );
    }
}
