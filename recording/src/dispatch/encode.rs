//! Encodes a line as its fields.

use std::borrow::Cow;

use livebus_core::Failure;
use livebus_core::dispatch::{
    Action, Event, Generation, Health, PartitionId, Position, RecordFailure, Run, RunEnd, Start,
};

use crate::dispatch::columns::{RecordColumns, done_columns, record_columns};
use crate::dispatch::names::{class_name, health_name, pace_name};
use crate::dispatch::wire::{PositionWire, Wire};
use crate::dispatch::{Content, Line, OwnedEvent};
use crate::epoch::Epoch;
use livebus_runner::Entry;

impl<'a> Wire<'a> {
    pub(super) fn from_line(line: &'a Line, epoch: Epoch) -> Self {
        let empty = Self {
            ns: epoch.nanos(line.at),
            ..Self::default()
        };
        match &line.content {
            Content::Entry(Entry::Timeout) => empty.named("Timeout"),
            Content::Entry(Entry::Event(event)) => empty.with_owned_event(event),
            Content::Entry(Entry::Action(action)) => empty.with_action(action, epoch),
            Content::End(end) => {
                let (end, queued) = end.fields();
                Self {
                    end: Some(end),
                    queued,
                    ..empty
                }
            }
        }
    }

    fn named(self, event: &'static str) -> Self {
        Self {
            event: Some(event),
            ..self
        }
    }

    fn with_owned_event(self, event: &'a OwnedEvent) -> Self {
        let name = event.name();
        let named = Self {
            topic: name.map(|name| Cow::Borrowed(&*name.topic)),
            number: name.map(|name| name.number),
            ..self
        };
        named.with_event(event.event())
    }

    fn with_event(self, event: Event<'_>) -> Self {
        match event {
            Event::Assigned {
                partition,
                generation,
                start,
                done,
            } => {
                let (committed, resolved) = match start {
                    Start::Committed(position) => (Some(position), None),
                    Start::Resolved(position) => (None, Some(position)),
                };
                let (offsets, fingerprints) = done_columns(done);
                Self {
                    committed,
                    resolved,
                    offsets,
                    fingerprints,
                    ..self.named("Assigned").of(partition, generation)
                }
            }
            Event::Fetched {
                partition,
                generation,
                records,
            } => {
                let RecordColumns {
                    offsets,
                    bytes,
                    fingerprints,
                    keys,
                } = record_columns(records);
                Self {
                    offsets,
                    bytes,
                    fingerprints,
                    keys,
                    ..self.named("Fetched").of(partition, generation)
                }
            }
            Event::Pending { run, done } => Self {
                run: Some(run.number()),
                done: Some(done),
                ..self.named("Pending")
            },
            Event::RunEnded { run, end } => Self {
                run: Some(run.number()),
                ..self.named("RunEnded").with_end(end)
            },
            Event::DeadLetterAnswered { id, result } => Self {
                id: Some(id.number()),
                ..self.named("DeadLetterAnswered").with_result(result)
            },
            Event::CommitAnswered { id, acknowledged } => Self {
                id: Some(id.number()),
                acknowledged: Some(acknowledged.iter().map(|it| it.0).collect()),
                ..self.named("CommitAnswered")
            },
            Event::Revoked {
                partition,
                generation,
            } => self.named("Revoked").of(partition, generation),
            Event::Lost {
                partition,
                generation,
            } => self.named("Lost").of(partition, generation),
            Event::Removed {
                partition,
                generation,
                from,
                to,
            } => Self {
                from: Some(from),
                to: Some(to),
                ..self.named("Removed").of(partition, generation)
            },
            Event::ClientLost => self.named("ClientLost"),
            Event::BusUsable(usable) => Self {
                usable: Some(usable),
                ..self.named("BusUsable")
            },
            Event::Shutdown => self.named("Shutdown"),
        }
    }

    fn with_end(self, end: RunEnd) -> Self {
        let (outcome, done, class) = match end {
            RunEnd::Done => ("Done", None, None),
            RunEnd::Failed { done, class } => ("Failed", Some(done), Some(class_name(class))),
            RunEnd::Cancelled { done } => ("Cancelled", Some(done), None),
            RunEnd::Returned { done } => ("Returned", Some(done), None),
        };
        Self {
            outcome: Some(outcome),
            done,
            class,
            ..self
        }
    }

    fn with_result(self, result: Result<(), Failure>) -> Self {
        match result {
            Ok(()) => self,
            Err(failure) => Self {
                failure: Some(failure.class.name()),
                code: failure.code,
                ..self
            },
        }
    }

    fn with_action(self, action: &Action, epoch: Epoch) -> Self {
        let named = |name| Self {
            action: Some(name),
            ..self
        };
        match action {
            Action::Run(run) => named("Run").with_run(run),
            Action::Cancel { run } => Self {
                run: Some(run.number()),
                ..named("Cancel")
            },
            Action::Commit {
                id,
                positions,
                deadline,
            } => Self {
                id: Some(id.number()),
                positions: Some(positions.iter().map(position).collect()),
                deadline: Some(epoch.nanos(*deadline)),
                ..named("Commit")
            },
            Action::WriteDeadLetter {
                id,
                partition,
                generation,
                offset,
                attempts,
                class,
            } => Self {
                id: Some(id.number()),
                offset: Some(*offset),
                attempts: Some(*attempts),
                class: Some(class_name(*class)),
                ..named("WriteDeadLetter").of(*partition, *generation)
            },
            Action::Forget {
                partition,
                generation,
                offset,
            } => Self {
                offset: Some(*offset),
                ..named("Forget").of(*partition, *generation)
            },
            Action::SetPace(pace) => Self {
                pace: Some(pace_name(*pace)),
                ..named("SetPace")
            },
            Action::Seek {
                partition,
                generation,
                offset,
            } => Self {
                offset: Some(*offset),
                ..named("Seek").of(*partition, *generation)
            },
            Action::Release {
                partition,
                generation,
                duplicates,
            } => Self {
                duplicates: Some(*duplicates),
                ..named("Release").of(*partition, *generation)
            },
            Action::SetHealth(health) => named("SetHealth").with_health(*health),
            Action::Stopped { duplicates } => Self {
                duplicates: Some(*duplicates),
                ..named("Stopped")
            },
        }
    }

    fn with_run(self, run: &Run) -> Self {
        Self {
            run: Some(run.id.number()),
            offset: Some(run.offset),
            records: Some(run.records),
            attempt: Some(run.attempt),
            ..self.of(run.partition, run.generation)
        }
    }

    fn with_health(self, health: Health) -> Self {
        let (at, class): (Option<(PartitionId, i64)>, Option<RecordFailure>) = match health {
            Health::Working => (None, None),
            Health::Stopped {
                partition,
                offset,
                class,
            } => (Some((partition, offset)), Some(class)),
            Health::RecordsRemoved { partition, offset }
            | Health::DeadLetterFailed { partition, offset }
            | Health::Stalled { partition, offset } => (Some((partition, offset)), None),
        };
        Self {
            health: Some(health_name(health)),
            partition: at.map(|(partition, _)| partition.0),
            offset: at.map(|(_, offset)| offset),
            class: class.map(class_name),
            ..self
        }
    }

    fn of(self, partition: PartitionId, generation: Generation) -> Self {
        Self {
            partition: Some(partition.0),
            generation: Some(generation.0),
            ..self
        }
    }
}

fn position(position: &Position) -> PositionWire {
    let (offsets, fingerprints) = done_columns(&position.done);
    PositionWire {
        partition: position.partition.0,
        generation: position.generation.0,
        offset: position.offset,
        offsets,
        fingerprints,
    }
}
