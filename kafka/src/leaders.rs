//! The partitions of a round: one for each distinct leader of the liveness topic.

use std::time::{Duration, Instant};

use livebus_core::{Failure, FailureClass};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::Producer as _;

use crate::context::Producer;
use crate::error_class::{classify, failure};

/// The maximum number of leaders in a round. One acknowledgement is enough, and three failures are hardly chance.
const MAX_LEADERS: usize = 3;

/// The partitions of a round, and the instant of their look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaders {
    pub(crate) partitions: Vec<i32>,
    /// Whether there are brokers other than these leaders.
    pub(crate) others: bool,
    looked_up: Instant,
}

impl Leaders {
    /// Sends a metadata request to any broker. Blocks for up to `timeout`, and for all of it while no broker answers.
    ///
    /// Requests all topics, because brokers may create a topic that is requested by name.
    pub(crate) fn look_up(
        producer: &Producer,
        topic: &str,
        timeout: Duration,
    ) -> Result<Self, Failure> {
        let metadata = producer
            .client()
            .fetch_metadata(None, timeout)
            .map_err(|error| failure(&error))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        match found {
            Some(topic) => Self::of(topic, metadata.brokers().len()),
            None => Err(missing()),
        }
    }

    /// Returns whether they should be looked up again, because they may have moved.
    pub(crate) fn are_old(&self) -> bool {
        self.looked_up.elapsed() > Duration::from_mins(1)
    }

    fn of(topic: &MetadataTopic, brokers: usize) -> Result<Self, Failure> {
        if let Some(error) = topic.error() {
            let error: RDKafkaErrorCode = error.into();
            return Err(failure(&KafkaError::MetadataFetch(error)));
        }
        let leaders = topic
            .partitions()
            .iter()
            .map(|partition| (partition.id(), partition.leader()));
        let partitions = one_each(leaders);
        if partitions.is_empty() {
            let code = RDKafkaErrorCode::LeaderNotAvailable;
            return Err(Failure::with_code(classify(code), code as i32));
        }
        Ok(Self {
            others: brokers > partitions.len(),
            partitions,
            looked_up: Instant::now(),
        })
    }
}

const fn missing() -> Failure {
    Failure::with_code(
        FailureClass::TopicMissing,
        RDKafkaErrorCode::UnknownTopicOrPartition as i32,
    )
}

/// Returns the first partition of each leader, from (partition, leader); a leader of -1 is none.
fn one_each(partitions: impl Iterator<Item = (i32, i32)>) -> Vec<i32> {
    let mut chosen: Vec<(i32, i32)> = Vec::with_capacity(MAX_LEADERS);
    for (partition, leader) in partitions {
        let known = chosen.iter().any(|(_, other)| *other == leader);
        if leader >= 0 && !known && chosen.len() < MAX_LEADERS {
            chosen.push((partition, leader));
        }
    }
    chosen.into_iter().map(|(partition, _)| partition).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_leader_gets_one_partition_and_at_most_three_leaders_count() {
        assert_eq!(one_each([(0, 1), (1, 1), (2, 2)].into_iter()), [0, 2]);
        assert_eq!(one_each([(0, -1), (1, 7)].into_iter()), [1]);
        assert_eq!(
            one_each([(0, 1), (1, 2), (2, 3), (3, 4)].into_iter()),
            [0, 1, 2]
        );
        assert!(one_each([(0, -1)].into_iter()).is_empty());
    }
}
