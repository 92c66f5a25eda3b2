//! The reply partitions that are assigned, and the records that were fetched of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use livebus_runner::calls::CallInput;
use livebus_runner::handlers::{Batch, BatchMemory};
use rdkafka::Message as _;
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::Offset;

use super::positions::{Positions, Range};
use crate::consumer::TopicPartition;
use crate::lock::lock;
use crate::record_copy::copy;

/// The partitions that are assigned. Their next offsets are kept for the clients that come later.
pub(super) struct ReplyPartitions {
    topic: Arc<str>,
    positions: Arc<Mutex<Positions>>,
    all: BTreeMap<i32, ReplyPartition>,
    /// The partitions with records that were not taken, in the order of their first one.
    touched: Vec<i32>,
    memory: BatchMemory,
}

struct ReplyPartition {
    next: i64,
    batch: Option<Batch>,
}

impl ReplyPartitions {
    pub(super) fn new(topic: Arc<str>, positions: Arc<Mutex<Positions>>) -> Self {
        Self {
            topic,
            positions,
            all: BTreeMap::new(),
            touched: Vec::new(),
            memory: BatchMemory::default(),
        }
    }

    /// Replaces all partitions, each with its next offset.
    pub(super) fn assign(&mut self, partitions: impl IntoIterator<Item = (i32, i64)>) {
        self.all.clear();
        self.touched.clear();
        for (number, next) in partitions {
            self.set(number, next);
        }
    }

    /// Adds a partition, or continues it elsewhere.
    pub(super) fn set(&mut self, number: i32, next: i64) {
        let partition = ReplyPartition { next, batch: None };
        self.all.insert(number, partition);
        lock(&self.positions).next.insert(number, next);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn contains(&self, number: i32) -> bool {
        self.all.contains_key(&number)
    }

    pub(super) fn numbers(&self) -> Vec<i32> {
        self.all.keys().copied().collect()
    }

    /// Returns the partitions as librdkafka takes them, each at its next offset.
    pub(super) fn next_offsets(&self) -> Vec<(TopicPartition, Offset)> {
        let all = self.all.iter();
        all.map(|(number, it)| ((self.topic.to_string(), *number), Offset::Offset(it.next)))
            .collect()
    }

    /// Copies a record. Returns its partition and its bytes; `None` if that is not assigned, or the record was fetched before.
    pub(super) fn push(&mut self, message: &BorrowedMessage<'_>) -> Option<(i32, usize)> {
        let number = message.partition();
        let partition = self.all.get_mut(&number)?;
        if message.offset() < partition.next {
            return None;
        }
        let batch = match &mut partition.batch {
            Some(batch) => batch,
            none => {
                self.touched.push(number);
                let topic = Arc::clone(&self.topic);
                none.insert(Batch::with_memory(topic, number, &self.memory))
            }
        };
        let bytes = copy(batch, message, true);
        partition.next = message.offset() + 1;
        Some((number, bytes))
    }

    /// Takes the records.
    pub(super) fn take(&mut self, inputs: &mut Vec<CallInput>) {
        if self.touched.is_empty() {
            return;
        }
        let mut positions = lock(&self.positions);
        for number in self.touched.drain(..) {
            let Some(partition) = self.all.get_mut(&number) else {
                continue;
            };
            positions.next.insert(number, partition.next);
            inputs.extend(partition.batch.take().map(CallInput::Fetched));
        }
    }

    /// Returns these partitions, each with its next offset.
    pub(super) fn with_next(&self, numbers: &[i32]) -> Vec<(i32, i64)> {
        let next = |number: &i32| Some((*number, self.all.get(number)?.next));
        numbers.iter().filter_map(next).collect()
    }

    /// Returns the partitions that had `asked` as their next offsets when a look-up began, have them still, and they are not there. One that
    /// was read in the meantime may be ahead of the look-up.
    pub(super) fn out_of_range(&self, asked: &[(i32, i64)], ranges: &[Range]) -> Vec<(Range, i64)> {
        let is_there = |range: &Range, next| (range.low..=range.high).contains(&next);
        let found = ranges.iter().filter_map(|range| {
            let next = self.all.get(&range.partition)?.next;
            let was_asked = asked.contains(&(range.partition, next));
            (was_asked && !is_there(range, next)).then_some((*range, next))
        });
        found.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_offsets_are_kept_for_later_clients() {
        let positions = Arc::<Mutex<Positions>>::default();
        let mut partitions = ReplyPartitions::new(Arc::from("replies"), Arc::clone(&positions));
        partitions.assign([(0, 5), (2, 7)]);
        partitions.assign([(2, 9)]);
        assert_eq!(partitions.numbers(), [2]);
        assert!(partitions.contains(2) && !partitions.contains(0));
        let next = partitions.next_offsets();
        assert_eq!(next, [(("replies".to_owned(), 2), Offset::Offset(9))]);
        let kept: Vec<_> = lock(&positions).next.clone().into_iter().collect();
        assert_eq!(kept, [(0, 5), (2, 9)]);
    }

    #[test]
    fn only_an_offset_that_is_not_there_is_out_of_range() {
        let mut partitions = ReplyPartitions::new(Arc::from("replies"), Arc::default());
        partitions.assign((0..4).map(|number| (number, 100)));
        let range = |partition, low, high| Range {
            partition,
            low,
            high,
        };
        let ranges = [
            range(0, 101, 200),
            range(1, 100, 200),
            range(2, 0, 100),
            range(3, 5, 99),
            range(9, 200, 300),
        ];
        let asked = partitions.with_next(&[0, 1, 2, 3, 9]);
        let found = partitions.out_of_range(&asked, &ranges);
        assert_eq!(found, [(ranges[0], 100), (ranges[3], 100)]);
        partitions.set(3, 101);
        let found = partitions.out_of_range(&asked, &ranges);
        assert_eq!(found, [(ranges[0], 100)], "3 was read in the meantime");
    }
}
