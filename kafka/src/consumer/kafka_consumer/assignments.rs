//! Assignments: rebalances, where partitions begin, and which offsets there are.

use std::time::{Duration, Instant};

use livebus_core::dispatch::{Delivery, Start};
use livebus_core::{Failure, FailureClass};
use livebus_runner::handlers::{Begin, Input, Topics};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::Offset;

use super::{KafkaConsumer, Ranges};
use crate::consumer::answers::{Answer, StartPosition};
use crate::consumer::assigning::{answer, is_incremental};
use crate::consumer::commits::PositionResults;
use crate::consumer::context::TopicPartition;
use crate::consumer::lookups::{LookUp, list};
use crate::consumer::rebalancing::Answered;
use crate::error_class::failure;

/// The time from one look at the partitions of a broadcast to the next.
const PARTITIONS_INTERVAL: Duration = Duration::from_secs(5);

/// The time from one look at the ends of the partitions to the next.
const ENDS_INTERVAL: Duration = Duration::from_secs(5);

/// The time to the next attempt after a failed look-up.
const RETRY: Duration = Duration::from_millis(500);

impl KafkaConsumer {
    pub(super) fn on_answer(&mut self, answer: Answer, now: Instant, inputs: &mut Vec<Input>) {
        match answer {
            Answer::Committed(results) => {
                if results.iter().any(|(_, result)| result.is_ok()) {
                    self.client.context().on_commit();
                }
                self.check_commit(&results, inputs);
                let (answered, next) = self.commits.on_over();
                if let Some(id) = answered {
                    inputs.push(Input::CommitAnswered { id, results });
                }
                if let Some(call) = next {
                    self.commit_calls.send(call);
                }
            }
            Answer::DeadLetter(id, result) => {
                inputs.push(Input::DeadLetterAnswered { id, result });
            }
            Answer::Starts(Ok(starts)) => self.on_starts(starts, inputs),
            Answer::Starts(Err(failure)) => {
                tracing::warn!(handler = self.subscription.handler, %failure, "reading the positions failed");
                inputs.push(Input::Failed(failure));
                if let Some(partitions) = self.rebalancing.reading() {
                    self.read_starts(partitions, RETRY);
                }
            }
            Answer::Ranges(Ok(ranges)) => {
                if !self.assigned.removed(&ranges, inputs) {
                    // librdkafka has stopped at one of them, and does not say at which.
                    self.seeks.extend(self.assigned.seeks());
                }
                self.ranges = match self.ranges {
                    Ranges::AskedAndWanted | Ranges::Wanted => Ranges::Wanted,
                    Ranges::Asked | Ranges::Known => Ranges::Known,
                };
            }
            Answer::Ranges(Err(_)) => self.ranges = Ranges::Wanted,
            Answer::Ends(ends) => {
                self.next_ends = Some(now + ENDS_INTERVAL);
                let known = ends.unwrap_or_default().into_iter();
                inputs.extend(known.filter_map(|(of, offset)| {
                    let numbered = self.assigned.get(&of)?;
                    Some(Input::End {
                        partition: numbered.partition,
                        generation: numbered.generation,
                        offset,
                    })
                }));
            }
            Answer::Partitions(Ok(partitions)) => {
                self.next_partitions = Some(now + PARTITIONS_INTERVAL);
                let new = partitions.into_iter();
                let new: Vec<_> = new.filter(|of| self.assigned.get(of).is_none()).collect();
                if !new.is_empty() || !self.has_begun {
                    self.rebalancing.assign_broadcast(new);
                }
            }
            Answer::Partitions(Err(failure)) => {
                self.next_partitions = Some(now + RETRY);
                inputs.push(Input::Failed(failure));
            }
        }
    }

    /// Looks at what a commit says about more than itself.
    fn check_commit(&mut self, results: &PositionResults, inputs: &mut Vec<Input>) {
        let failures = results.iter().filter_map(|(_, result)| result.err());
        let codes: Vec<_> = failures.map(|failure| failure.code).collect();
        if codes.is_empty() {
            return;
        }
        if codes.contains(&Some(RDKafkaErrorCode::OffsetMetadataTooLarge as i32)) {
            self.takes_metadata = false;
            tracing::warn!(
                handler = self.subscription.handler,
                "the brokers take less metadata with a commit: results out of order are handled again after a crash; raise `offset.metadata.max.bytes` to 4096"
            );
        }
        if let Some((code, reason)) = self.client.client().fatal_error() {
            tracing::error!(
                handler = self.subscription.handler,
                ?code,
                reason,
                "the consumer is lost"
            );
            let failure = Failure::with_code(FailureClass::ClientFatal, code as i32);
            inputs.push(Input::ClientLost(failure));
        }
    }

    /// Goes on with the rebalances that were reported.
    pub(super) fn rebalance(&mut self, inputs: &mut Vec<Input>) {
        while let Some(step) = self.rebalancing.next() {
            match step {
                Answered::Reading(partitions) if partitions.is_empty() => {
                    self.rebalancing.on_read();
                    self.answer(&Answered::Assign(Vec::new()));
                    self.joined(inputs);
                }
                Answered::Reading(partitions) => self.read_starts(partitions, Duration::ZERO),
                Answered::Revoking(partitions) => {
                    for of in &partitions {
                        if let Some(numbered) = self.assigned.get(of) {
                            inputs.push(Input::Revoked {
                                partition: numbered.partition,
                                generation: numbered.generation,
                            });
                        } else if let Some(answered) = self.rebalancing.on_released(of) {
                            self.answer(&answered);
                        }
                    }
                }
                Answered::Lost(partitions) => {
                    for of in &partitions {
                        if let Some(numbered) = self.assigned.remove(of) {
                            inputs.push(Input::Lost {
                                partition: numbered.partition,
                                generation: numbered.generation,
                            });
                        }
                    }
                    self.answer(&Answered::Unassign(partitions));
                }
                answered @ (Answered::Assign(_) | Answered::Unassign(_)) => self.answer(&answered),
            }
        }
    }

    /// Finds out whether all partitions can be fetched, after one could not be.
    pub(super) fn check_fetches_again(&mut self, now: Instant, inputs: &mut Vec<Input>) {
        if self.fetches.end() {
            tracing::info!(
                handler = self.subscription.handler,
                "all partitions can be fetched"
            );
            inputs.push(Input::FetchesWork);
        }
        if self.next_fetch_check().is_some_and(|at| at <= now) {
            let seeks: Vec<_> = self.assigned.seeks().collect();
            self.fetches.begin(seeks.iter().map(|it| it.0), now);
            self.seeks.extend(seeks);
        }
    }

    /// Returns when a check begins. While a rebalance waits for an answer, none does, and the loop must not wake for it.
    pub(super) fn next_fetch_check(&self) -> Option<Instant> {
        self.fetches.next().filter(|_| self.rebalancing.is_idle())
    }

    /// Continues partitions elsewhere.
    pub(super) fn make_seeks(&mut self) {
        if !self.rebalancing.is_idle() {
            return;
        }
        for (partition, generation, offset) in std::mem::take(&mut self.seeks) {
            let Some(numbered) = self.assigned.by_id(partition, generation) else {
                continue;
            };
            let of = (numbered.topic.to_string(), numbered.number);
            self.assigned.seek(partition, offset);
            if let Err(failure) = self.assign_again(&of, offset) {
                tracing::error!(topic = of.0, partition = of.1, %failure, "a seek failed");
            }
            self.apply_pace(&[of]);
        }
    }

    /// Assigns a partition at another offset. librdkafka refuses a seek after an offset was out of range.
    fn assign_again(&self, of: &TopicPartition, offset: i64) -> Result<(), Failure> {
        let moved = if is_incremental(&self.client) {
            let gone = list([(of, Offset::Invalid)])?;
            let there = list([(of, Offset::Offset(offset))])?;
            let gone = self.client.incremental_unassign(&gone);
            gone.and_then(|()| self.client.incremental_assign(&there))
        } else {
            let all = self.assigned.next_offsets();
            let all = list(all.iter().map(|(of, at)| (of, Offset::Offset(*at))))?;
            self.client.assign(&all)
        };
        moved.map_err(|error| failure(&error))
    }

    pub(super) fn read_starts(&self, partitions: Vec<TopicPartition>, delay: Duration) {
        // One that is found later is newer than the subscription.
        let begin = if self.has_begun {
            Begin::Earliest
        } else {
            self.subscription.begin
        };
        self.lookups.send(LookUp::Starts {
            partitions,
            begin,
            delivery: self.subscription.delivery(),
            delay,
        });
    }

    /// Assigns the partitions whose beginnings are known now.
    fn on_starts(&mut self, starts: Vec<StartPosition>, inputs: &mut Vec<Input>) {
        // It may have been given up.
        if self.rebalancing.reading().is_none() {
            return;
        }
        self.rebalancing.on_read();
        let is_broadcast = self.subscription.delivery() == Delivery::Broadcast;
        let mut partitions = Vec::new();
        for StartPosition { of, start, done } in starts {
            let offset = match start {
                Start::Committed(offset) | Start::Resolved(offset) => offset,
            };
            // Nobody has committed where a broadcast was.
            let resumed = self.numbers.resume(&of.0, of.1).filter(|_| is_broadcast);
            let (start, offset) =
                resumed.map_or((start, offset), |offset| (Start::Resolved(offset), offset));
            let numbered = self.numbers.assign(&of.0, of.1);
            self.assigned.add(numbered.clone(), offset);
            inputs.push(Input::Assigned {
                assigned: numbered,
                start,
                done,
            });
            partitions.push((of, offset));
        }
        self.answer(&Answered::Assign(partitions.clone()));
        // librdkafka keeps a pause of an assignment before.
        let partitions: Vec<_> = partitions.into_iter().map(|(of, _)| of).collect();
        self.apply_pace(&partitions);
        self.joined(inputs);
    }

    fn joined(&mut self, inputs: &mut Vec<Input>) {
        self.has_begun = true;
        inputs.push(Input::Joined);
    }

    pub(super) fn answer(&self, answered: &Answered) {
        answer(&self.client, answered);
    }

    /// Asks what is to be known.
    pub(super) fn look_up(&mut self, now: Instant) {
        if self.ranges == Ranges::Wanted {
            self.ranges = Ranges::Asked;
            self.lookups.send(LookUp::Ranges(self.assigned.all()));
        }
        // A look-up of beginnings, which records wait for, would wait behind it.
        if self.next_ends.is_some_and(|at| at <= now) && self.rebalancing.is_idle() {
            let partitions = self.assigned.all();
            if !partitions.is_empty() {
                self.next_ends = None;
                self.lookups.send(LookUp::Ends(partitions));
            }
        }
        if self.next_partitions.is_some_and(|at| at <= now)
            && let Topics::Named(names) = &self.subscription.topics
        {
            self.next_partitions = None;
            self.lookups.send(LookUp::Partitions(names.clone()));
        }
    }
}
