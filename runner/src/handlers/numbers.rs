//! The numbers of the partitions of one handler, and of their assignments.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use livebus_core::dispatch::{Generation, PartitionId};

use crate::lock::lock;

/// Numbers the partitions of one handler, and their assignments. Clones share the numbers: each consumer of the handler has one.
#[derive(Debug, Clone, Default)]
pub struct PartitionNumbers(Arc<Mutex<Numbers>>);

#[derive(Debug, Default)]
struct Numbers {
    partitions: HashMap<(Arc<str>, i32), PartitionId>,
    generations: u64,
    /// Where partitions continue whose positions nobody commits, after their consumer was lost.
    resume: HashMap<PartitionId, i64>,
}

/// A partition that is assigned.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Numbered {
    /// The topic.
    pub topic: Arc<str>,
    /// The number of the partition in its topic.
    pub number: i32,
    /// Its number among all partitions of the handler.
    pub partition: PartitionId,
    /// The generation of this assignment.
    pub generation: Generation,
}

impl PartitionNumbers {
    /// Returns the number of a partition, with the generation of a new assignment.
    ///
    /// # Panics
    ///
    /// With more than 2^32 partitions.
    #[must_use]
    pub fn assign(&self, topic: &str, number: i32) -> Numbered {
        let mut numbers = lock(&self.0);
        numbers.generations += 1;
        let generation = Generation(numbers.generations);
        let topic: Arc<str> = Arc::from(topic);
        let next = PartitionId(u32::try_from(numbers.partitions.len()).expect("partitions fit"));
        let known = numbers.partitions.entry((Arc::clone(&topic), number));
        let partition = *known.or_insert(next);
        Numbered {
            topic,
            number,
            partition,
            generation,
        }
    }

    /// Returns whether any partition was assigned before, by any consumer of the handler.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        lock(&self.0).generations > 0
    }

    /// Returns where a partition of a broadcast continues, if it was assigned to a consumer that was lost.
    #[must_use]
    pub fn resume(&self, topic: &str, number: i32) -> Option<i64> {
        let numbers = lock(&self.0);
        let partition = numbers.partitions.get(&(Arc::from(topic), number))?;
        numbers.resume.get(partition).copied()
    }

    pub(crate) fn resume_at(&self, positions: impl IntoIterator<Item = (PartitionId, i64)>) {
        lock(&self.0).resume.extend(positions);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_keeps_its_number_and_each_assignment_has_a_greater_generation() {
        let numbers = PartitionNumbers::default();
        let first = numbers.assign("a", 0);
        let other = numbers.assign("b", 0);
        let again = numbers.clone().assign("a", 0);
        assert_eq!(first.partition, again.partition);
        assert_ne!(first.partition, other.partition);
        assert!(first.generation < other.generation && other.generation < again.generation);
    }
}
