//! The partitions that are assigned, and the records that were fetched of them.

use std::collections::HashMap;

use livebus_core::dispatch::{Generation, PartitionId};
use livebus_runner::handlers::{Batch, BatchMemory, Input, Numbered};
use rdkafka::Message as _;
use rdkafka::message::BorrowedMessage;

use crate::consumer::answers::PartitionRange;
use crate::consumer::context::TopicPartition;
use crate::record_copy::copy;

/// The partitions that are assigned.
#[derive(Debug, Default)]
pub(crate) struct Assigned {
    /// By their numbers, which begin with 0.
    partitions: Vec<Option<Partition>>,
    /// The assigned ones alone.
    ids: HashMap<TopicPartition, PartitionId>,
    /// The partitions with records that were not taken, in the order of their first one.
    touched: Vec<PartitionId>,
    /// The partition of the last record: the next one is mostly of the same.
    last: Option<Last>,
    memory: BatchMemory,
}

/// The partition of a record, as librdkafka identifies it. While the partition is assigned, librdkafka keeps its topic, so no other topic has
/// this address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Last {
    topic_address: usize,
    number: i32,
    id: PartitionId,
}

#[derive(Debug)]
struct Partition {
    numbered: Numbered,
    next_offset: i64,
    batch: Option<Batch>,
}

impl Assigned {
    /// Adds a partition, whose next record is at or above `position`.
    pub(crate) fn add(&mut self, numbered: Numbered, position: i64) {
        let of = (numbered.topic.to_string(), numbered.number);
        self.ids.insert(of, numbered.partition);
        let index = index(numbered.partition);
        if self.partitions.len() <= index {
            self.partitions.resize_with(index + 1, || None);
        }
        self.partitions[index] = Some(Partition {
            numbered,
            next_offset: position,
            batch: None,
        });
    }

    /// Removes a partition. Records of it that were not taken are dropped.
    pub(crate) fn remove(&mut self, of: &TopicPartition) -> Option<Numbered> {
        let id = self.ids.remove(of)?;
        self.last = None;
        self.partitions[index(id)].take().map(|it| it.numbered)
    }

    pub(crate) fn get(&self, of: &TopicPartition) -> Option<&Numbered> {
        let id = self.ids.get(of)?;
        self.partition(*id).map(|it| &it.numbered)
    }

    /// Returns a partition, if this is its generation.
    pub(crate) fn by_id(&self, id: PartitionId, generation: Generation) -> Option<&Numbered> {
        let partition = self.partition(id)?;
        (partition.numbered.generation == generation).then_some(&partition.numbered)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub(crate) fn all(&self) -> Vec<TopicPartition> {
        self.ids.keys().cloned().collect()
    }

    /// Returns the next offsets of all partitions.
    pub(crate) fn next_offsets(&self) -> Vec<(TopicPartition, i64)> {
        let all = self.partitions.iter().flatten();
        all.map(|it| {
            (
                (it.numbered.topic.to_string(), it.numbered.number),
                it.next_offset,
            )
        })
        .collect()
    }

    /// Returns what lets each partition continue where it is.
    pub(crate) fn seeks(&self) -> impl Iterator<Item = (PartitionId, Generation, i64)> {
        let all = self.partitions.iter().flatten();
        all.map(|it| {
            let Numbered {
                partition,
                generation,
                ..
            } = it.numbered;
            (partition, generation, it.next_offset)
        })
    }

    /// Sets the next offset, after a seek.
    pub(crate) fn seek(&mut self, id: PartitionId, offset: i64) {
        if let Some(partition) = self.partition_mut(id) {
            partition.next_offset = offset;
        }
    }

    /// Copies a record, with its headers or without. Returns its bytes; `None` if its partition is not assigned.
    pub(crate) fn push(
        &mut self,
        message: &BorrowedMessage<'_>,
        with_headers: bool,
    ) -> Option<usize> {
        let id = self.id_of(message)?;
        let partition = self.partitions.get_mut(index(id))?.as_mut()?;
        let batch = match &mut partition.batch {
            Some(batch) => batch,
            none => {
                self.touched.push(id);
                let topic = std::sync::Arc::clone(&partition.numbered.topic);
                let number = partition.numbered.number;
                none.insert(Batch::with_memory(topic, number, &self.memory))
            }
        };
        let bytes = copy(batch, message, with_headers);
        partition.next_offset = message.offset() + 1;
        Some(bytes)
    }

    /// Returns the partition of a record. Comparing addresses is cheaper than comparing names.
    fn id_of(&mut self, message: &BorrowedMessage<'_>) -> Option<PartitionId> {
        let (topic_address, number) = (message.topic_ptr().addr(), message.partition());
        let last = self
            .last
            .filter(|it| (it.topic_address, it.number) == (topic_address, number));
        if let Some(last) = last {
            return Some(last.id);
        }
        let id = self.ids.get(&(message.topic().to_owned(), number)).copied();
        self.last = id.map(|id| Last {
            topic_address,
            number,
            id,
        });
        id
    }

    fn partition(&self, id: PartitionId) -> Option<&Partition> {
        self.partitions.get(index(id))?.as_ref()
    }

    fn partition_mut(&mut self, id: PartitionId) -> Option<&mut Partition> {
        self.partitions.get_mut(index(id))?.as_mut()
    }

    /// Takes the records.
    pub(crate) fn take(&mut self, inputs: &mut Vec<Input>) {
        for id in self.touched.drain(..) {
            let slot = self.partitions.get_mut(index(id));
            let Some(partition) = slot.and_then(Option::as_mut) else {
                continue;
            };
            if let Some(batch) = partition.batch.take() {
                inputs.push(Input::Fetched {
                    partition: id,
                    generation: partition.numbered.generation,
                    batch,
                });
            }
        }
    }

    /// Reports the partitions whose next offset is not there. Returns whether there was one.
    pub(crate) fn removed(&self, ranges: &[PartitionRange], inputs: &mut Vec<Input>) -> bool {
        let before = inputs.len();
        for range in ranges {
            let id = self.ids.get(&range.of);
            let partition = id.and_then(|id| self.partition(*id));
            let Some(partition) = partition else { continue };
            let from = partition.next_offset;
            if from < range.low || from > range.high {
                inputs.push(Input::Removed {
                    partition: partition.numbered.partition,
                    generation: partition.numbered.generation,
                    from,
                    to: range.low,
                });
            }
        }
        inputs.len() > before
    }
}

fn index(id: PartitionId) -> usize {
    id.0 as usize
}

#[cfg(test)]
mod tests {
    use livebus_runner::handlers::PartitionNumbers;

    use super::*;

    #[test]
    fn only_an_offset_out_of_range_is_removed() {
        let numbers = PartitionNumbers::default();
        let mut assigned = Assigned::default();
        for number in 0..4 {
            assigned.add(numbers.assign("a", number), 100);
        }
        let range = |number, low, high| PartitionRange {
            of: ("a".to_owned(), number),
            low,
            high,
        };
        // Before the first, within, at the end, beyond the end, and not assigned.
        let ranges = [
            range(0, 101, 200),
            range(1, 100, 200),
            range(2, 0, 100),
            range(3, 5, 99),
            range(9, 200, 300),
        ];
        let mut inputs = Vec::new();
        assert!(assigned.removed(&ranges, &mut inputs));
        assert!(!assigned.removed(&ranges[1..3], &mut Vec::new()));
        let removed: Vec<_> = inputs
            .iter()
            .filter_map(|input| {
                let Input::Removed {
                    partition,
                    from,
                    to,
                    ..
                } = input
                else {
                    return None;
                };
                Some((partition.0, *from, *to))
            })
            .collect();
        assert_eq!(removed, [(0, 100, 101), (3, 100, 5)]);
    }

    #[test]
    fn a_partition_is_found_in_its_generation_alone() {
        let numbers = PartitionNumbers::default();
        let mut assigned = Assigned::default();
        let first = numbers.assign("a", 0);
        assigned.add(first.clone(), 0);
        assert!(assigned.remove(&("a".to_owned(), 0)).is_some());
        assigned.add(numbers.assign("a", 0), 0);
        assert_eq!(assigned.by_id(first.partition, first.generation), None);
    }
}
