//! Decodes a line from its fields. Each field is taken out; one that is left does not belong to this kind of line.

use livebus_core::Failure;
use livebus_core::dispatch::{
    Action, CommitId, DeadLetterId, Event, Generation, Health, PartitionId, Position,
    RecordFailure, Run, RunEnd, RunId, Start,
};

use crate::dispatch::columns::{RecordColumns, done, records};
use crate::dispatch::names::{class, pace};
use crate::dispatch::wire::{PositionWire, Wire};
use crate::dispatch::{Content, Line, OwnedEvent, PartitionName};
use crate::epoch::Epoch;
use crate::fields::{failure, instant, present, unknown};
use crate::line::{Damage, End};
use livebus_runner::Entry;

impl Wire<'_> {
    pub(super) fn into_line(mut self, epoch: Epoch) -> Result<Line, Damage> {
        let ns = std::mem::take(&mut self.ns);
        let at = instant("ns", Some(ns), epoch)?;
        let content = match (self.event.take(), self.action.take(), self.end.take()) {
            (Some("Timeout"), None, None) => Content::Entry(Entry::Timeout),
            (Some(event), None, None) => Content::Entry(Entry::Event(self.take_event(event)?)),
            (None, Some(action), None) => {
                Content::Entry(Entry::Action(self.take_action(action, epoch)?))
            }
            (None, None, Some(end)) => Content::End(End::from_fields(&end, self.queued.take())?),
            (None, None, None) => {
                return Err(Damage::new("it has no `event`, no `action` and no `end`"));
            }
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
                return Err(Damage::new(
                    "it has more than one of `event`, `action` and `end`",
                ));
            }
        };
        if self == Wire::default() {
            Ok(Line { at, content })
        } else {
            Err(Damage::new(
                "it has a field that this kind of line does not have",
            ))
        }
    }

    fn take_event(&mut self, event: &str) -> Result<OwnedEvent, Damage> {
        Ok(OwnedEvent::new(
            match event {
                "Assigned" => return self.take_assigned(),
                "Fetched" => {
                    let (partition, generation) = self.take_of()?;
                    let records = records(RecordColumns {
                        offsets: self.offsets.take(),
                        bytes: self.bytes.take(),
                        fingerprints: self.fingerprints.take(),
                        keys: self.keys.take(),
                    })?;
                    let event = Event::Fetched {
                        partition,
                        generation,
                        records: &records,
                    };
                    return Ok(OwnedEvent::new(event, None));
                }
                "Pending" => Event::Pending {
                    run: self.take_run()?,
                    done: present("done", self.done.take())?,
                },
                "RunEnded" => Event::RunEnded {
                    run: self.take_run()?,
                    end: self.take_end()?,
                },
                "DeadLetterAnswered" => Event::DeadLetterAnswered {
                    id: self.take_id(DeadLetterId::from_number)?,
                    result: self.take_result()?,
                },
                "CommitAnswered" => {
                    let id = self.take_id(CommitId::from_number)?;
                    let acknowledged = present("acknowledged", self.acknowledged.take())?;
                    let acknowledged: Vec<_> = acknowledged.into_iter().map(PartitionId).collect();
                    let acknowledged = &*acknowledged;
                    return Ok(OwnedEvent::new(
                        Event::CommitAnswered { id, acknowledged },
                        None,
                    ));
                }
                "Revoked" => {
                    let (partition, generation) = self.take_of()?;
                    Event::Revoked {
                        partition,
                        generation,
                    }
                }
                "Lost" => {
                    let (partition, generation) = self.take_of()?;
                    Event::Lost {
                        partition,
                        generation,
                    }
                }
                "Removed" => {
                    let (partition, generation) = self.take_of()?;
                    Event::Removed {
                        partition,
                        generation,
                        from: present("from", self.from.take())?,
                        to: present("to", self.to.take())?,
                    }
                }
                "ClientLost" => Event::ClientLost,
                "BusUsable" => Event::BusUsable(present("usable", self.usable.take())?),
                "Shutdown" => Event::Shutdown,
                _ => return Err(unknown("event", event)),
            },
            None,
        ))
    }

    fn take_assigned(&mut self) -> Result<OwnedEvent, Damage> {
        let (partition, generation) = self.take_of()?;
        let start = match (self.committed.take(), self.resolved.take()) {
            (Some(position), None) => Start::Committed(position),
            (None, Some(position)) => Start::Resolved(position),
            (None, None) | (Some(_), Some(_)) => {
                return Err(Damage::new("it has not one of `committed` and `resolved`"));
            }
        };
        let name = match (self.topic.take(), self.number.take()) {
            (None, None) => None,
            (Some(topic), Some(number)) => Some(PartitionName {
                partition,
                topic: topic.into_owned(),
                number,
            }),
            (Some(_), None) | (None, Some(_)) => {
                return Err(Damage::new(
                    "it has one of `topic` and `number` without the other",
                ));
            }
        };
        let done = done((self.offsets.take(), self.fingerprints.take()))?;
        let event = Event::Assigned {
            partition,
            generation,
            start,
            done: &done,
        };
        Ok(OwnedEvent::new(event, name))
    }

    fn take_action(&mut self, action: &str, epoch: Epoch) -> Result<Action, Damage> {
        Ok(match action {
            "Run" => {
                let (partition, generation) = self.take_of()?;
                Action::Run(Run {
                    id: self.take_run()?,
                    partition,
                    generation,
                    offset: self.take_offset()?,
                    records: present("records", self.records.take())?,
                    attempt: present("attempt", self.attempt.take())?,
                })
            }
            "Cancel" => Action::Cancel {
                run: self.take_run()?,
            },
            "Commit" => {
                let positions = present("positions", self.positions.take())?;
                let positions: Result<_, _> = positions.into_iter().map(position).collect();
                Action::Commit {
                    id: self.take_id(CommitId::from_number)?,
                    positions: positions?,
                    deadline: instant("deadline", self.deadline.take(), epoch)?,
                }
            }
            "WriteDeadLetter" => {
                let (partition, generation) = self.take_of()?;
                Action::WriteDeadLetter {
                    id: self.take_id(DeadLetterId::from_number)?,
                    partition,
                    generation,
                    offset: self.take_offset()?,
                    attempts: present("attempts", self.attempts.take())?,
                    class: self.take_class()?,
                }
            }
            "Forget" => {
                let (partition, generation) = self.take_of()?;
                Action::Forget {
                    partition,
                    generation,
                    offset: self.take_offset()?,
                }
            }
            "SetPace" => {
                let name = present("pace", self.pace.take())?;
                Action::SetPace(pace(name).ok_or_else(|| unknown("pace", name))?)
            }
            "Seek" => {
                let (partition, generation) = self.take_of()?;
                Action::Seek {
                    partition,
                    generation,
                    offset: self.take_offset()?,
                }
            }
            "Release" => {
                let (partition, generation) = self.take_of()?;
                Action::Release {
                    partition,
                    generation,
                    duplicates: present("duplicates", self.duplicates.take())?,
                }
            }
            "SetHealth" => Action::SetHealth(self.take_health()?),
            "Stopped" => Action::Stopped {
                duplicates: present("duplicates", self.duplicates.take())?,
            },
            _ => return Err(unknown("action", action)),
        })
    }

    fn take_end(&mut self) -> Result<RunEnd, Damage> {
        let outcome = present("outcome", self.outcome.take())?;
        let mut done = || present("done", self.done.take());
        Ok(match outcome {
            "Done" => RunEnd::Done,
            "Failed" => RunEnd::Failed {
                done: done()?,
                class: self.take_class()?,
            },
            "Cancelled" => RunEnd::Cancelled { done: done()? },
            "Returned" => RunEnd::Returned { done: done()? },
            _ => return Err(unknown("outcome", outcome)),
        })
    }

    fn take_health(&mut self) -> Result<Health, Damage> {
        let health = present("health", self.health.take())?;
        if health == "Working" {
            return Ok(Health::Working);
        }
        let partition = PartitionId(present("partition", self.partition.take())?);
        let offset = self.take_offset()?;
        Ok(match health {
            "Stopped" => Health::Stopped {
                partition,
                offset,
                class: self.take_class()?,
            },
            "RecordsRemoved" => Health::RecordsRemoved { partition, offset },
            "DeadLetterFailed" => Health::DeadLetterFailed { partition, offset },
            "Stalled" => Health::Stalled { partition, offset },
            _ => return Err(unknown("health", health)),
        })
    }

    fn take_of(&mut self) -> Result<(PartitionId, Generation), Damage> {
        let partition = present("partition", self.partition.take())?;
        let generation = present("generation", self.generation.take())?;
        Ok((PartitionId(partition), Generation(generation)))
    }

    fn take_run(&mut self) -> Result<RunId, Damage> {
        present("run", self.run.take()).map(RunId::from_number)
    }

    fn take_id<I>(&mut self, from_number: fn(u64) -> I) -> Result<I, Damage> {
        present("id", self.id.take()).map(from_number)
    }

    fn take_offset(&mut self) -> Result<i64, Damage> {
        present("offset", self.offset.take())
    }

    fn take_class(&mut self) -> Result<RecordFailure, Damage> {
        let name = present("class", self.class.take())?;
        class(name).ok_or_else(|| unknown("class", name))
    }

    fn take_result(&mut self) -> Result<Result<(), Failure>, Damage> {
        match self.failure.take() {
            None => Ok(Ok(())),
            Some(class) => failure("failure", class, self.code.take()).map(Err),
        }
    }
}

fn position(wire: PositionWire) -> Result<Position, Damage> {
    Ok(Position {
        partition: PartitionId(wire.partition),
        generation: Generation(wire.generation),
        offset: wire.offset,
        done: done((wire.offsets, wire.fingerprints))?,
    })
}
