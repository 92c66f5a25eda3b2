//! Records and errors from librdkafka's queue, and the positions that are committed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use livebus_core::dispatch::{Pace, Position, Room};
use livebus_core::{Failure, FailureClass};
use livebus_runner::handlers::Input;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset;

use super::{KafkaConsumer, Ranges};
use crate::consumer::commit_calls::CommitCall;
use crate::consumer::context::TopicPartition;
use crate::consumer::done_set;
use crate::consumer::lookups::list;
use crate::error_class::failure;

/// The most records of one poll. A poll of as many takes some milliseconds, and verdicts wait for it.
const MAX_RECORDS: u32 = 4_096;

/// The most bytes of one poll. Batches that are not larger find their memory where one before them was freed.
const MAX_BYTES: u64 = 256 << 10;

/// The time from one record to the next at the slow pace.
const SLOW: Duration = Duration::from_secs(1);

impl KafkaConsumer {
    /// Takes records from librdkafka's queue while there is room. Returns whether the queue is empty.
    pub(super) fn drain(&mut self, room: Room, now: Instant, inputs: &mut Vec<Input>) -> bool {
        let (max, max_bytes) = match self.pace {
            Pace::Full => (room.records.min(MAX_RECORDS), room.bytes.min(MAX_BYTES)),
            Pace::Slow if now < self.next_slow => return true,
            Pace::Slow => {
                self.next_slow = now + SLOW;
                (1, 1)
            }
            // It must be polled, and no record comes.
            Pace::Paused => (MAX_RECORDS, MAX_BYTES),
        };
        let (mut records, mut bytes) = (0, 0_u64);
        let client = Arc::clone(&self.client);
        let with_headers = self.subscription.with_headers;
        let is_empty = loop {
            if records >= max || bytes >= max_bytes {
                break false;
            }
            let calls = client.context().calls();
            match client.poll(Duration::ZERO) {
                Some(Ok(message)) => {
                    records += 1;
                    if let Some(added) = self.assigned.push(&message, with_headers) {
                        bytes += added as u64;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => self.fetches.on_end(),
                Some(Err(error)) => self.on_error(&error, now, inputs),
                // It returns nothing after a callback, too.
                None if client.context().calls() != calls => {}
                None => break true,
            }
        };
        let before = inputs.len();
        self.assigned.take(inputs);
        self.check_fetches(&inputs[before..]);
        is_empty || self.pace == Pace::Slow
    }

    fn check_fetches(&mut self, new: &[Input]) {
        if !self.fetches.is_checking() {
            return;
        }
        for input in new {
            if let Input::Fetched { partition, .. } = input {
                self.fetches.on_records(*partition);
            }
        }
    }

    pub(super) fn on_error(&mut self, error: &KafkaError, now: Instant, inputs: &mut Vec<Input>) {
        let failure = failure(error);
        let handler = &*self.subscription.handler;
        if let KafkaError::MessageConsumptionFatal(_) = error {
            inputs.push(Input::ClientLost(failure));
            return;
        }
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) {
            self.ranges = match self.ranges {
                Ranges::Known | Ranges::Wanted => Ranges::Wanted,
                Ranges::Asked | Ranges::AskedAndWanted => Ranges::AskedAndWanted,
            };
            return;
        }
        // librdkafka connects again on its own; the liveness of the bus is checked elsewhere.
        let is_transport = matches!(
            failure.class,
            FailureClass::Unreachable | FailureClass::BrokerUnreachable | FailureClass::Timeout
        );
        if is_transport {
            tracing::debug!(handler, %error, "consuming");
        } else {
            tracing::warn!(handler, %error, "consuming failed");
            inputs.push(Input::Failed(failure));
            if !self.assigned.is_empty() && self.fetches.on_refused(failure, now) {
                inputs.push(Input::FetchRefused(failure));
            }
        }
    }

    /// Pauses partitions, or resumes them.
    pub(super) fn apply_pace(&self, partitions: &[TopicPartition]) {
        let all = list(partitions.iter().map(|of| (of, Offset::Invalid)));
        let Ok(all) = all else { return };
        let applied = match self.pace {
            Pace::Full | Pace::Slow => self.client.resume(&all),
            Pace::Paused => self.client.pause(&all),
        };
        if let Err(error) = applied {
            tracing::warn!(handler = self.subscription.handler, %error, "pausing failed");
        }
    }

    /// Returns the positions as librdkafka takes them.
    pub(super) fn positions(&mut self, positions: &[Position]) -> Result<CommitCall, Failure> {
        let known = positions.iter().filter_map(|position| {
            let (partition, generation) = (position.partition, position.generation);
            let numbered = self.assigned.by_id(partition, generation)?;
            Some(((numbered.topic.to_string(), numbered.number), position))
        });
        let known: Vec<_> = known.collect();
        let all = list(
            known
                .iter()
                .map(|(of, position)| (of, Offset::Offset(position.offset))),
        )?;
        for (of, position) in &known {
            if !self.takes_metadata {
                continue;
            }
            let metadata = done_set::encode(position.offset, &position.done);
            if metadata.is_none() {
                self.overflows += 1;
                tracing::debug!(
                    topic = of.0,
                    partition = of.1,
                    records = position.done.len(),
                    overflows = self.overflows,
                    "the records that are done above the position do not fit into its metadata"
                );
            }
            if let (Some(metadata), Some(mut element)) = (
                metadata.filter(|it| !it.is_empty()),
                all.find_partition(&of.0, of.1),
            ) {
                element.set_metadata(metadata);
            }
        }
        let partitions = known.iter().map(|(_, position)| position.partition);
        Ok(CommitCall {
            partitions: partitions.collect(),
            positions: all,
        })
    }
}
