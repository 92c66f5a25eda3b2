//! Questions to the brokers about the reply topic, on threads of their own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use livebus_core::calls::{AssignmentId, CallId, Sent};
use livebus_core::{Failure, FailureClass};
use livebus_runner::calls::ReplyPartitions as Wanted;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::MetadataPartition;
use rdkafka::topic_partition_list::Offset;

use super::context::Client;
use super::positions::{Range, choose};
use crate::consumer::{TopicPartition, list};
use crate::deadlines::{left_until, share};
use crate::error_class::{classify, failure};

/// How long looking at the partitions of the topic may take, where nothing waits for it.
const PARTITIONS_TIMEOUT: Duration = Duration::from_secs(5);

/// How long it may take to find out why a leader does not answer.
const REASON_TIMEOUT: Duration = Duration::from_millis(500);

/// A look-up.
#[derive(Debug)]
pub(super) enum LookUp {
    /// Which partitions are to be assigned, and which offsets they have.
    Assign {
        id: AssignmentId,
        wanted: Wanted,
        /// What was chosen before.
        chosen: Option<i32>,
        instance: u64,
        deadline: Instant,
    },
    /// Whether the leaders of partitions answer, and which offsets these have.
    Check {
        /// With their next offsets.
        partitions: Vec<(i32, i64)>,
        timeout: Duration,
    },
    /// Which partitions the topic has, and the offsets of those that are not known.
    Added { known: Vec<i32> },
}

/// What other threads answer to the loop of a caller.
#[derive(Debug)]
pub(super) enum Answer {
    /// Answers [`LookUp::Assign`].
    Found {
        id: AssignmentId,
        result: Result<Found, Failure>,
        took: Duration,
    },
    /// Answers [`LookUp::Check`].
    Checked {
        partitions: Vec<(i32, i64)>,
        result: Result<Vec<Range>, Failure>,
        took: Duration,
    },
    /// Answers [`LookUp::Added`].
    Added(Result<Vec<Range>, Failure>),
    /// The delivery of a request is over.
    Sent {
        call: CallId,
        attempt: u32,
        result: Sent,
        partition: Option<i32>,
    },
}

/// The partitions to assign.
#[derive(Debug)]
pub(super) struct Found {
    /// The one that replies are to arrive at; `None`: any.
    pub(super) chosen: Option<i32>,
    pub(super) ranges: Vec<Range>,
}

/// Asks about one topic.
#[derive(Clone)]
pub(super) struct Inquirer {
    pub(super) client: Arc<Client>,
    pub(super) topic: Arc<str>,
}

impl Inquirer {
    /// Asks, and waits for the answer.
    pub(super) fn ask(&self, lookup: LookUp) -> Answer {
        let begin = Instant::now();
        match lookup {
            LookUp::Assign {
                id,
                wanted,
                chosen,
                instance,
                deadline,
            } => {
                // A little before the deadline, so that the answer says why.
                let until = begin + share(left_until(deadline), 9, 10);
                let result = self.find(wanted, chosen, instance, until);
                Answer::Found {
                    id,
                    result,
                    took: begin.elapsed(),
                }
            }
            LookUp::Check {
                partitions,
                timeout,
            } => {
                let numbers: Vec<_> = partitions.iter().map(|(number, _)| *number).collect();
                let result = self.check(&numbers, timeout);
                Answer::Checked {
                    partitions,
                    result,
                    took: begin.elapsed(),
                }
            }
            LookUp::Added { known } => Answer::Added(self.added(&known)),
        }
    }

    fn find(
        &self,
        wanted: Wanted,
        chosen: Option<i32>,
        instance: u64,
        until: Instant,
    ) -> Result<Found, Failure> {
        let all = self.partitions(left_until(until))?;
        let one = match wanted {
            Wanted::All => None,
            Wanted::One(number) => Some(number),
            Wanted::OfInstance => chosen.or_else(|| choose(instance, &all)),
        };
        let partitions = match one {
            Some(number) if all.contains(&number) => vec![number],
            Some(_) => {
                let code = RDKafkaErrorCode::UnknownPartition as i32;
                return Err(Failure::with_code(FailureClass::TopicMissing, code));
            }
            None => all,
        };
        let ranges = self.ranges(&partitions, until);
        let ranges = ranges.map_err(|failure| self.reason(&partitions, failure, left_until(until)));
        Ok(Found {
            chosen: one,
            ranges: ranges?,
        })
    }

    fn check(&self, partitions: &[i32], timeout: Duration) -> Result<Vec<Range>, Failure> {
        let ranges = self.ranges(partitions, Instant::now() + timeout);
        ranges.map_err(|failure| self.reason(partitions, failure, REASON_TIMEOUT))
    }

    fn added(&self, known: &[i32]) -> Result<Vec<Range>, Failure> {
        let all = self.partitions(PARTITIONS_TIMEOUT)?;
        let new: Vec<_> = all.into_iter().filter(|it| !known.contains(it)).collect();
        self.ranges(&new, Instant::now() + PARTITIONS_TIMEOUT)
    }

    /// Returns the partitions of the topic.
    fn partitions(&self, timeout: Duration) -> Result<Vec<i32>, Failure> {
        self.metadata(timeout, MetadataPartition::id)
    }

    fn metadata<T>(
        &self,
        timeout: Duration,
        of: impl Fn(&MetadataPartition) -> T,
    ) -> Result<Vec<T>, Failure> {
        let metadata = self.client.fetch_metadata(Some(&self.topic), timeout);
        let metadata = metadata.map_err(|error| failure(&error))?;
        let found = metadata
            .topics()
            .iter()
            .find(|it| it.name() == &*self.topic);
        let found = found.ok_or(FailureClass::TopicMissing)?;
        if let Some(error) = found.error() {
            let code = RDKafkaErrorCode::from(error);
            return Err(Failure::with_code(classify(code), code as i32));
        }
        if found.partitions().is_empty() {
            return Err(FailureClass::TopicMissing.into());
        }
        Ok(found.partitions().iter().map(of).collect())
    }

    /// Returns which offsets partitions have, as their leaders answer.
    fn ranges(&self, partitions: &[i32], until: Instant) -> Result<Vec<Range>, Failure> {
        let lows = self.offsets(partitions, Offset::Beginning, left_until(until))?;
        let highs = self.offsets(partitions, Offset::End, left_until(until))?;
        let both = lows.into_iter().zip(highs);
        let ranges = both.map(|((partition, low), (_, high))| Range {
            partition,
            low,
            high,
        });
        Ok(ranges.collect())
    }

    /// Returns the offsets at the beginning or at the end of partitions, in their order.
    fn offsets(
        &self,
        partitions: &[i32],
        at: Offset,
        timeout: Duration,
    ) -> Result<Vec<(i32, i64)>, Failure> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let of = |number: &i32| -> TopicPartition { (self.topic.to_string(), *number) };
        let asked: Vec<_> = partitions.iter().map(of).collect();
        // The offsets at the special timestamps -2 and -1.
        let asked = list(asked.iter().map(|of| (of, at)))?;
        let answered = self.client.offsets_for_times(asked, timeout);
        let answered = answered.map_err(|error| failure(&error))?;
        let offset = |number: &i32| {
            let element = answered.find_partition(&self.topic, *number);
            let element = element.ok_or(FailureClass::Other)?;
            element.error().map_err(|error| failure(&error))?;
            match element.offset() {
                Offset::Offset(offset) => Ok((*number, offset)),
                Offset::Invalid
                | Offset::Beginning
                | Offset::End
                | Offset::Stored
                | Offset::OffsetTail(_) => Err(FailureClass::Other.into()),
            }
        };
        partitions.iter().map(offset).collect()
    }

    /// Returns why the leaders of partitions did not answer, as far as the other brokers know.
    fn reason(&self, partitions: &[i32], failed: Failure, timeout: Duration) -> Failure {
        // So librdkafka reports that none of the partitions has a leader.
        let has_no_leader = failed.code == Some(RDKafkaErrorCode::UnknownPartition as i32);
        let is_silence = matches!(
            failed.class,
            FailureClass::Timeout | FailureClass::Unreachable
        );
        if !(is_silence || has_no_leader) || timeout.is_zero() {
            return failed;
        }
        match self.metadata(timeout, |it| (it.id(), it.leader())) {
            Ok(leaders) => reason(partitions, &leaders),
            Err(missing) if missing.class == FailureClass::TopicMissing => missing,
            Err(_) if has_no_leader => FailureClass::NoLeader.into(),
            Err(_) => failed,
        }
    }
}

/// Returns why the leaders of partitions did not answer, where the others know these leaders.
fn reason(partitions: &[i32], leaders: &[(i32, i32)]) -> Failure {
    let leader = |partition: &i32| leaders.iter().find(|(number, _)| number == partition);
    let class = |partition| match leader(partition) {
        None => FailureClass::TopicMissing,
        Some((_, leader)) if *leader < 0 => FailureClass::NoLeader,
        Some(_) => FailureClass::BrokerUnreachable,
    };
    let classes = || partitions.iter().map(class);
    let is_any = |wanted| classes().any(|it| it == wanted);
    let first = [FailureClass::TopicMissing, FailureClass::NoLeader];
    let first = first.into_iter().find(|it| is_any(*it));
    first.unwrap_or(FailureClass::BrokerUnreachable).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_what_other_brokers_know() {
        let class = |partitions: &[i32]| reason(partitions, &[(0, 1), (1, -1), (2, 3)]).class;
        assert_eq!(class(&[0]), FailureClass::BrokerUnreachable);
        assert_eq!(class(&[0, 1, 2]), FailureClass::NoLeader);
        assert_eq!(class(&[0, 1, 3]), FailureClass::TopicMissing);
    }
}
