//! The call that commits, and which of its positions the group has then.
//!
//! rdkafka's synchronous commit returns one error for all positions: that of the last one that failed, though the brokers may have taken the
//! others. So after an error the committed positions are read, and those that are there are acknowledged.

use std::time::Duration;

use livebus_core::Failure;
use livebus_core::dispatch::PartitionId;
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::consumer::commits::{PositionResults, all};
use crate::consumer::context::Client;
use crate::consumer::done_set::metadata;
use crate::consumer::lookups::list;
use crate::error_class::failure;

/// How long it may take to read the committed positions.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Positions to commit.
#[derive(Debug)]
pub(crate) struct CommitCall {
    /// The partitions of the positions, in the order of the list.
    pub(crate) partitions: Vec<PartitionId>,
    pub(crate) positions: TopicPartitionList,
}

impl CommitCall {
    /// Commits, and waits for the answer.
    pub(crate) fn make(&self, client: &Client) -> PositionResults {
        let Err(error) = client.commit(&self.positions, CommitMode::Sync) else {
            return self.all(Ok(()));
        };
        let failure = failure(&error);
        // What the client reports is about the whole call; so is anything about one position.
        let is_from_broker = failure.code.is_some_and(|code| code > 0);
        if !is_from_broker || self.positions.count() == 1 {
            return self.all(Err(failure));
        }
        match self.read(client) {
            Ok(committed) => self.results(&committed, failure),
            Err(_) => self.all(Err(failure)),
        }
    }

    /// Returns the same result for all positions.
    pub(crate) fn all(&self, result: Result<(), Failure>) -> PositionResults {
        all(self.partitions.clone(), result)
    }

    fn read(&self, client: &Client) -> Result<TopicPartitionList, Failure> {
        let of = self.positions.elements();
        let of: Vec<_> = of
            .iter()
            .map(|it| (it.topic().to_owned(), it.partition()))
            .collect();
        let asked = list(of.iter().map(|of| (of, Offset::Invalid)))?;
        client
            .committed_offsets(asked, TIMEOUT)
            .map_err(|error| failure(&error))
    }

    /// Returns which positions the group has. The others failed with what was read about them, else with `failure`.
    fn results(&self, committed: &TopicPartitionList, failed: Failure) -> PositionResults {
        let elements = self.positions.elements();
        let results = elements.iter().map(|sent| {
            let found = committed.find_partition(sent.topic(), sent.partition());
            let found = found.ok_or(failed)?;
            found.error().map_err(|error| failure(&error))?;
            if found.offset() == sent.offset() && metadata(&found) == metadata(sent) {
                Ok(())
            } else {
                Err(failed)
            }
        });
        self.partitions.iter().copied().zip(results).collect()
    }
}

#[cfg(test)]
mod tests {
    use livebus_core::FailureClass;

    use super::*;

    /// Returns positions of partition 0 of these topics, with their metadata.
    fn positions(all: &[(&str, Offset, &str)]) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for (topic, offset, metadata) in all {
            list.add_partition_offset(topic, 0, *offset)
                .expect("the offset is valid");
            if !metadata.is_empty() {
                let mut element = list.find_partition(topic, 0).expect("it was added");
                element.set_metadata(metadata);
            }
        }
        list
    }

    fn call(all: &[(&str, Offset, &str)]) -> CommitCall {
        let partitions = (0..).map(PartitionId).take(all.len());
        CommitCall {
            partitions: partitions.collect(),
            positions: positions(all),
        }
    }

    #[test]
    fn position_that_the_group_has_is_acknowledged_and_others_failed() {
        let at = Offset::Offset;
        let call = call(&[
            ("deleted", at(5), ""),
            ("orders", at(7), ""),
            ("older", at(9), ""),
            ("done", at(3), "v1:5"),
            ("unknown", at(1), ""),
        ]);
        let committed = positions(&[
            ("orders", at(7), ""),
            ("deleted", Offset::Invalid, ""),
            ("older", at(8), ""),
            ("done", at(3), "v1:5"),
        ]);
        let failed = Failure::from(FailureClass::TopicMissing);
        let results = call.results(&committed, failed);
        let results: Vec<_> = results.into_iter().map(|(it, of)| (it.0, of)).collect();
        assert_eq!(
            results,
            [
                (0, Err(failed)),
                (1, Ok(())),
                (2, Err(failed)),
                (3, Ok(())),
                (4, Err(failed)),
            ]
        );
    }

    #[test]
    fn position_with_other_done_records_is_not_acknowledged() {
        let at = Offset::Offset;
        let failed = Failure::from(FailureClass::TopicMissing);
        for (sent, read) in [("v1:5", ""), ("", "v1:5"), ("v1:5", "v1:6")] {
            let call = call(&[("orders", at(3), sent)]);
            let committed = positions(&[("orders", at(3), read)]);
            let results = call.results(&committed, failed);
            assert_eq!(results, [(PartitionId(0), Err(failed))], "{sent} {read}");
        }
    }
}
