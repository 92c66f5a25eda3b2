//! The reply partitions: their assignment, their records, and whether they can be read.

use std::time::{Duration, Instant};

use livebus_core::dispatch::PartitionId;
use livebus_core::{Failure, FailureClass};
use livebus_runner::calls::{CallInput, ReplyPartitions as Wanted};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::KafkaCallClient;
use crate::calls::lookups::{Found, LookUp};
use crate::calls::positions::{Range, Start};
use crate::consumer::list;
use crate::error_class::failure;
use crate::lock::lock;

/// The most records of one poll.
const MAX_RECORDS: u32 = 4_096;

/// The most bytes of one poll.
const MAX_BYTES: usize = 256 << 10;

/// The time from one look for added partitions to the next.
const ADDED_INTERVAL: Duration = Duration::from_secs(5);

impl KafkaCallClient {
    /// Assigns the partitions that were found, each so that no reply is missed. From then on every record that is written is fetched.
    pub(super) fn assign(
        &mut self,
        found: &Found,
        took: Duration,
        now: Instant,
    ) -> Result<Option<i32>, Failure> {
        let starts: Vec<_> = {
            let positions = lock(&self.positions);
            let starts = found.ranges.iter();
            starts
                .map(|range| (range.partition, positions.start(*range)))
                .collect()
        };
        for (partition, start) in &starts {
            self.log_start(*partition, *start);
        }
        let starts = starts
            .iter()
            .map(|(partition, start)| (*partition, start.offset()));
        self.partitions.assign(starts);
        self.assign_all()?;
        lock(&self.positions).chosen = found.chosen;
        self.fetches = crate::consumer::FetchCheck::default();
        self.leaders.begin(&self.partitions.numbers(), took, now);
        // It is a new assignment: nothing of what was reported counts for it.
        self.reported = None;
        (self.rewinds, self.is_stuck) = (false, false);
        let follows = self.subscription.partitions == Wanted::All;
        self.next_added = follows.then(|| now + ADDED_INTERVAL);
        Ok(found.chosen)
    }

    /// Assigns all partitions at their next offsets.
    fn assign_all(&self) -> Result<(), Failure> {
        let all = self.partitions.next_offsets();
        let all = list(all.iter().map(|(of, at)| (of, *at)))?;
        self.client.assign(&all).map_err(|error| failure(&error))
    }

    fn log_start(&self, partition: i32, start: Start) {
        let (caller, topic) = (&*self.subscription.caller, &*self.subscription.topic);
        match start {
            Start::Gone { next, low } => tracing::warn!(
                caller,
                topic,
                partition,
                next,
                low,
                "the next record of a reply partition is not there: it was removed, or the topic was created again; reading goes on with the first one"
            ),
            Start::End(offset) | Start::Next(offset) | Start::New(offset) => {
                tracing::debug!(caller, topic, partition, offset, "replies are read");
            }
        }
    }

    /// Takes records from librdkafka's queue. Returns whether it is empty.
    pub(super) fn drain(&mut self, now: Instant, inputs: &mut Vec<CallInput>) -> bool {
        let (mut records, mut bytes) = (0, 0);
        let client = std::sync::Arc::clone(&self.client);
        let is_empty = loop {
            if records >= MAX_RECORDS || bytes >= MAX_BYTES {
                break false;
            }
            let calls = client.context().calls();
            match client.poll(Duration::ZERO) {
                Some(Ok(message)) => {
                    records += 1;
                    if let Some((partition, added)) = self.partitions.push(&message) {
                        bytes += added;
                        self.on_read(partition, now);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    if self.partitions.contains(partition) {
                        self.on_read(partition, now);
                    }
                }
                Some(Err(error)) => self.on_error(&error, now, inputs),
                // It returns nothing after a callback, too.
                None if client.context().calls() != calls => {}
                None => break true,
            }
        };
        self.partitions.take(inputs);
        is_empty
    }

    /// A record of a partition was read, or its end.
    fn on_read(&mut self, partition: i32, now: Instant) {
        self.leaders.on_read(partition, now);
        if self.fetches.is_checking() {
            self.fetches.on_records(id(partition));
        }
    }

    fn on_error(&mut self, error: &KafkaError, now: Instant, inputs: &mut Vec<CallInput>) {
        use RDKafkaErrorCode as Code;

        let failed = failure(error);
        let caller = &*self.subscription.caller;
        if let KafkaError::MessageConsumptionFatal(_) = error {
            if !self.is_lost {
                self.is_lost = true;
                inputs.push(CallInput::ClientLost(failed));
            }
            return;
        }
        let code = error.rdkafka_error_code();
        match code {
            // A look-up finds out which partition it is, and where it goes on; or that the topic is missing: a broker that has just started
            // may not know all partitions.
            Some(
                Code::AutoOffsetReset
                | Code::OffsetOutOfRange
                | Code::UnknownPartition
                | Code::UnknownTopic
                | Code::UnknownTopicOrPartition,
            ) if !self.partitions.is_empty() => {
                tracing::debug!(caller, %error, "a reply partition is not read");
                self.is_stuck = true;
                self.leaders.check_soon();
            }
            Some(Code::LogTruncation) => self.rewinds = true,
            // The group has no members, and its coordinator does not matter.
            Some(
                Code::GroupAuthorizationFailed
                | Code::CoordinatorNotAvailable
                | Code::CoordinatorLoadInProgress
                | Code::NotCoordinator,
            ) => {}
            _ if is_transport(failed) => tracing::debug!(caller, %error, "reading replies"),
            _ => {
                let is_assigned = !self.partitions.is_empty();
                if !is_assigned {
                    inputs.push(CallInput::Failed(failed));
                }
                // librdkafka repeats it as long as it lasts.
                if is_assigned && !self.fetches.on_refused(failed, now) {
                    tracing::debug!(caller, %error, "reading replies still fails");
                } else {
                    let topic = &*self.subscription.topic;
                    tracing::warn!(caller, topic, %error, "reading replies failed: it is tried again");
                }
            }
        }
    }

    /// Takes what the leaders of partitions have answered.
    pub(super) fn on_checked(
        &mut self,
        asked: &[(i32, i64)],
        result: &Result<Vec<Range>, Failure>,
        took: Duration,
        now: Instant,
    ) {
        let numbers: Vec<_> = asked.iter().map(|(number, _)| *number).collect();
        if let Ok(ranges) = result {
            let gone = self.partitions.out_of_range(asked, ranges);
            for (range, next) in &gone {
                let low = range.low;
                self.log_start(range.partition, Start::Gone { next: *next, low });
                self.partitions.set(range.partition, low);
            }
            if std::mem::take(&mut self.is_stuck) || !gone.is_empty() {
                self.assign_again();
            }
        }
        let result = result.as_ref().map(|_| ()).map_err(|failure| *failure);
        let was_failing = self.leaders.failing().is_some();
        self.leaders.on_answer(&numbers, result, took, now);
        if !was_failing && self.leaders.failing().is_some() {
            // Then the first fetch that works reports records, or the end of the partition, before the next look-up is over.
            self.assign_again();
        }
    }

    fn assign_again(&self) {
        if let Err(failure) = self.assign_all() {
            let (caller, topic) = (&*self.subscription.caller, &*self.subscription.topic);
            tracing::error!(caller, topic, %failure, "assigning the reply partitions again failed");
        }
    }

    /// Takes partitions that were added to the topic, with their first records.
    pub(super) fn on_added(&mut self, result: Result<Vec<Range>, Failure>, now: Instant) {
        self.next_added = Some(now + ADDED_INTERVAL);
        let added = result.unwrap_or_default().into_iter();
        let added: Vec<_> = added
            .filter(|it| !self.partitions.contains(it.partition))
            .collect();
        for range in &added {
            let start = lock(&self.positions).start(*range);
            self.log_start(range.partition, start);
            self.partitions.set(range.partition, start.offset());
            self.leaders.add(range.partition, now);
        }
        if !added.is_empty() {
            self.assign_again();
        }
    }

    /// Assigns the partitions again, where that shows whether they can be fetched, or where they are to continue elsewhere.
    pub(super) fn continue_elsewhere(&mut self, now: Instant) {
        if std::mem::take(&mut self.rewinds) {
            let caller = &*self.subscription.caller;
            tracing::warn!(
                caller,
                topic = &*self.subscription.topic,
                "records of the reply topic were lost by its brokers: it is read again from its start"
            );
            for number in self.partitions.numbers() {
                self.partitions.set(number, 0);
            }
            // If the first record is another one, it is out of range, and that is found.
            self.assign_again();
        }
        self.fetches.end();
        if self.fetches.next().is_some_and(|at| at <= now) {
            let numbers = self.partitions.numbers().into_iter();
            self.fetches.begin(numbers.map(id), now);
            self.assign_again();
        }
    }

    /// Asks what is to be known.
    pub(super) fn look_up(&mut self, now: Instant) {
        if let Some(check) = self.leaders.begin_check(now) {
            self.checks.send(LookUp::Check {
                partitions: self.partitions.with_next(&check.partitions),
                timeout: check.timeout,
            });
        }
        if self.next_added.is_some_and(|at| at <= now) {
            self.next_added = None;
            let known = self.partitions.numbers();
            self.checks.send(LookUp::Added { known });
        }
    }

    /// Reports whether the partitions can be read, if that has changed.
    pub(super) fn report(&mut self, inputs: &mut Vec<CallInput>) {
        let failing = self.fetches.failure().or_else(|| self.leaders.failing());
        if failing == self.reported {
            return;
        }
        let caller = &*self.subscription.caller;
        self.reported = failing;
        if let Some(failure) = failing {
            tracing::debug!(caller, %failure, "replies cannot be read");
            inputs.push(CallInput::RepliesUnreachable(failure));
        } else {
            tracing::debug!(caller, "replies can be read again");
            inputs.push(CallInput::RepliesReachable);
        }
    }
}

/// librdkafka connects again on its own, and the leaders are asked otherwise.
const fn is_transport(failure: Failure) -> bool {
    matches!(
        failure.class,
        FailureClass::Unreachable | FailureClass::BrokerUnreachable | FailureClass::Timeout
    )
}

/// Returns the number of a partition as the check of fetches has it.
fn id(partition: i32) -> PartitionId {
    PartitionId(partition.unsigned_abs())
}
