//! What goes out: actions become runs, and calls of the consumer.

use std::sync::Arc;
use std::time::Instant;

use livebus_core::FailureClass;
use livebus_core::dispatch::{Action, Event, Run};

use super::{HandlerLoop, RunInFlight, length_of};
use crate::handlers::consumer::DeadLetter;
use crate::handlers::control::RunControl;
use crate::handlers::executor::Work;

impl HandlerLoop {
    pub(super) fn execute(&mut self, now: Instant, action: Action) {
        match action {
            Action::Run(run) => self.begin(&run),
            Action::Cancel { run } => {
                if let Some(run) = self.runs.get(&run) {
                    run.control.cancel();
                }
            }
            Action::Commit {
                id,
                positions,
                deadline,
            } => {
                if let Some(consumer) = &mut self.consumer {
                    if self.spec.intake.is_some() {
                        self.committing = Some((id, positions.clone()));
                    }
                    consumer.commit(id, positions, deadline);
                } else {
                    let acknowledged = &[];
                    self.dispatcher
                        .handle_event(now, Event::CommitAnswered { id, acknowledged });
                }
            }
            Action::WriteDeadLetter {
                id,
                partition,
                generation,
                offset,
                attempts,
                class,
            } => {
                let slices = self.store.slices(partition, generation, offset, 1);
                let record = slices.first().map(|slice| slice.batch.record(slice.first));
                let topic = self.spec.subscription.dead_letter_topic.as_deref();
                let (Some(consumer), Some(record), Some(topic)) =
                    (&mut self.consumer, record, topic)
                else {
                    let result = Err(FailureClass::ClientFatal.into());
                    return self
                        .dispatcher
                        .handle_event(now, Event::DeadLetterAnswered { id, result });
                };
                let reason = self.store.failure(partition, generation, offset);
                consumer.write_dead_letter(DeadLetter {
                    id,
                    topic: Arc::from(topic),
                    record,
                    attempts,
                    class,
                    reason: reason.unwrap_or_default().to_owned(),
                });
            }
            Action::Forget {
                partition,
                generation,
                offset,
            } => self.store.finish(partition, generation, offset, 1),
            Action::SetPace(pace) => {
                self.pace = pace;
                if let Some(consumer) = &mut self.consumer {
                    consumer.set_pace(pace);
                }
            }
            Action::Seek {
                partition,
                generation,
                offset,
            } => {
                self.store.seek(partition, generation, offset);
                if let Some(consumer) = &mut self.consumer {
                    consumer.seek(partition, generation, offset);
                }
            }
            Action::Release {
                partition,
                generation,
                duplicates,
            } => {
                self.end_assignment(partition, generation);
                let at = self.names.get(&partition);
                tracing::info!(
                    topic = at.map(|it| &*it.topic),
                    partition = at.map(|it| it.number),
                    duplicates,
                    "released"
                );
                if let Some(consumer) = &mut self.consumer {
                    consumer.release(partition, generation);
                }
            }
            Action::SetHealth(health) => self.on_health(health),
            Action::Stopped { duplicates } => {
                tracing::info!(duplicates, "stopped");
            }
        }
    }

    fn begin(&mut self, run: &Run) {
        let slices = self
            .store
            .slices(run.partition, run.generation, run.offset, run.records);
        debug_assert_eq!(
            length_of(&slices),
            run.records as usize,
            "a record is missing"
        );
        let control = Arc::new(RunControl::default());
        let in_flight = RunInFlight {
            partition: run.partition,
            generation: run.generation,
            attempt: run.attempt,
            slices: slices.clone(),
            control: Arc::clone(&control),
        };
        self.runs.insert(run.id, in_flight);
        let work = Work {
            id: run.id,
            slices,
            attempt: run.attempt,
            assignment: (run.partition, run.generation),
            timeout: self.spec.config.settings().record_timeout,
            control,
            mailbox: Arc::clone(&self.mailbox),
            clock: self.environment.clock.clone(),
        };
        self.spec.function.begin(work, &*self.environment.spawn);
    }
}
